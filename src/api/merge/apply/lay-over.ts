/** Lays a configuration over an object, with no ownership of fields (upstream: admission policy mutating/patch ApplyStructuredMergeDiff). */
import { ApiError } from '../../errors.ts';
import { isJsonObject } from '../../json.ts';
import type { Json, KubeObject } from '../../meta.ts';
import type { Schema } from '../../schema/schema.ts';
import { checkTyped } from './check-typed.ts';
import { mergeValues } from './merge-values.ts';
import { shapeOf, type Shape } from './shape.ts';

/** A fresh object. Throws ApiError BadRequest where the configuration does not fit the schema, or says a list or struct that is one value. */
export function layOver(schema: Schema, live: KubeObject, configuration: KubeObject): KubeObject {
  const shape = shapeOf(schema);
  checkTyped(configuration, shape);
  const atomics = atomicsOf(configuration as unknown as Json, shape, '');
  if (atomics.length > 0) throw new ApiError('BadRequest', `invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`);
  return mergeValues(live as unknown as Json, configuration as unknown as Json, shape) as unknown as KubeObject;
}

/** Who sets a part of what is one value would take the rest away unknowingly. */
function atomicsOf(value: Json, shape: Shape, path: string): string[] {
  if (isJsonObject(value)) {
    if (shape.form === 'leaf') return shape.schema?.type === 'object' ? [path] : [];
    return Object.entries(value).flatMap(([key, each]) => atomicsOf(each, shape.field(key), `${path}.${key}`));
  }
  if (!Array.isArray(value)) return [];
  if (shape.form === 'leaf' || shape.form === 'free') return shape.form === 'free' ? [] : [path];
  return value.flatMap((each, index) => atomicsOf(each, shape.item, `${path}[${index}]`));
}
