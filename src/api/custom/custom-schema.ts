/** The schema of a custom resource from its openAPIV3Schema (apiextensions structural schemas). */
import type { CustomResourceDefinitionVersion, JSONSchemaProps } from '../generated/apiextensions-v1.ts';
import type { Json } from '../meta.ts';
import { schemaOfType } from '../schema/facts.ts';
import type { Schema, SchemaRef } from '../schema/schema.ts';

const STRING: Schema = { type: 'string' };
const objectMeta = (): Schema => schemaOfType('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta') ?? {};

/** The schema of a whole object of a version. Without an openAPIV3Schema every field is kept. */
export function schemaOfCustomResource(version: Pick<CustomResourceDefinitionVersion, 'schema'>): Schema {
  const props = version.schema?.openAPIV3Schema;
  const schema: Schema = props === undefined ? { type: 'object', xPreserveUnknownFields: true } : convert(props);
  return withObjectMeta(schema);
}

/** The schema of a whole object from that of its own fields: apiVersion, kind and metadata are those of every object, and what the schema says of them besides. */
export function withObjectMeta(schema: Schema): Schema {
  return { ...schema, properties: { ...schema.properties, ...metaProperties() }, ...furtherMeta(schema) };
}

function metaProperties(): Record<string, SchemaRef> {
  return { apiVersion: STRING, kind: STRING, metadata: objectMeta };
}

const META_FIELDS = ['apiVersion', 'kind', 'metadata'];

/** What the schema has of these fields itself, such as the pattern of names: it holds beside what holds for every object. */
function furtherMeta({ properties = {} }: Schema): Pick<Schema, 'xMeta'> {
  const own = Object.entries(properties).flatMap(([key, ref]) => (META_FIELDS.includes(key) && typeof ref !== 'function' && saysMore(ref) ? [[key, ref] as const] : []));
  return own.length === 0 ? {} : { xMeta: Object.fromEntries(own) };
}

function saysMore({ type: _type, description: _description, ...more }: Schema): boolean {
  return Object.keys(more).length > 0;
}

const SAME = ['format', 'required', 'enum', 'default', 'nullable', 'pattern', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf',
  'minLength', 'maxLength', 'minItems', 'maxItems', 'uniqueItems', 'minProperties', 'maxProperties', 'description', 'title'] as const;

/** One node, with what is below it. */
function convert(props: JSONSchemaProps): Schema {
  const schema: Record<string, unknown> = {};
  for (const key of SAME) {
    const value = props[key];
    // A bound need not be exact where nothing comes near it; upstream's minimum, maximum and multipleOf are floats.
    if (value !== undefined && value !== null) schema[key] = typeof value === 'bigint' && key !== 'default' ? Number(value) : value;
  }
  const out = schema as Schema;
  if (props.type !== undefined && props.type !== '') out.type = props.type as Schema['type'];
  if (props.properties !== undefined) out.properties = Object.fromEntries(Object.entries(props.properties).map(([key, value]) => [key, convert(value)]));
  if (props.additionalProperties === true) out.additionalProperties = true;
  else if (typeof props.additionalProperties === 'object') out.additionalProperties = convert(props.additionalProperties);
  if (props.items !== undefined && !Array.isArray(props.items)) out.items = convert(props.items);
  if (props.not !== undefined) out.not = convert(props.not);
  for (const key of ['allOf', 'anyOf', 'oneOf'] as const) if (props[key] !== undefined) out[key] = props[key].map(convert);
  addExtensions(props, out);
  return out;
}

function addExtensions(props: JSONSchemaProps, out: Schema): void {
  if (props['x-kubernetes-preserve-unknown-fields'] === true) out.xPreserveUnknownFields = true;
  if (props['x-kubernetes-list-type'] !== undefined) out.xListType = props['x-kubernetes-list-type'] as 'map';
  if (props['x-kubernetes-list-map-keys'] !== undefined) out.xListMapKeys = props['x-kubernetes-list-map-keys'];
  if (props['x-kubernetes-map-type'] !== undefined) out.xMapType = props['x-kubernetes-map-type'] as 'atomic';
  if (props['x-kubernetes-validations'] !== undefined) out.xValidations = props['x-kubernetes-validations'] as unknown as Json[];
  if (props['x-kubernetes-int-or-string'] === true) {
    out.xIntOrString = true;
    delete out.type;
    delete out.anyOf;
  }
  if (props['x-kubernetes-embedded-resource'] === true) {
    out.xEmbeddedResource = true;
    Object.assign(out, furtherMeta(out));
    out.properties = { ...out.properties, ...metaProperties() };
    out.required = [...new Set([...(out.required ?? []), 'apiVersion', 'kind'])];
  }
}
