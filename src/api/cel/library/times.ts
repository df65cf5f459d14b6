/** Conversions of times that the evaluator lacks (cel-spec standard definitions). */
import type { Environment } from '@marcbachmann/cel-js';
import { define, type Value } from './define.ts';
import { show } from './format-string.ts';

const TIMESTAMP = 'google.protobuf.Timestamp';
const DURATION = 'google.protobuf.Duration';

export function registerTimes(environment: Environment): void {
  define(environment, {
    [`string(${TIMESTAMP}): string`]: show,
    [`string(${DURATION}): string`]: show,
    [`int(${TIMESTAMP}): int`]: (time: Date) => BigInt(Math.floor(time.getTime() / 1000)),
    [`timestamp(${TIMESTAMP}): ${TIMESTAMP}`]: (time: Date) => time,
    [`duration(${DURATION}): ${DURATION}`]: (duration: Value) => duration,
    'int(uint): int': (value: Value) => value.valueOf(),
  });
}
