/** Short words for schemas that are written by hand: those of kinds whose facts no package has. */
import { withObjectMeta } from '../custom/custom-schema.ts';
import { schemaOfType } from './facts.ts';
import type { Schema, SchemaRef } from './schema.ts';

const SUBDOMAIN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';

export const text: Schema = { type: 'string' };
export const flag: Schema = { type: 'boolean' };
export const time: Schema = { type: 'string', format: 'date-time' };
/** Text or a whole number, kept as it was written, as custom resources have quantities. Source: the pattern that controller-gen writes for a resource.Quantity. */
export const quantity: Schema = { xIntOrString: true, pattern: '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$' };
export const quantities: Schema = { type: 'object', additionalProperties: quantity };
export const texts: Schema = { type: 'array', items: text };
export const textMap: Schema = { type: 'object', additionalProperties: text };
/** The name of an object. */
export const reference: Schema = { type: 'string', maxLength: 253, pattern: SUBDOMAIN };

export const count = (least = 0): Schema => ({ type: 'integer', format: 'int32', minimum: least });
export const int32: Schema = { type: 'integer', format: 'int32' };
export const int64: Schema = { type: 'integer', format: 'int64' };
/** What is reckoned with as a number: a whole one beyond 2^53 is kept as the nearest, as Go keeps it, and not as a bigint. */
export const float64: Schema = { type: 'number', goType: 'float64' };
export const oneOf = (values: readonly string[], fallback?: string): Schema => ({ type: 'string', enum: values, ...(fallback !== undefined && { default: fallback }) });
export const struct = (properties: Readonly<Record<string, SchemaRef>>, required: readonly string[] = []): Schema => ({ type: 'object', properties, ...(required.length > 0 && { required }) });
/** A list whose items are told apart by one field. */
export const listByKey = (items: Schema, key: string, bounds: Pick<Schema, 'minItems' | 'maxItems'> = {}): Schema => ({ type: 'array', items, xListType: 'map', xListMapKeys: [key], ...bounds });
/** A type of the core API by its full name. */
export const core = (name: string): SchemaRef => () => schemaOfType(`io.k8s.api.core.v1.${name}`) ?? {};
export const labelSelector: SchemaRef = () => schemaOfType('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector') ?? {};
export const conditions: Schema = listByKey(struct({
  type: text, status: oneOf(['True', 'False', 'Unknown']), reason: { type: 'string', minLength: 1, maxLength: 1024 }, message: { type: 'string', maxLength: 32_768 }, lastTransitionTime: time, observedGeneration: int64,
}, ['type', 'status', 'reason', 'message', 'lastTransitionTime']), 'type');

/** Made once, when first asked for, with the fields of every object. */
export function objectSchema(make: () => Readonly<Record<string, SchemaRef>>): () => Schema {
  let made: Schema | undefined;
  return () => (made ??= withObjectMeta({ type: 'object', properties: make() }));
}
