/** How large the values of a schema can be (apiserver cel/common schemas.go: MaxElements and MinSerializedSize of a declared type). */
import { ownValue } from '../../json.ts';
import { resolveSchema, type Schema } from '../../schema/schema.ts';
import { escapedName } from '../value.ts';

export const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
const FORMAT_SIZE: Readonly<Record<string, number>> = { duration: 32, date: 12, 'date-time': 32 };
const TEXT: Schema = { type: 'string' };
const OBJECT_META: Schema = { type: 'object', properties: { name: TEXT, generateName: TEXT } };

/** What stands at a place: a schema, the keys of a map, or nothing that expressions know. */
type Place = { schema: Schema; root: boolean } | 'keys' | undefined;

/** The most characters, items or entries of what stands at the path below the schema; undefined where expressions know nothing of it. The first step names the variable. */
export function sizeAt(schema: Schema, root: boolean, path: readonly string[]): number | undefined {
  let place: Place = { schema, root };
  for (const step of path.slice(1)) {
    if (place === undefined || place === 'keys') return undefined;
    place = placeBelow(place.schema, place.root, step);
  }
  return place === undefined ? undefined : place === 'keys' ? 0 : mostElements(place.schema);
}

/** How many values a schema may have within a request, when nothing else bounds them. */
export function cardinalityOf(schema: Schema, root = false): number {
  return Math.floor(MAX_REQUEST_BYTES / (leastBytes(schema, root) + 1));
}

function placeBelow(schema: Schema, root: boolean, step: string): Place {
  switch (step) {
    case '@items': case '@values': return declared(valuesOf(schema));
    case '@keys': return schema.type === 'object' && valuesOf(schema) !== undefined ? 'keys' : undefined;
    default:
  }
  if (schema.type !== 'object' || valuesOf(schema) !== undefined) return undefined;
  if (root && step === 'metadata') return declared(OBJECT_META);
  if (root && (step === 'kind' || step === 'apiVersion')) return declared(TEXT);
  for (const [name, ref] of Object.entries(schema.properties ?? {})) if (escapedName(name) === step) return declared(resolveSchema(ref));
  return undefined;
}

function declared(schema: Schema | undefined): Place {
  return schema === undefined || !isDeclared(schema) ? undefined : { schema, root: schema.xEmbeddedResource === true };
}

/** The items of a list, or the values of a map. */
function valuesOf(schema: Schema): Schema | undefined {
  if (schema.xIntOrString === true) return undefined;
  if (schema.type === 'array') return schema.items === undefined ? undefined : resolveSchema(schema.items);
  return schema.type !== 'object' || schema.additionalProperties === undefined || schema.additionalProperties === true ? undefined : resolveSchema(schema.additionalProperties);
}

/** Values without a type, and lists and maps of such, are none that expressions know. */
function isDeclared(schema: Schema): boolean {
  if (schema.xIntOrString === true) return true;
  if (schema.type === 'array' && schema.items === undefined) return false;
  const values = valuesOf(schema);
  return schema.type !== undefined && (values === undefined || isDeclared(values));
}

/** Numbers, booleans and objects with fields have none that count. */
function mostElements(schema: Schema): number {
  if (schema.xIntOrString === true) return schema.maxLength === undefined ? MAX_REQUEST_BYTES - 2 : schema.maxLength * 4;
  const values = valuesOf(schema);
  switch (schema.type) {
    case 'array': return values === undefined ? 0 : schema.maxItems ?? Math.floor((MAX_REQUEST_BYTES - 2) / (leastBytes(values) + 1));
    case 'object': return values === undefined ? 0 : schema.maxProperties ?? Math.floor((MAX_REQUEST_BYTES - 2) / (leastBytes(values) + 6));
    case 'string': {
      const ofFormat = ownValue(FORMAT_SIZE, schema.format ?? '');
      if (ofFormat !== undefined) return ofFormat;
      if (schema.maxLength !== undefined) return schema.maxLength * (schema.format === 'byte' ? 1 : 4);
      if (schema.format === 'byte' || (schema.enum?.length ?? 0) === 0) return MAX_REQUEST_BYTES - 2;
      return schema.enum!.reduce<number>((most, each) => (typeof each === 'string' ? Math.max(most, Buffer.byteLength(each)) : most), 0);
    }
    default: return 0;
  }
}

/** The fewest bytes that a value takes in a request. */
function leastBytes(schema: Schema, root = schema.xEmbeddedResource === true): number {
  if (schema.xIntOrString === true) return 1;
  switch (schema.type) {
    case 'boolean': return 4;
    case 'integer': case 'number': return 1;
    case 'string': return schema.format === 'date' ? 12 : schema.format === 'date-time' ? 21 : schema.format === 'duration' ? 3 : 2;
    case 'object': return valuesOf(schema) === undefined ? 2 + requiredBytes(schema, root) : 2;
    default: return 2;
  }
}

function requiredBytes(schema: Schema, root: boolean): number {
  let bytes = 0;
  for (const name of schema.required ?? []) {
    const named = root && name === 'metadata' ? OBJECT_META : root && (name === 'kind' || name === 'apiVersion') ? TEXT : schema.properties?.[name];
    const property = named === undefined ? undefined : resolveSchema(named);
    if (property !== undefined && isDeclared(property) && property.default === undefined) bytes += name.length + leastBytes(property) + 4;
  }
  return bytes;
}
