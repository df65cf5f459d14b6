/** Times as cel-spec has them, where the evaluator lacks something: conversions, and parts of a time in a zone that is an offset. */
import type { Environment } from '@marcbachmann/cel-js';
import { define, type Value } from './define.ts';
import { durationOf } from '../value.ts';
import { isTime, timeOf } from '../zoned-times.ts';
import { show } from './format-string.ts';

const TIMESTAMP = 'google.protobuf.Timestamp';
const DURATION = 'google.protobuf.Duration';

const PARTS: Readonly<Record<string, (time: Date) => number>> = {
  getDate: (time) => time.getUTCDate(), getDayOfMonth: (time) => time.getUTCDate() - 1, getDayOfWeek: (time) => time.getUTCDay(),
  getDayOfYear: (time) => Math.floor((time.getTime() - Date.UTC(time.getUTCFullYear(), 0, 1)) / 86_400_000), getFullYear: (time) => time.getUTCFullYear(),
  getHours: (time) => time.getUTCHours(), getMilliseconds: (time) => time.getUTCMilliseconds(), getMinutes: (time) => time.getUTCMinutes(),
  getMonth: (time) => time.getUTCMonth(), getSeconds: (time) => time.getUTCSeconds(),
};

/** The evaluator's functions that ours take the place of, by name and number of arguments (see program.ts). */
export const REPLACED: ReadonlyMap<string, string> = new Map([...Object.keys(PARTS).map((name) => [`${name}/1`, `${name}InZone`] as const), ['getDayOfYear/0', 'getDayOfYearUtc']]);

/** The evaluator's own know no bare zero, and no times with all that RFC 3339 allows. */
export const REPLACED_CALLS: ReadonlyMap<string, string> = new Map([['duration/1', 'goDuration'], ['timestamp/1', 'goTimestamp']]);

export function registerTimes(environment: Environment): void {
  define(environment, {
    [`goDuration(string): ${DURATION}`]: (text: string) => durationOf(text) ?? invalidDuration(text),
    [`goDuration(${DURATION}): ${DURATION}`]: (duration: Value) => duration,
    [`goTimestamp(string): ${TIMESTAMP}`]: (text: string) => (isTime(text) ? inRange(timeOf(text)!) : invalidTime('timestamp() requires a string in ISO 8601 format')),
    [`goTimestamp(int): ${TIMESTAMP}`]: (seconds: bigint) => inRange(new Date(Number(seconds) * 1_000)),
    [`goTimestamp(${TIMESTAMP}): ${TIMESTAMP}`]: (time: Date) => time,
    [`string(${TIMESTAMP}): string`]: show,
    [`string(${DURATION}): string`]: show,
    [`int(${TIMESTAMP}): int`]: (time: Date) => BigInt(Math.floor(time.getTime() / 1000)),
    [`duration(${DURATION}): ${DURATION}`]: (duration: Value) => duration,
    'int(uint): int': (value: Value) => value.valueOf(),
    [`${TIMESTAMP}.getDayOfYearUtc(): int`]: (time: Date) => BigInt(PARTS['getDayOfYear']!(time)),
    ...Object.fromEntries(Object.entries(PARTS).map(([name, part]) => [`${TIMESTAMP}.${name}InZone(string): int`, (time: Date, zone: string) => BigInt(part(inZone(time, zone)))])),
  });
}

const [FIRST_MS, LAST_MS] = [-62_135_596_800_000, 253_402_300_799_999];

function inRange(time: Date): Date {
  return time.getTime() >= FIRST_MS && time.getTime() <= LAST_MS ? time : invalidTime('timestamp overflow');
}

function invalidTime(message: string): never {
  throw new Error(message);
}

function invalidDuration(text: string): never {
  throw new Error(`time: invalid duration ${JSON.stringify(text)}`);
}

/** The time whose UTC parts are those of `time` in the zone: a name, or an offset such as `-07:00`. */
function inZone(time: Date, zone: string): Date {
  const offset = /^([+-]?)(\d{2}):(\d{2})$/.exec(zone);
  if (offset !== null) return new Date(time.getTime() + (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3])) * 60_000);
  try {
    const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' }).formatToParts(time);
    const numberOf = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
    return new Date(Date.UTC(numberOf('year'), numberOf('month') - 1, numberOf('day'), numberOf('hour'), numberOf('minute'), numberOf('second'), time.getUTCMilliseconds()));
  } catch {
    throw new Error(`unknown time zone ${zone}`);
  }
}
