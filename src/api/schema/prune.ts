/**
 * Brings a value into the form its schema has: fields the schema does not know go. In built-in types, which upstream decodes into Go structs,
 * nulls go too, and quantities, times and bytes become canonical. Changes the value.
 */
import { formatQuantity } from '../quantity.ts';
import { formatTime, parseTime } from '../times.ts';
import { isMetaField } from './check-fields.ts';
import { resolveSchema, shapeFor, type Schema } from './schema.ts';

type Fields = Record<string, unknown>;

/** Changes `value` and returns it. Call it after checkFields, so that types are right. */
export function prune<T>(anySchema: Schema, value: T): T {
  const schema = shapeFor(anySchema, value);
  if (Array.isArray(value)) pruneList(schema, value);
  else if (typeof value === 'object' && value !== null) pruneObject(schema, value as Fields);
  return value;
}

function pruneList(schema: Schema, list: unknown[]): void {
  if (schema.items === undefined) return;
  const items = resolveSchema(schema.items);
  for (const [index, item] of list.entries()) {
    if (typeof item === 'object') prune(items, item);
    else if (isCanonicalized(items)) list[index] = canonical(items, item);
  }
}

function pruneObject(schema: Schema, object: Fields): void {
  const { properties, additionalProperties: rest } = schema;
  if (properties === undefined && rest === undefined && schema.type === undefined) return;
  const builtIn = schema.goType !== undefined;
  for (const key of Object.keys(object)) {
    const value = object[key];
    const property = properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : rest;
    if (property === undefined) {
      if (schema.xPreserveUnknownFields !== true && !(schema.xEmbeddedResource === true && isMetaField(key))) delete object[key];
    } else if (property === true) continue;
    else if (value === null || value === undefined) {
      if (builtIn && properties !== undefined) delete object[key];
    } else if (typeof value === 'object') prune(resolveSchema(property), value);
    else if (builtIn) {
      const scalar = resolveSchema(property);
      if (isCanonicalized(scalar)) object[key] = canonical(scalar, value);
    }
  }
}

function isCanonicalized({ format, name, goType }: Schema): boolean {
  return (format === 'quantity' && name !== undefined) || (format === 'date-time' && name !== undefined) || (format === 'byte' && goType !== undefined);
}

/** A built-in scalar as Go writes it again: `1000m` is `1`, times are UTC in whole seconds (MicroTime: in microseconds), base64 is one line. */
function canonical(schema: Schema, value: unknown): unknown {
  if (schema.format === 'quantity') return formatQuantity(value as string);
  if (typeof value !== 'string') return value;
  if (schema.format === 'byte') return value.replace(/[\r\n]/g, '');
  const digits = schema.name?.endsWith('.MicroTime') === true ? 6 : 0;
  if (value.endsWith('Z') && value.length === (digits === 0 ? 20 : 27)) return value;
  const time = parseTime(value);
  return time === undefined ? value : formatTime(time, digits);
}
