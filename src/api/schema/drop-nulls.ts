/** Nulls of custom resources that say nothing (apiextensions-apiserver schema/defaulting, PruneNonNullableNullsWithoutDefaults). */
import { isJsonObject } from '../json.ts';
import type { Json } from '../meta.ts';
import { resolveSchema, type Schema } from './schema.ts';

/** Takes out of `value`, which is changed, the fields that are null where the schema knows them, has no default for them and no null. Items of lists stay. */
export function dropNulls(schema: Schema, value: Json): void {
  if (schema.goType !== undefined) return;
  if (Array.isArray(value)) {
    const items = schema.items === undefined ? undefined : resolveSchema(schema.items);
    if (items !== undefined) for (const item of value) dropNulls(items, item);
    return;
  }
  if (!isJsonObject(value)) return;
  const { properties = {}, additionalProperties: rest } = schema;
  for (const key of Object.keys(value)) {
    const ref = Object.hasOwn(properties, key) ? properties[key] : rest;
    if (ref === undefined || ref === true) continue;
    const field = resolveSchema(ref);
    if (value[key] !== null) dropNulls(field, value[key]!);
    else if (field.nullable !== true && field.default === undefined) delete value[key];
  }
}
