/** JSON values as expressions see them: by their schema (custom resources), or as they are (admission). */
import { Duration } from '@marcbachmann/cel-js/evaluator';
import { int64Of } from '../int64.ts';
import { resolveSchema, type Schema } from '../schema/schema.ts';
import type { Value } from './library/define.ts';
import { asMapList } from './library/kinds-of-lists.ts';
import { timeOf } from './zoned-times.ts';

const KEYWORDS = new Set(['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while']);

const LITERALS = new Set(['true', 'false', 'null', 'in']);

/** The name by which expressions reach a property: `a-b` is `a__dash__b`; undefined where there is none (apiserver cel escaping). */
export function escapedName(name: string): string | undefined {
  if (KEYWORDS.has(name)) return `__${name}__`;
  const escaped = name.replaceAll('__', '\0').replaceAll('.', '__dot__').replaceAll('-', '__dash__').replaceAll('/', '__slash__').replaceAll('\0', '__underscores__');
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped) ? escaped : undefined;
}

/** Keywords that may stand as they are after a dot: `self.spec.namespace`, beside `self.spec.__namespace__`. */
export function isSelectable(name: string): boolean {
  return KEYWORDS.has(name) && !LITERALS.has(name);
}

/** Numbers without a fraction are integers, unless they are beyond what one is kept in; objects are maps, so that no key means more than it says. */
export function untypedToCel(value: unknown): Value {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(untypedToCel);
  if (typeof value !== 'object' || value === null) return value;
  const map = new Map<string, Value>();
  for (const [key, each] of Object.entries(value)) if (each !== undefined) map.set(key, untypedToCel(each));
  return map;
}

/** A value of a custom resource. Null counts as absent; `root` shows of the metadata what rules may see: name and generateName. */
export function toCel(schema: Schema, value: unknown, root = false): Value {
  if (value === null || value === undefined) return null;
  if (schema.xIntOrString === true) return untypedToCel(value);
  switch (schema.type) {
    case 'integer': return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
    case 'number': return typeof value === 'bigint' ? Number(value) : value;
    case 'boolean': return value;
    case 'string': return typeof value === 'string' ? textToCel(schema.format, value) : value;
    case 'array': return Array.isArray(value) && schema.items !== undefined ? listToCel(schema, value) : untypedToCel(value);
    case 'object': return typeof value === 'object' && !Array.isArray(value) ? objectToCel(schema, value as Record<string, unknown>, root) : value;
    default: return untypedToCel(value);
  }
}

function listToCel(schema: Schema, value: readonly unknown[]): Value {
  const items = resolveSchema(schema.items!);
  const list = value.map((each) => toCel(items, each));
  if (schema.xListType === 'map') return asMapList(list, (schema.xListMapKeys ?? []).map((key) => escapedName(key) ?? key));
  return schema.xListType === 'set' ? new Set(list) : list;
}

function objectToCel(schema: Schema, object: Record<string, unknown>, root: boolean): Map<string, Value> {
  const map = new Map<string, Value>();
  const { properties, additionalProperties: rest } = schema;
  const embedded = root || schema.xEmbeddedResource === true;
  if (properties === undefined && rest !== undefined && rest !== true) {
    const values = resolveSchema(rest);
    for (const [key, each] of Object.entries(object)) map.set(key, toCel(values, each));
    return map;
  }
  if (properties === undefined || Object.keys(properties).length === 0) return untypedToCel(object) as Map<string, Value>;
  for (const [name, ref] of Object.entries(properties)) {
    const each = Object.hasOwn(object, name) ? object[name] : undefined;
    const key = escapedName(name);
    if (each === undefined || each === null) continue;
    if (key === undefined) {
      map.set(`?${name}`, toCel(resolveSchema(ref), each)); // no expression can name it, but it makes two objects differ
      continue;
    }
    const known = embedded && name === 'metadata' ? metadataToCel(each as Record<string, unknown>) : toCel(resolveSchema(ref), each);
    map.set(key, known);
    if (isSelectable(name)) map.set(name, known);
  }
  // Expressions cannot name what the schema does not, but it makes two objects differ.
  if (schema.xPreserveUnknownFields === true) for (const [name, each] of Object.entries(object)) if (!Object.hasOwn(properties, name)) map.set(`?${name}`, untypedToCel(each));
  return map;
}

function metadataToCel(metadata: Record<string, unknown>): Map<string, Value> {
  const map = new Map<string, Value>();
  for (const key of ['name', 'generateName']) if (typeof metadata[key] === 'string') map.set(key, metadata[key]);
  return map;
}

function textToCel(format: string | undefined, text: string): Value {
  switch (format) {
    case 'byte': return new Uint8Array(Buffer.from(text, 'base64'));
    case 'date': case 'date-time': return timeOf(text) ?? text;
    case 'duration': return durationOf(text) ?? text;
    default: return text;
  }
}

const UNIT_NANOS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** A Go duration: `1h30m`, `1.5s`. */
export function durationOf(text: string): Duration | undefined {
  const match = /^([+-]?)((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/.exec(text);
  if (match === null) return undefined;
  let nanos = 0;
  for (const [, number = '0', unit = 's'] of match[2]!.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) nanos += Number(number) * UNIT_NANOS[unit]!;
  const sign = match[1] === '-' ? -1 : 1;
  return new Duration(BigInt(sign * Math.trunc(nanos / 1e9)), sign * Math.round(nanos % 1e9));
}

/** An expression's value as JSON: integers become numbers, maps objects, times text. */
export function fromCel(value: Value): unknown {
  if (typeof value === 'bigint') return int64Of(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(fromCel);
  if (value instanceof Set) return [...value].map(fromCel);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, each]) => [String(key), fromCel(each)]));
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Duration) return value.toString();
  if (typeof value === 'object' && value !== null && value.constructor === Object) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fromCel(each)]));
  return value;
}
