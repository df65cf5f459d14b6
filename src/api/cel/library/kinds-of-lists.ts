/**
 * Lists of custom resources that are sets or maps: equal whatever their order, and joined without doubles (apiserver cel/common maplist).
 * A set is a Set; a list of type map is an array that is known here with its keys.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Value } from './define.ts';

const keysOfList = new WeakMap<readonly Value[], readonly string[]>();

/** Says that the items of the list are told apart by these fields. */
export function asMapList(list: Value[], keys: readonly string[]): Value[] {
  keysOfList.set(list, keys);
  return list;
}

function isSpecial(value: Value): boolean {
  return value instanceof Set || (Array.isArray(value) && keysOfList.has(value));
}

type Handle = (left: Value, right: Value, node: unknown, evaluator: unknown) => unknown;

/** The operator with what it means for sets and maps; other values go to the operator itself. */
export function withListKinds(operator: '+' | '==' | '!=', plain: Handle): Handle {
  if (operator === '+') return (left, right, node, evaluator) => (isSpecial(left) && (Array.isArray(right) || right instanceof Set) ? join(left, [...right]) : plain(left, right, node, evaluator));
  return (left, right, node, evaluator) => {
    const keys = keysOfList.get(left) ?? keysOfList.get(right);
    if (keys === undefined || !Array.isArray(left) || !Array.isArray(right)) return plain(left, right, node, evaluator);
    return plain(sorted(left, keys), sorted(right, keys), node, evaluator);
  };
}

function join(left: Value, right: readonly Value[]): Value {
  if (left instanceof Set) return new Set([...left, ...right]);
  const keys = keysOfList.get(left)!;
  const joined = [...(left as Value[])];
  for (const item of right) {
    const at = joined.findIndex((each) => isDeepStrictEqual(keyOf(each, keys), keyOf(item, keys)));
    if (at < 0) joined.push(item);
    else joined[at] = item;
  }
  return asMapList(joined, keys);
}

function keyOf(item: Value, keys: readonly string[]): Value[] {
  return keys.map((key) => (item instanceof Map ? item.get(key) : item?.[key]));
}

function sorted(list: readonly Value[], keys: readonly string[]): Value[] {
  const textOf = (item: Value): string => keyOf(item, keys).map(String).join('\0');
  return list.map((item) => [textOf(item), item] as const).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, item]) => item);
}
