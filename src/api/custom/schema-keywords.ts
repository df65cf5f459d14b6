/** Keywords of an openAPIV3Schema that a definition may not use, or not so, judged in upstream's words (apiextensions validation, ValidateCustomResourceDefinitionOpenAPISchema). */
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import type { JSONSchemaProps } from '../generated/apiextensions-v1.ts';

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const META_FIELDS = ['apiVersion', 'kind', 'metadata'];

interface Place {
  root: boolean;
  /** Whether this is what every object says of itself, or a part of that. */
  inMeta: boolean;
  /** Why there may be no defaults. */
  noDefaults?: string;
}

/** Of the schema and all that stand within it. */
export function keywordErrors(schema: JSONSchemaProps, path: string): FieldError[] {
  const errors: FieldError[] = [];
  walk(schema, path, { root: true, inMeta: false }, errors);
  return errors;
}

function walk(schema: JSONSchemaProps, path: string, place: Place, errors: FieldError[]): void {
  judgeKeywords(schema, path, place, errors);
  judgeListType(schema, path, errors);
  const inner: Place = { ...place, root: false };
  const { properties = {}, additionalProperties: rest } = schema;
  if (rest !== undefined && rest !== true) {
    if (Object.keys(properties).length > 0) errors.push(forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
    if (rest !== false) walk(rest, `${path}.additionalProperties`, place.inMeta ? { ...inner, noDefaults: 'inside additionalProperties applying to object metadata' } : inner, errors);
  }
  for (const [key, value] of Object.entries(properties)) {
    const isMeta = (place.root || schema['x-kubernetes-embedded-resource'] === true) && META_FIELDS.includes(key);
    walk(value, `${path}.properties[${key}]`, { ...inner, ...(isMeta ? { inMeta: true } : {}), ...(isMeta && place.root ? { noDefaults: `in top-level ${key}` } : {}) }, errors);
  }
  if (schema.not !== undefined) walk(schema.not, `${path}.not`, inner, errors);
  for (const key of ['allOf', 'oneOf', 'anyOf'] as const) for (const [index, each] of (schema[key] ?? []).entries()) walk(each, `${path}.${key}[${index}]`, inner, errors);
  if (Array.isArray(schema.items)) for (const [index, each] of schema.items.entries()) walk(each, `${path}.items[${index}]`, inner, errors);
  else if (schema.items !== undefined) walk(schema.items, `${path}.items`, inner, errors);
}

function judgeKeywords(schema: JSONSchemaProps, path: string, { inMeta, noDefaults }: Place, errors: FieldError[]): void {
  if (schema.uniqueItems === true) errors.push(forbidden(`${path}.uniqueItems`, 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'));
  for (const key of ['definitions', 'dependencies', 'patternProperties', 'additionalItems', 'id', '$ref'] as const) if (isUsed(schema[key])) errors.push(forbidden(`${path}.${key}`, `${key} is not supported`));
  if (Array.isArray(schema.items)) errors.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  if (schema.type && !TYPES.includes(schema.type)) errors.push(notSupported(`${path}.type`, schema.type, TYPES));
  if (schema.type === 'null') errors.push(forbidden(`${path}.type`, 'type cannot be set to null, use nullable as an alternative'));
  if (noDefaults !== undefined && schema.default !== undefined && schema.default !== null) errors.push(forbidden(`${path}.default`, `must not be set ${noDefaults}`));
  if (inMeta && schema['x-kubernetes-embedded-resource'] === true) errors.push(forbidden(`${path}.x-kubernetes-embedded-resource`, 'must not be used inside of resource meta'));
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
}

/** Whether it makes a structural schema impossible; what else there is to say of the structure is then not said. */
export function isConvertible(schema: JSONSchemaProps): boolean {
  if ((['definitions', 'dependencies', 'patternProperties', 'additionalItems', 'id', '$ref', '$schema'] as const).some((key) => isUsed(schema[key])) || Array.isArray(schema.items) || schema['x-kubernetes-preserve-unknown-fields'] === false) return false;
  const within = [schema.items, schema.not, typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined, ...Object.values(schema.properties ?? {}), ...(['allOf', 'oneOf', 'anyOf'] as const).flatMap((key) => schema[key] ?? [])];
  return within.every((each) => each === undefined || isConvertible(each));
}

function isUsed(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && (typeof value !== 'object' || Object.keys(value).length > 0);
}

function judgeListType(schema: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const [listType, mapType] = [schema['x-kubernetes-list-type'], schema['x-kubernetes-map-type']];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const needs = (wanted: string, mark: string): void => void errors.push(!schema.type ? required(`${path}.type`, `must be ${wanted} if ${mark} is specified`) : invalid(`${path}.type`, schema.type, `must be ${wanted} if ${mark} is specified`));
  if (mapType !== undefined && schema.type !== 'object') needs('object', 'x-kubernetes-map-type');
  if (mapType !== undefined && mapType !== 'atomic' && mapType !== 'granular') errors.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
  if (listType !== undefined && schema.type !== 'array') needs('array', 'x-kubernetes-list-type');
  if (listType !== undefined && !['atomic', 'set', 'map'].includes(listType)) errors.push({ type: 'FieldValueNotSupported', field: `${path}.x-kubernetes-list-type`, message: `Unsupported value: ${JSON.stringify(listType)}: supported values: "atomic", "set", "map"` });
  if (keys.length > 0 && listType !== 'map') {
    const text = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(listType === undefined ? required(`${path}.x-kubernetes-list-type`, text) : invalid(`${path}.x-kubernetes-list-type`, listType, text));
  }
  const items = Array.isArray(schema.items) ? undefined : schema.items;
  if ((listType === 'set' || listType === 'map') && items?.nullable === true) errors.push(forbidden(`${path}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`));
  if (listType === 'set' && schema.type === 'array' && items !== undefined) judgeSetItems(items, `${path}.items`, errors);
  if (listType !== 'map') return;
  if (keys.length === 0) errors.push(required(`${path}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map'));
  if (schema.items === undefined) errors.push(required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map'));
  else if (items === undefined) errors.push(invalid(`${path}.items`, schema.items, 'must only have a single schema if x-kubernetes-list-type is map'));
  if (items !== undefined && items.type !== 'object') errors.push(invalid(`${path}.items.type`, items.type ?? '', "must be object if parent array's x-kubernetes-list-type is map"));
  if (items !== undefined) judgeMapKeys(keys, items, path, errors);
}

function judgeMapKeys(keys: readonly string[], items: JSONSchemaProps, path: string, errors: FieldError[]): void {
  for (const [index, key] of keys.entries()) {
    const property = items.properties?.[key];
    const at = `${path}.items.properties[${key}]`;
    if (items.type === 'object') {
      if (property === undefined) errors.push(invalid(`${path}.x-kubernetes-list-map-keys`, keys, 'entries must all be names of item properties'));
      else if (property.type === 'array' || property.type === 'object') errors.push(invalid(`${at}.type`, items.type, "must be a scalar type if parent array's x-kubernetes-list-type is map"));
      if (keys.indexOf(key) < index) errors.push(invalid(`${path}.x-kubernetes-list-map-keys`, keys, 'must not contain duplicate entries'));
    }
    if (property === undefined) continue;
    if (property.default === undefined && items.required?.includes(key) !== true) errors.push(required(`${at}.default`, 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property'));
    if (property.nullable === true) errors.push(forbidden(`${at}.nullable`, 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable'));
  }
}

/** The items of a set are compared as wholes. */
function judgeSetItems(items: JSONSchemaProps, path: string, errors: FieldError[]): void {
  const text = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const [listType, mapType] = [items['x-kubernetes-list-type'], items['x-kubernetes-map-type']];
  if (items.type === 'array' && listType !== undefined && listType !== 'atomic') errors.push(invalid(`${path}.x-kubernetes-list-type`, listType, text));
  if (items.type === 'object' && mapType !== 'atomic') errors.push(invalid(`${path}.x-kubernetes-map-type`, listType ?? null, text));
}
