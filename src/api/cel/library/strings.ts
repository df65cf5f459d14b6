/** Extended strings (version 2) and regular expressions (apiserver cel/library regex; cel-go ext strings). */
import type { Environment } from '@marcbachmann/cel-js';
import { compile } from '../../schema/regular-expression.ts';
import { define, defineNamespace, type Value } from './define.ts';
import { formatString } from './format-string.ts';

/** The evaluator's functions that ours take the place of (see program.ts): its own change other letters too. */
export const REPLACED: ReadonlyMap<string, string> = new Map([['matches/1', 'matchesRe2'], ['lowerAscii/0', 'lowerLatin'], ['upperAscii/0', 'upperLatin']]);

export function registerStrings(environment: Environment): void {
  for (const [operator, holds] of Object.entries({ '<': (order: number) => order < 0, '<=': (order: number) => order <= 0, '>': (order: number) => order > 0, '>=': (order: number) => order >= 0 })) {
    environment.registerOperator(`bytes ${operator} bytes`, (a: Uint8Array, b: Uint8Array) => holds(Buffer.compare(a, b)));
  }
  const strings = defineNamespace(environment, 'strings');
  define(environment, {
    'string.charAt(int): string': (text: string, at: bigint) => charAt([...text], Number(at)),
    'string.replace(string, string): string': (text: string, from: string, to: string) => text.replaceAll(from, () => to),
    'string.replace(string, string, int): string': (text: string, from: string, to: string, count: bigint) => replaceSome(text, from, to, Number(count)),
    'string.reverse(): string': (text: string) => [...text].reverse().join(''),
    'string.format(list): string': (text: string, values: readonly Value[]) => formatString(text, values),
    [`${strings}.quote(string): string`]: (_: unknown, text: string) => JSON.stringify(text),
    'string.find(string): string': (text: string, pattern: string) => regex(pattern).exec(text)?.[0] ?? '',
    'string.findAll(string): list<string>': (text: string, pattern: string) => findAll(text, pattern, -1),
    'string.findAll(string, int): list<string>': (text: string, pattern: string, count: bigint) => findAll(text, pattern, Number(count)),
    'matches(string, string): bool': (text: string, pattern: string) => regex(pattern).test(text),
    'string.lowerLatin(): string': (text: string) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()),
    'string.upperLatin(): string': (text: string) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase()),
    // Takes the place of the evaluator's own `matches`, which reads patterns as JavaScript's (see program.ts).
    'string.matchesRe2(string): bool': (text: string, pattern: string) => regex(pattern).test(text),
  });
}

const MAX_CACHED = 500;
const cache = new Map<string, RegExp>();

function regex(pattern: string): RegExp {
  let made = cache.get(pattern);
  if (made === undefined) {
    made = compile(pattern);
    if (made === undefined) throw new Error(`error parsing regexp: ${pattern}`);
    if (cache.size >= MAX_CACHED) cache.clear();
    cache.set(pattern, made);
  }
  return made;
}

function findAll(text: string, pattern: string, count: number): string[] {
  const found: string[] = [];
  const { source, flags } = regex(pattern);
  for (const match of text.matchAll(new RegExp(source, `${flags}g`))) {
    if (count >= 0 && found.length >= count) break;
    found.push(match[0]);
  }
  return found;
}

function charAt(characters: readonly string[], at: number): string {
  if (at < 0 || at > characters.length) throw new Error(`index out of range: ${at}`);
  return characters[at] ?? '';
}

function replaceSome(text: string, from: string, to: string, count: number): string {
  if (count < 0) return text.replaceAll(from, () => to);
  let result = text;
  for (let done = 0, at = 0; done < count; done++) {
    at = result.indexOf(from, at);
    if (at < 0) break;
    result = result.slice(0, at) + to + result.slice(at + from.length);
    at += to.length + (from === '' ? 1 : 0);
  }
  return result;
}
