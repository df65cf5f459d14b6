/** Takes fields out of an object. Source: structured-merge-diff, typed.RemoveItems. */
import { isJsonObject, setKey, type JsonObject } from '../../json.ts';
import type { Json } from '../../meta.ts';
import { isMember, memberWith, type Fields, type OpenFields } from './field-set.ts';
import { elementOf, walkOf, type Shape } from './shape.ts';

interface How { shells?: boolean }

/**
 * `value` without the members of `set`. A map or list that becomes empty by it goes too, or with `shells` stays as null: so it is for
 * upstream while it compares, and so managers keep what they own of it.
 */
export function removeFields(value: Json, set: Fields, shape: Shape, how: How = {}): Json | undefined {
  const walk = walkOf(shape, value);
  if (walk === 'map' && isJsonObject(value)) return pruneMap(value, set, shape, how) ?? emptied(how);
  if (walk === 'list' && Array.isArray(value)) return pruneList(value, set, shape, how) ?? emptied(how);
  return value;
}

function emptied(how: How): null | undefined {
  return how.shells === true ? null : undefined;
}

function pruneMap(value: JsonObject, set: Fields, shape: Shape, how: How): JsonObject | undefined {
  const out: JsonObject = {};
  let any = false;
  for (const key in value) {
    const child = pruneChild(value[key]!, set[`f:${key}`], shape.field(key), how);
    if (child === undefined) continue;
    setKey(out, key, child);
    any = true;
  }
  return any ? out : undefined;
}

function pruneList(value: readonly Json[], set: Fields, shape: Shape, how: How): Json[] | undefined {
  const out: Json[] = [];
  for (const item of value) {
    const element = elementOf(shape, item);
    const child = pruneChild(item, element === undefined ? undefined : set[element], shape.item, how);
    if (child !== undefined && child !== null) out.push(child);
  }
  return out.length > 0 ? out : undefined;
}

function pruneChild(value: Json, node: Fields | undefined, shape: Shape, how: How): Json | undefined {
  if (node === undefined) return value;
  return isMember(node) ? undefined : removeFields(value, node, shape, how);
}

/** The same set in which every declared field that has members beneath it is a member itself, so that empty shells go with their content. */
export function withNamedFields(set: Fields, shape: Shape): Fields {
  const out: OpenFields = {};
  for (const key in set) {
    if (key === '.') { out[key] = set[key]!; continue; }
    const name = key.slice(2);
    const isField = key[0] === 'f';
    const child = withNamedFields(set[key]!, isField ? shape.field(name) : shape.item);
    out[key] = isField && shape.declares(name) && !isMember(child) ? memberWith(child) : child;
  }
  return out;
}
