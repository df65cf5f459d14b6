/** Whether a schema asks for expressions at all: what decides if CEL is read from the disk. */
import { resolveSchema, type Schema } from '../schema/schema.ts';

const withRules = new WeakMap<Schema, boolean>();

/** Whether there is a rule in the schema or below. */
export function hasRules(schema: Schema): boolean {
  let known = withRules.get(schema);
  if (known !== undefined) return known;
  withRules.set(schema, false);
  const below = [...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties].filter((each) => each !== undefined && each !== true);
  known = (schema.xValidations?.length ?? 0) > 0 || below.some((each) => hasRules(resolveSchema(each as Schema))) || (schema.allOf ?? []).some(hasRules);
  withRules.set(schema, known);
  return known;
}
