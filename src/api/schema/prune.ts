/**
 * Brings a value into the form its schema has: fields the schema does not know go. In built-in types, which upstream decodes into Go structs,
 * nulls go too and quantities become canonical strings. Changes the value.
 */
import { formatQuantity } from '../quantity.ts';
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
    if (items.format === 'quantity') list[index] = formatQuantity(item as string);
    else if (typeof item === 'object') prune(items, item);
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
    else if (builtIn && resolveSchema(property).format === 'quantity') object[key] = formatQuantity(value as string);
  }
}
