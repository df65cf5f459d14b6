/** Objects within custom resources (`x-kubernetes-embedded-resource`): they say what they are, and their metadata is as that of any object (apiextensions apiserver/schema/objectmeta). */
import { invalid, type FieldError } from '../field-error.ts';
import { isJsonObject, type JsonObject } from '../json.ts';
import type { ObjectMeta } from '../meta.ts';
import { validateObjectMeta } from '../metadata-validation.ts';
import { dns1035LabelErrors, pathSegmentErrors } from '../names.ts';
import type { Schema, SchemaRef } from '../schema/schema.ts';

/** Whether such an object may stand anywhere below. */
export function hasEmbedded(schema: Schema): boolean {
  return schema.xEmbeddedResource === true || below(schema).some(hasEmbedded);
}

/** What is wrong with them. That apiVersion and kind are there, and of the right type, is for the schema to say. */
export function embeddedErrors(schema: Schema, value: unknown, path = ''): FieldError[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    return ownSchema(items) ? value.flatMap((each, index) => embeddedErrors(items, each, `${path}[${index}]`)) : [];
  }
  if (!isJsonObject(value)) return [];
  const errors = schema.xEmbeddedResource === true ? resourceErrors(value, path) : [];
  for (const [key, inner] of Object.entries(value)) {
    const named = schema.properties !== undefined && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    const ref = named ?? (schema.additionalProperties === true ? undefined : schema.additionalProperties);
    if (ownSchema(ref)) errors.push(...embeddedErrors(ref, inner, named === undefined ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`));
  }
  return errors;
}

function resourceErrors({ apiVersion, kind, metadata }: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (typeof apiVersion === 'string' && apiVersion.split('/').length > 2) errors.push(invalid(`${path}.apiVersion`, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  const faults = typeof kind === 'string' && kind !== '' ? dns1035LabelErrors(kind.toLowerCase()) : [];
  if (faults.length > 0) errors.push(invalid(`${path}.kind`, kind, `may have mixed case, but should otherwise match: ${faults.join(',')}`));
  if (!isJsonObject(metadata)) return errors;
  const meta = metadata as ObjectMeta;
  // One without a name is allowed here.
  return [...errors, ...validateObjectMeta({ ...meta, name: meta.name || 'unnamed' }, { namespaced: Boolean(meta.namespace), nameErrors: pathSegmentErrors, anyFinalizers: true, path: `${path}.metadata` })];
}

/** Types of the facts, such as ObjectMeta, are functions, and have none within. */
function ownSchema(ref: SchemaRef | undefined): ref is Schema {
  return typeof ref === 'object';
}

function below({ properties = {}, items, additionalProperties }: Schema): Schema[] {
  return [...Object.values(properties), items, additionalProperties === true ? undefined : additionalProperties].filter(ownSchema);
}
