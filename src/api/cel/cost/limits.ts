/** What the rules of a definition may cost at worst, for all values that a request can hold (apiextensions validation of x-kubernetes-validations). */
import type { Schema } from '../../schema/schema.ts';
import { estimate } from './estimate.ts';
import type { Expression } from './expression.ts';
import { sizeAt } from './schema-sizes.ts';

/** For one expression, with all places in which it may run. */
export const EXPRESSION_LIMIT = 10_000_000;
/** For all expressions of a schema. */
export const DEFINITION_LIMIT = 100_000_000;

/** The cost of one run. `schema` is that of `self`; `root` says whether it is a whole object's. */
export function estimateCost(expression: Expression, schema: Schema, root: boolean): number {
  return estimate(expression, (path) => sizeAt(schema, root, path)).max;
}

/** How many values stand below one value of the schema; undefined when that is not bounded. */
export function elementsOf(schema: Schema): number | undefined {
  if (schema.type === 'array') return schema.maxItems;
  if (schema.type === 'object' && schema.additionalProperties !== undefined) return schema.maxProperties;
  return 1;
}

/** The message of a cost above a limit; undefined below it. */
export function costMessage(name: string, cost: number, limit: number): string | undefined {
  const factor = cost / limit;
  if (factor <= 1) return undefined;
  const shown = factor > 100 ? 'more than 100x' : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  return `${name} exceeds budget by factor of ${shown} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}
