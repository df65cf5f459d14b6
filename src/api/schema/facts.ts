/** Schemas of built-in kinds, from the generated facts. Made when first asked for, one object a type; types refer to each other by function. */
import { ApiError } from '../errors.ts';
import { factType, moduleOf, type FactField, type FactType } from '../facts/fact-type.ts';
import type { Json } from '../meta.ts';
import type { Schema, SchemaRef } from './schema.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const made = new Map<string, Schema>();

const SCALARS: Record<string, Schema> = {
  s: { type: 'string', goType: 'string' },
  b: { type: 'boolean', goType: 'bool' },
  i: { type: 'integer', format: 'int32', goType: 'int32' },
  l: { type: 'integer', format: 'int64', goType: 'int64' },
  d: { type: 'number', format: 'double', goType: 'float64' },
  y: { type: 'string', format: 'byte', goType: '[]uint8' },
  q: { type: 'string', format: 'quantity', name: 'io.k8s.apimachinery.pkg.api.resource.Quantity' },
  o: { type: 'string', format: 'int-or-string', xIntOrString: true, name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString' },
  t: { type: 'string', format: 'date-time', name: `${META}.Time` },
  m: { type: 'string', format: 'date-time', name: `${META}.MicroTime` },
  u: { type: 'string', format: 'duration', name: `${META}.Duration` },
  F: { type: 'object', xPreserveUnknownFields: true, name: `${META}.FieldsV1` },
  R: { type: 'object', xPreserveUnknownFields: true, name: 'io.k8s.apimachinery.pkg.runtime.RawExtension' },
  J: { xPreserveUnknownFields: true, name: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON' },
};

const JSON_SCHEMA_PROPS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';

/** The schema of a built-in kind, for instance `schemaOf('apps', 'v1', 'Deployment')`. Throws ApiError InternalError when the facts lack it. */
export function schemaOf(group: string, version: string, kind: string): Schema {
  const module = moduleOf(group, version);
  const found = module === undefined ? undefined : schemaOfType(`${module}.${kind}`);
  if (found === undefined) throw new ApiError('InternalError', `the schema facts know no ${kind} in ${group}/${version}; add its package to tools/facts/generate.ts`);
  return found;
}

/** The schema of a type by its full name, for instance `io.k8s.api.core.v1.PodSpec`; undefined when there is none. */
export function schemaOfType(name: string): Schema | undefined {
  const known = made.get(name);
  if (known !== undefined) return known;
  const type = factType(name);
  if (type === undefined) return undefined;
  const schema = type.enum === undefined ? structSchema(type) : { type: 'string' as const, enum: type.enum, goType: goName(name) };
  made.set(name, schema);
  return schema;
}

function structSchema(type: FactType): Schema {
  const properties: Record<string, SchemaRef> = {};
  const required: string[] = [];
  if (type.topLevel !== undefined) [properties['apiVersion'], properties['kind']] = [SCALARS['s'] ?? {}, SCALARS['s'] ?? {}];
  const [omitEmpty, leftToRules, structs, zeros] = [new Set<string>(), new Set<string>(), new Set<string>(), new Map<string, Json>()];
  addFields(type, { properties, required, omitEmpty, leftToRules, structs, zeros });
  const schema: Schema = { type: 'object', name: type.name, properties, goType: goName(type.name) };
  if (required.length > 0) schema.required = required;
  if (omitEmpty.size > 0) schema.omitEmpty = omitEmpty;
  if (leftToRules.size > 0) schema.leftToRules = leftToRules;
  if (structs.size > 0) schema.structs = structs;
  if (zeros.size > 0) schema.zeros = zeros;
  if (type.atomic) schema.xMapType = 'atomic';
  return schema;
}

interface StructFields { properties: Record<string, SchemaRef>; required: string[]; omitEmpty: Set<string>; leftToRules: Set<string>; structs: Set<string>; zeros: Map<string, Json> }

function addFields(type: FactType, into: StructFields): void {
  for (const field of type.fields) {
    const inner = field.name === '' ? factType(field.type.slice(1)) : undefined;
    if (inner !== undefined) addFields(inner, into);
    else if (field.name !== '') {
      const isStruct = isPlainStruct(field) && isWritten(type, field);
      into.properties[field.name] = fieldSchema(isStruct ? { ...field, default: field.default ?? {} } : field);
      if (isStruct) into.structs.add(field.name);
      const zero = zeroOf(field);
      if (zero !== undefined) into.zeros.set(field.name, zero);
      if (field.required) into.required.push(field.name);
      if (field.required && field.omitempty) into.leftToRules.add(field.name);
      if (field.omitempty && !field.pointer && hasEmpty(field.type) && field.name !== SEEN_EMPTY) into.omitEmpty.add(field.name);
    }
  }
}

/** Go's encoder writes a struct that is no pointer whether anything was said of it or not: an object always has its spec, a template its metadata, and these have their defaults. */
function isPlainStruct({ type, pointer }: FactField): boolean {
  return type.startsWith('@') && !pointer;
}

/** What Go's encoder writes of a text or number without omitempty, and of a time that is no pointer, when nothing was said of it. */
function zeroOf({ type, pointer, omitempty }: FactField): Json | undefined {
  if (pointer) return undefined;
  if (type === 't' || type === 'm') return null;
  return omitempty ? undefined : type === 's' ? '' : type === 'i' || type === 'l' || type === 'd' ? 0 : type === 'b' ? false : undefined;
}

/** What the door itself gives each object: its metadata. Kinds that are only asked and answered have no life in which anything is filled in. */
function isWritten({ topLevel }: FactType, { name }: FactField): boolean {
  return topLevel === undefined || (topLevel === 'object' && name !== 'metadata');
}

/** An empty list of managers is a client's wish to have them forgotten, and has to be seen where managers are kept. */
const SEEN_EMPTY = 'managedFields';

/** Structs are never empty to Go's encoder, and quantities, times and the like are structs. */
function hasEmpty(code: string): boolean {
  return '[{wesbildy'.includes(code[0] ?? '@');
}

function fieldSchema(field: FactField): SchemaRef {
  const plain = codeSchema(field.type);
  const extra: Schema = {};
  if (field.listType !== undefined) extra.xListType = field.listType as 'map';
  if (field.listMapKeys !== undefined) extra.xListMapKeys = field.listMapKeys;
  if (field.mapType !== undefined) extra.xMapType = field.mapType as 'atomic';
  if (field.patchStrategy !== undefined) extra.xPatchStrategy = field.patchStrategy;
  if (field.patchMergeKey !== undefined) extra.xPatchMergeKey = field.patchMergeKey;
  if (field.default !== undefined) extra.default = field.default;
  if (Object.keys(extra).length === 0) return plain;
  if (typeof plain !== 'function') return { ...plain, ...extra };
  let own: Schema | undefined;
  return () => (own ??= { ...plain(), ...extra });
}

function codeSchema(code: string): SchemaRef {
  const rest = code.slice(1);
  switch (code[0]) {
    case '[': return { type: 'array', items: codeSchema(rest), goType: `[]${goTypeOf(rest)}` };
    case 'w': return codeSchema(rest);
    case '{': return { type: 'object', additionalProperties: codeSchema(rest), goType: `map[string]${goTypeOf(rest)}` };
    case 'e': case '@': return () => knownType(rest);
    case 'B': return { xAnyOf: [{ type: 'boolean' }, () => knownType(JSON_SCHEMA_PROPS)], xPreserveUnknownFields: true };
    case 'A': return { xAnyOf: [() => knownType(JSON_SCHEMA_PROPS), { type: 'array', items: () => knownType(JSON_SCHEMA_PROPS) }], xPreserveUnknownFields: true };
    case 'S': return { xAnyOf: [() => knownType(JSON_SCHEMA_PROPS), { type: 'array', items: { type: 'string' } }], xPreserveUnknownFields: true };
    default: return SCALARS[code] ?? {};
  }
}

function knownType(name: string): Schema {
  const schema = schemaOfType(name);
  if (schema === undefined) throw new ApiError('InternalError', `the schema facts name ${name} and do not have it`);
  return schema;
}

/** As Go's error texts say it: `v1.PodSpec`. */
function goName(name: string): string {
  return name.split('.').slice(-2).join('.');
}

function goTypeOf(code: string): string {
  const rest = code.slice(1);
  if (code[0] === '[') return `[]${goTypeOf(rest)}`;
  if (code[0] === '{') return `map[string]${goTypeOf(rest)}`;
  if (code[0] === '@' || code[0] === 'e') return goName(rest);
  const scalar = SCALARS[code];
  return scalar?.goType ?? (scalar?.name === undefined ? 'interface {}' : goName(scalar.name));
}
