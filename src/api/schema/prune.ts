/**
 * Brings a value into the form its schema has: fields the schema does not know go. In built-in types, which upstream decodes into Go structs,
 * nulls go too (in lists and maps they become zero values), and so does what Go leaves out for being empty; quantities, times and bytes become
 * canonical. Changes the value.
 */
import { formatQuantity } from '../quantity.ts';
import { formatTime, parseTime } from '../times.ts';
import { isMetaField } from './check-fields.ts';
import { resolveSchema, shapeFor, type Schema } from './schema.ts';

type Fields = Record<string, unknown>;

/**
 * Changes `value` and returns it; frozen parts that need a change are replaced by copies. Call it after checkFields, so that types are right.
 */
export function prune<T>(anySchema: Schema, value: T): T {
  const schema = shapeFor(anySchema, value);
  if (Array.isArray(value)) return pruneList(schema, value) as T;
  return typeof value === 'object' && value !== null ? (pruneObject(schema, value as Fields) as T) : value;
}

function pruneList(schema: Schema, list: unknown[]): unknown[] {
  if (schema.items === undefined) return list;
  const items = resolveSchema(schema.items);
  let target = list;
  for (const [index, item] of list.entries()) {
    const next = item === null ? zeroOf(items) : typeof item === 'object' ? prune(items, item) : canonical(items, item);
    if (next !== item) (target = writable(target))[index] = next;
  }
  return target;
}

function pruneObject(schema: Schema, object: Fields): Fields {
  const { properties, additionalProperties: rest, omitEmpty } = schema;
  if (properties === undefined && rest === undefined && schema.type === undefined) return object;
  const builtIn = schema.goType !== undefined;
  let target = object;
  for (const key of Object.keys(object)) {
    const value = object[key];
    const property = properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : rest;
    if (property === true) continue;
    if (property === undefined ? isUnknown(schema, key) : builtIn && properties !== undefined && (value === null || value === undefined)) delete (target = writable(target))[key];
    else if (property !== undefined) {
      const next = value === null && builtIn ? zeroOf(resolveSchema(property)) : typeof value === 'object' ? prune(resolveSchema(property), value) : builtIn || typeof value === 'bigint' ? canonical(resolveSchema(property), value) : value;
      if (omitEmpty !== undefined && isEmpty(next) && omitEmpty.has(key)) delete (target = writable(target))[key];
      else if (next !== value) (target = writable(target))[key] = next;
    }
  }
  return target;
}

/** What Go's encoder takes as empty. */
function isEmpty(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === '' || value === 0 || value === false;
  if (Array.isArray(value)) return value.length === 0;
  for (const _key in value) return false;
  return true;
}

/** What Go makes of a null in a list or map: the zero value of its type. Custom resources keep their nulls. */
function zeroOf(schema: Schema): unknown {
  if (schema.goType === undefined && (schema.name === undefined || schema.format === undefined)) return null;
  switch (schema.type) {
    case 'object': return {};
    case 'array': return [];
    case 'boolean': return false;
    case 'integer': case 'number': return 0;
    default: return schema.format === 'quantity' ? '0' : schema.format === 'date-time' ? null : schema.format === 'int-or-string' ? 0 : '';
  }
}

function isUnknown(schema: Schema, key: string): boolean {
  return schema.xPreserveUnknownFields !== true && !(schema.xEmbeddedResource === true && isMetaField(key));
}

/** `part` itself, or a copy where it is shared and frozen. */
export function writable<T extends object>(part: T): T {
  if (!Object.isFrozen(part)) return part;
  return (Array.isArray(part) ? [...part] : { ...part }) as T;
}

function isCanonicalized({ format, name, goType }: Schema): boolean {
  return (format === 'quantity' && name !== undefined) || (format === 'date-time' && name !== undefined) || (format === 'byte' && goType !== undefined);
}

/** A built-in scalar as Go writes it again: `1000m` is `1`, times are UTC in whole seconds (MicroTime: in microseconds), base64 is one line. */
function canonical(schema: Schema, value: unknown): unknown {
  if (typeof value === 'bigint' && schema.goType === 'float64') return Number(value);
  if (!isCanonicalized(schema)) return value;
  if (schema.format === 'quantity') return formatQuantity(value as string);
  if (typeof value !== 'string') return value;
  if (schema.format === 'byte') return value.replace(/[\r\n]/g, '');
  const digits = schema.name?.endsWith('.MicroTime') === true ? 6 : 0;
  if (value.endsWith('Z') && value.length === (digits === 0 ? 20 : 27)) return value;
  const time = parseTime(value);
  return time === undefined ? value : formatTime(time, digits);
}
