/** `jsonpatch.escapeKey`: a key as a part of a JSON pointer (RFC 6901; upstream: apiserver cel/library jsonpatch). */
import type { Environment } from '@marcbachmann/cel-js';
import { define, defineNamespace } from './define.ts';

export function registerJsonPatch(environment: Environment): void {
  const type = defineNamespace(environment, 'jsonpatch');
  define(environment, { [`${type}.escapeKey(string): string`]: (_: unknown, key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1') });
}
