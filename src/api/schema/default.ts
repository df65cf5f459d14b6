/**
 * Fills in defaults of a schema: the `+default` marks of built-in types and `default` of custom resources (apiextensions defaulting).
 * Defaults that upstream's Go code computes are in the rules of each kind.
 */
import { writable } from './prune.ts';
import { resolveSchema, type Schema, type SchemaRef } from './schema.ts';

type Fields = Record<string, unknown>;

/** Whether anything below a schema has a default, so that what has none is not walked. */
const known = new WeakMap<Schema, boolean>();

/**
 * Changes `value` and returns it; frozen parts that need a change are replaced by copies. Nulls of fields that are not nullable are replaced
 * by the default, or go (custom resources).
 */
export function applyDefaults<T>(schema: Schema, value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (!Array.isArray(value)) return defaultObject(schema, value as Fields) as T;
  return schema.items === undefined ? value : (defaultList(resolveSchema(schema.items), value) as T);
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

function defaultObject(schema: Schema, object: Fields): Fields {
  let target = object;
  for (const [key, property] of planOf(schema)) {
    const value = object[key];
    const next = defaulted(property, value);
    if (next === value) continue;
    target = writable(target);
    if (next === undefined) delete target[key];
    else target[key] = next;
  }
  const rest = schema.additionalProperties;
  if (rest === undefined || rest === true) return target;
  const values = resolveSchema(rest);
  if (!hasDefaults(values) && values.default === undefined) return target;
  for (const key of Object.keys(object)) {
    if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) continue;
    const next = object[key] === null && values.default === undefined ? null : defaulted(values, object[key]);
    if (next !== object[key]) (target = writable(target))[key] = next;
  }
  return target;
}

function defaultList(items: Schema, list: unknown[]): unknown[] {
  if (!hasDefaults(items) && items.default === undefined) return list;
  let target = list;
  for (const [index, item] of list.entries()) {
    const next = item === null && items.default === undefined ? null : defaulted(items, item);
    if (next !== item) (target = writable(target))[index] = next;
  }
  return target;
}

/** The value of a field after defaulting; undefined means that there is none. */
function defaulted(schema: Schema, value: unknown): unknown {
  const missing = value === undefined || (value === null && schema.nullable !== true);
  const own = missing ? structuredClone(schema.default) : value;
  return typeof own === 'object' && own !== null && hasDefaults(schema) ? applyDefaults(schema, own) : own;
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
