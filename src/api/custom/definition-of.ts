/** A CustomResourceDefinition of a built-in kind, for clusters that do not come with it (apiextensions/v1; inverse of custom-kind.ts). Rules and columns are functions and do not cross. Pure. */
import type { CustomResourceDefinition } from '../generated/apiextensions-v1.ts';
import type { Kind } from '../kind.ts';
import type { Json } from '../meta.ts';
import { resolveSchema, type Schema } from '../schema/schema.ts';

type JsonObject = Record<string, Json>;

/** Of all versions of one resource; the first is stored. */
export function definitionOf(versions: readonly Kind[]): CustomResourceDefinition {
  const { group, plural, singular, kind, shortNames, categories, namespaced } = versions[0]!;
  return {
    apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: `${plural}.${group}`, ...approvalOf(group) },
    spec: {
      group, scope: namespaced ? 'Namespaced' : 'Cluster',
      names: { plural, singular, kind, ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }), ...(categories.length === 0 ? {} : { categories: [...categories] }) },
      versions: versions.map((each, index) => ({ name: each.version, served: true, storage: index === 0, schema: { openAPIV3Schema: wholeSchema(each.schema()) as never }, ...subresourcesOf(each) })),
    },
  };
}

/** Groups of the Kubernetes project want to hear who agreed to a definition (KEP-1111); to ours, which is made of what llmos serves itself, nobody did. */
function approvalOf(group: string): { annotations?: Record<string, string> } {
  return /\.(?:k8s|kubernetes)\.io$/.test(group) ? { annotations: { 'api-approved.kubernetes.io': 'unapproved, as llmos serves it' } } : {};
}

function subresourcesOf({ subresources: { status, scale } }: Kind): object {
  if (status !== true && scale === undefined) return {};
  return { subresources: { ...(status === true ? { status: {} } : {}), ...(scale === undefined ? {} : { scale }) } };
}

/** Of metadata the API server knows all. */
function wholeSchema(schema: Schema): JsonObject {
  const { metadata: _, ...properties } = schema.properties ?? {};
  const whole = structural({ ...schema, properties });
  return { ...whole, properties: { ...(whole['properties'] as JsonObject), metadata: { type: 'object' } } };
}

const SAME = ['format', 'default', 'nullable', 'pattern', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties', 'description', 'title'] as const;

/** Types of the facts are written out; their quantities and int-or-strings in the one form that structural schemas allow. */
function structural(schema: Schema): JsonObject {
  if (schema.xIntOrString === true || schema.format === 'quantity' || schema.format === 'int-or-string') return { 'x-kubernetes-int-or-string': true };
  const out: JsonObject = {};
  if (schema.type !== undefined) out['type'] = schema.type;
  for (const key of SAME) if (schema[key] !== undefined) out[key] = schema[key]!;
  if (schema.required !== undefined) out['required'] = [...schema.required];
  if (schema.enum !== undefined) out['enum'] = [...schema.enum];
  if (schema.properties !== undefined) out['properties'] = Object.fromEntries(Object.entries(schema.properties).map(([name, ref]) => [name, schema.structs?.has(name) === true ? withoutDefault(structural(resolveSchema(ref))) : structural(resolveSchema(ref))]));
  if (schema.additionalProperties === true) out['x-kubernetes-preserve-unknown-fields'] = true;
  else if (schema.additionalProperties !== undefined) out['additionalProperties'] = structural(resolveSchema(schema.additionalProperties));
  if (schema.items !== undefined) out['items'] = structural(resolveSchema(schema.items));
  if (schema.xPreserveUnknownFields === true) out['x-kubernetes-preserve-unknown-fields'] = true;
  if (schema.xEmbeddedResource === true) out['x-kubernetes-embedded-resource'] = true;
  if (schema.xListType !== undefined) out['x-kubernetes-list-type'] = schema.xListType;
  if (schema.xListMapKeys !== undefined) out['x-kubernetes-list-map-keys'] = [...schema.xListMapKeys];
  if (schema.xMapType !== undefined) out['x-kubernetes-map-type'] = schema.xMapType;
  if (schema.xValidations !== undefined) out['x-kubernetes-validations'] = [...schema.xValidations];
  return out;
}

/** That Go writes a struct in any case is no default that a definition may have: an empty one lacks what it requires. */
function withoutDefault(schema: JsonObject): JsonObject {
  delete schema['default'];
  return schema;
}
