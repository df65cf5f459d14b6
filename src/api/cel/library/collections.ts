/** Lists (apiserver cel/library lists), sets (cel-go ext sets), and the list functions of cel-go ext lists. */
import type { Environment } from '@marcbachmann/cel-js';
import { Duration } from '@marcbachmann/cel-js/evaluator';
import { isDeepStrictEqual } from 'node:util';
import { define, defineNamespace, type Value } from './define.ts';

export function registerCollections(environment: Environment): void {
  const sets = defineNamespace(environment, 'sets');
  const lists = defineNamespace(environment, 'lists');
  define(environment, {
    'list.joinItems(): string': (list: Value) => joined([...list], ''),
    'list.joinItems(string): string': (list: Value, between: string) => joined([...list], between),
    'list.isSorted(): bool': (list: Value) => isSorted([...list]),
    'list.sum(): dyn': (list: Value) => sum([...list]),
    'list.min(): dyn': (list: Value) => extreme([...list], 'min'),
    'list.max(): dyn': (list: Value) => extreme([...list], 'max'),
    'list.indexOf(dyn): int': (list: Value, value: Value) => BigInt([...list].findIndex((each) => equal(each, value))),
    'list.lastIndexOf(dyn): int': (list: Value, value: Value) => BigInt([...list].findLastIndex((each) => equal(each, value))),
    'list.flatten(): list<dyn>': (list: Value) => [...list].flat(1),
    'list.flatten(int): list<dyn>': (list: Value, depth: bigint) => flatten([...list], depth),
    'list.slice(int, int): list<dyn>': (list: Value, from: bigint, to: bigint) => slice([...list], Number(from), Number(to)),
    'list.reverse(): list<dyn>': (list: Value) => [...list].reverse(),
    'list.distinct(): list<dyn>': (list: Value) => distinct([...list]),
    'list.sort(): list<dyn>': (list: Value) => [...list].sort(compare),
    [`${sets}.contains(list, list): bool`]: (_: unknown, list: Value, part: Value) => containsAll([...list], [...part]),
    [`${sets}.equivalent(list, list): bool`]: (_: unknown, a: Value, b: Value) => containsAll([...a], [...b]) && containsAll([...b], [...a]),
    [`${sets}.intersects(list, list): bool`]: (_: unknown, a: Value, b: Value) => [...a].some((each) => [...b].some((other) => equal(each, other))),
    [`${lists}.range(int): list<int>`]: (_: unknown, count: bigint) => Array.from({ length: Math.min(Number(count), 100_000) }, (_each, index) => BigInt(index)),
  });
}

/** The evaluator's functions that ours take the place of (see program.ts): its own know no sets. */
export const REPLACED: ReadonlyMap<string, string> = new Map([['join/0', 'joinItems'], ['join/1', 'joinItems']]);

function joined(list: readonly Value[], between: string): string {
  if (!list.every((each) => typeof each === 'string')) throw new Error('no such overload: join of a list that holds more than strings');
  return list.join(between);
}

export function equal(a: Value, b: Value): boolean {
  // What durations differ in is not seen from outside.
  if (a instanceof Duration && b instanceof Duration) return compare(a, b) === 0;
  // oxlint-disable-next-line eqeqeq
  return a === b || (typeof a !== 'object' && typeof b !== 'object' && typeof a !== 'string' && typeof b !== 'string' ? a == b : isDeepStrictEqual(a, b));
}

/** Of values of one type, as `sort` has it. */
export function compare(a: Value, b: Value): number {
  const [x, y] = [plain(a), plain(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Strings in Go's order, by code points; the rest as it says itself. */
function plain(value: Value): Value {
  return typeof value === 'object' && value !== null ? value.valueOf() : value;
}

function isSorted(list: readonly Value[]): boolean {
  return list.every((each, index) => index === 0 || compare(list[index - 1], each) <= 0);
}

function sum(list: readonly Value[]): Value {
  return list.length === 0 ? 0n : list.slice(1).reduce((total, each) => (typeof total === 'object' ? total.addDuration(each) : total + each), list[0]);
}

function extreme(list: readonly Value[], which: 'min' | 'max'): Value {
  if (list.length === 0) throw new Error(`${which} called on empty list`);
  return list.reduce((best, each) => ((compare(each, best) < 0) === (which === 'min') && compare(each, best) !== 0 ? each : best));
}

function slice(list: readonly Value[], from: number, to: number): Value[] {
  if (from < 0 || to < 0) throw new Error(`cannot slice(${from}, ${to}), negative indexes not supported`);
  if (from > to) throw new Error(`cannot slice(${from}, ${to}), start index must be less than or equal to end index`);
  if (to > list.length) throw new Error(`cannot slice(${from}, ${to}), list is length ${list.length}`);
  return list.slice(from, to);
}

function flatten(list: readonly Value[], depth: bigint): Value[] {
  if (depth < 0n) throw new Error('level must be non-negative');
  return list.flat(Math.min(Number(depth), 20));
}

function distinct(list: readonly Value[]): Value[] {
  const kept: Value[] = [];
  const seen = new Set<unknown>();
  for (const each of list) {
    if (typeof each === 'object' ? kept.some((other) => equal(other, each)) : seen.has(each)) continue;
    seen.add(each);
    kept.push(each);
  }
  return kept;
}

function containsAll(list: readonly Value[], part: readonly Value[]): boolean {
  return part.every((each) => list.some((other) => equal(each, other)));
}
