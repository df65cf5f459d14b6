/** Small words about JSON values: copy, compare, tell apart. */
import type { Json } from './meta.ts';

export type JsonObject = { [key: string]: Json };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A deep copy that shares nothing with its source, so a frozen value can be changed in the copy. Keys whose value is undefined are left out, as on the wire. */
export function cloneJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cloneJson) as T;
  const copy: Record<string, unknown> = {};
  for (const key in value) if (value[key] !== undefined) setKey(copy, key, cloneJson(value[key]));
  return copy as T;
}

/** How deep values of clients may be nested; deeper ones would end the stack of what walks them. */
export const MAX_DEPTH = 1_000;

/** Whether a value is nested deeper than so many levels: `{a: []}` has two. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels <= 0) return true;
  if (Array.isArray(value)) return value.some((each) => isDeeperThan(each, levels - 1));
  for (const key in value) if (isDeeperThan((value as JsonObject)[key], levels - 1)) return true;
  return false;
}

/**
 * The length of `JSON.stringify(value)`, without making the text. It costs in proportion to the length, where JSON.stringify looks for circles: at
 * each level it compares with all levels above, half a second for a megabyte and a half of `[[[[...]]]]`.
 */
export function jsonLength(value: unknown): number {
  if (typeof value === 'string') return JSON.stringify(value).length;
  if (typeof value !== 'object' || value === null) return typeof value === 'number' && !Number.isFinite(value) ? 4 : String(value).length;
  let length = 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const each of value) length += jsonLength(each);
    count = value.length;
  } else for (const key in value) {
    const its = (value as JsonObject)[key];
    if (its === undefined) continue;
    length += JSON.stringify(key).length + 1 + jsonLength(its);
    count += 1;
  }
  return 2 + length + Math.max(0, count - 1);
}

/** As Go prints a value: `map[spec:map[replicas:3]]`. */
export function goText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isJsonObject(value)) return value === null ? '<nil>' : String(value);
  return `map[${Object.keys(value).sort().map((key) => `${key}:${goText(value[key]!)}`).join(' ')}]`;
}

/** Deep equality. The order of keys does not matter; a key whose value is undefined counts as absent. */
export function equalJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) return equalArrays(left, right);
  const a = left as Record<string, unknown>;
  const b = right as Record<string, unknown>;
  for (const key in a) if (!equalJson(a[key], ownValue(b, key))) return false;
  for (const key in b) if (b[key] !== undefined && ownValue(a, key) === undefined) return false;
  return true;
}

function equalArrays(left: unknown, right: unknown): boolean {
  if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (!equalJson(left[index], right[index])) return false;
  return true;
}

/** The value of an own key, so that `constructor` in a label map is not taken from the prototype. */
export function ownValue<T>(object: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Sets a key that may come from outside: `__proto__` becomes a plain own key. */
export function setKey<T>(object: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  else object[key] = value;
}

/** Freezes in depth and gives the same value; what is frozen already is taken as frozen in depth. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  if (Array.isArray(value)) for (const each of value) deepFreeze(each);
  else for (const name in value) deepFreeze(value[name]);
  return value;
}
