/**
 * Fills in defaults of a schema: the `+default` marks of built-in types and `default` of custom resources (apiextensions defaulting).
 * Defaults that upstream's Go code computes are in the rules of each kind.
 */
import { resolveSchema, type Schema, type SchemaRef } from './schema.ts';

type Fields = Record<string, unknown>;

/** Whether anything below a schema has a default, so that what has none is not walked. */
const known = new WeakMap<Schema, boolean>();

/** Changes `value` and returns it. Nulls of fields that are not nullable are replaced by the default, or go (custom resources). */
export function applyDefaults<T>(schema: Schema, value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (!Array.isArray(value)) defaultObject(schema, value as Fields);
  else if (schema.items !== undefined) defaultList(resolveSchema(schema.items), value);
  return value;
}

/** The properties of a schema that there is anything to do for. */
const plans = new WeakMap<Schema, readonly (readonly [string, Schema])[]>();

function planOf(schema: Schema): readonly (readonly [string, Schema])[] {
  let plan = plans.get(schema);
  if (plan === undefined) {
    const all = Object.entries(schema.properties ?? {}).map(([key, ref]) => [key, resolveSchema(ref)] as const);
    plan = schema.goType === undefined ? all : all.filter(([, property]) => property.default !== undefined || hasDefaults(property));
    plans.set(schema, plan);
  }
  return plan;
}

function defaultObject(schema: Schema, object: Fields): void {
  for (const [key, property] of planOf(schema)) {
    const present = object[key] !== undefined;
    if (property.default !== undefined && (!present || (object[key] === null && property.nullable !== true))) object[key] = structuredClone(property.default);
    else if (present && object[key] === null && property.nullable !== true) delete object[key];
    if (typeof object[key] === 'object' && hasDefaults(property)) applyDefaults(property, object[key]);
  }
  const rest = schema.additionalProperties;
  if (rest === undefined || rest === true) return;
  const values = resolveSchema(rest);
  if (!hasDefaults(values) && values.default === undefined) return;
  for (const key of Object.keys(object)) {
    if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) continue;
    if (object[key] === null && values.nullable !== true && values.default !== undefined) object[key] = structuredClone(values.default);
    applyDefaults(values, object[key]);
  }
}

function defaultList(items: Schema, list: unknown[]): void {
  if (!hasDefaults(items) && items.default === undefined) return;
  for (const [index, item] of list.entries()) {
    if (item === null && items.nullable !== true && items.default !== undefined) list[index] = structuredClone(items.default);
    applyDefaults(items, list[index]);
  }
}

function hasDefaults(schema: Schema): boolean {
  const answer = known.get(schema);
  if (answer !== undefined) return answer;
  // Types that hold themselves meet their own half-made answer, which must not decide: a pass from the top over what can be reached.
  const seen = new Set<Schema>();
  const open: SchemaRef[] = [...below(schema)];
  let found = false;
  for (let next = open.pop(); next !== undefined && !found; next = open.pop()) {
    const each = resolveSchema(next);
    if (seen.has(each)) continue;
    seen.add(each);
    found = each.default !== undefined || mayHoldNull(each) || known.get(each) === true;
    if (known.get(each) !== false) open.push(...below(each));
  }
  known.set(schema, found);
  return found;
}

/** Nulls of custom resources are looked for everywhere; built-in types have none left after prune. */
function mayHoldNull(schema: Schema): boolean {
  return schema.goType === undefined && schema.properties !== undefined;
}

function below(schema: Schema): SchemaRef[] {
  const refs = Object.values(schema.properties ?? {});
  if (schema.items !== undefined) refs.push(schema.items);
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== true) refs.push(schema.additionalProperties);
  return refs;
}
