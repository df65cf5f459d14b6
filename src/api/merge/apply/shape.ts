/** Shape: a Schema as server-side apply sees it: what is one value (atomic) and what is many (granular). Made once a schema. */
import { fieldOf, resolveSchema, type Schema } from '../../schema/schema.ts';
import { isJsonObject } from '../../json.ts';
import type { Json } from '../../meta.ts';

export interface Shape {
  /** leaf: atomic or scalar. map: by key. keyed and set: lists by keys of their elements or by value. free: no schema; maps granular, lists atomic. */
  form: 'leaf' | 'map' | 'keyed' | 'set' | 'free';
  schema: Schema | undefined;
  /** Of a map with declared fields. */
  declares(key: string): boolean;
  field(key: string): Shape;
  /** Of a list. */
  item: Shape;
  keys: readonly string[];
  keyDefaults: readonly (Json | undefined)[];
}

const FREE: Shape = { form: 'free', schema: undefined, declares: () => false, field: () => FREE, get item() { return FREE; }, keys: [], keyDefaults: [] };
const LEAF_SHAPE: Shape = { ...FREE, form: 'leaf', field: () => LEAF_SHAPE, get item() { return LEAF_SHAPE; } };

const shapes = new WeakMap<Schema, Shape>();

export function shapeOf(schema: Schema | undefined): Shape {
  if (schema === undefined) return FREE;
  let shape = shapes.get(schema);
  if (shape === undefined) {
    shape = makeShape(schema);
    shapes.set(schema, shape);
  }
  return shape;
}

function makeShape(schema: Schema): Shape {
  if (schema.items !== undefined || schema.type === 'array') return listShape(schema);
  const structured = schema.properties !== undefined || schema.additionalProperties !== undefined;
  if (structured) return schema.xMapType === 'atomic' ? { ...LEAF_SHAPE, schema } : mapShape(schema);
  // A named type of any content (RawExtension) is one value; in custom resources such a field is granular.
  if (schema.name === undefined && (schema.xPreserveUnknownFields === true || schema.xEmbeddedResource === true)) return FREE;
  return { ...LEAF_SHAPE, schema };
}

const granular = new WeakMap<Schema, Shape>();

/** The parts of a map, also where it is one value. */
export function granularShape(schema: Schema): Shape {
  let shape = granular.get(schema);
  if (shape === undefined) granular.set(schema, (shape = mapShape(schema)));
  return shape;
}

function mapShape(schema: Schema): Shape {
  const fields = new Map<string, Shape>();
  const field = (key: string): Shape => {
    let found = fields.get(key);
    if (found === undefined) {
      const known = fieldOf(schema, key);
      found = known === undefined ? FREE : shapeOf(known);
      if (declares(key)) fields.set(key, found);
    }
    return found;
  };
  const declares = (key: string): boolean => schema.properties !== undefined && Object.hasOwn(schema.properties, key);
  return { form: 'map', schema, declares, field, item: FREE, keys: [], keyDefaults: [] };
}

function listShape(schema: Schema): Shape {
  const itemSchema = schema.items === undefined ? undefined : resolveSchema(schema.items);
  const lazyItem = { get item(): Shape { return shapeOf(itemSchema); } };
  if (schema.xListType === 'set') return Object.defineProperties({ ...LEAF_SHAPE, form: 'set', schema }, Object.getOwnPropertyDescriptors(lazyItem)) as Shape;
  if (schema.xListType !== 'map' || itemSchema === undefined) return { ...LEAF_SHAPE, schema };
  const keys = [...(schema.xListMapKeys ?? [])].sort();
  const keyDefaults = keys.map((key) => fieldOf(itemSchema, key)?.default);
  return Object.defineProperties({ ...LEAF_SHAPE, form: 'keyed', schema, keys, keyDefaults }, Object.getOwnPropertyDescriptors(lazyItem)) as Shape;
}

/**
 * The path element of a list's item, or undefined when it has none (none of its keys, a wrong type), for instance `k:{"name":"web"}`. An item
 * that leaves a key out is another one than any that has it.
 */
export function elementOf(shape: Shape, item: Json): string | undefined {
  if (shape.form === 'set') return item === null || typeof item === 'object' ? undefined : `v:${JSON.stringify(item)}`;
  if (!isJsonObject(item)) return undefined;
  let text = '';
  for (let index = 0; index < shape.keys.length; index++) {
    const key = shape.keys[index]!;
    const value = item[key] === undefined ? shape.keyDefaults[index] : item[key];
    if (value !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${JSON.stringify(value)}`;
  }
  return text === '' ? undefined : `k:{${text}}`;
}

/** How a value is walked: as a map, as a list by elements, or as one. A free shape follows the value. */
export function walkOf(shape: Shape, value: Json | undefined): 'map' | 'list' | 'leaf' {
  switch (shape.form) {
    case 'leaf': return 'leaf';
    case 'map': return value === undefined || value === null || isJsonObject(value) ? 'map' : 'leaf';
    case 'free': return isJsonObject(value) ? 'map' : 'leaf';
    default: return value === undefined || value === null || Array.isArray(value) ? 'list' : 'leaf';
  }
}
