/** Takes fields out of an object, or keeps only them. Source: structured-merge-diff, typed.RemoveItems and ExtractItems. */
import { isJsonObject, setKey, type JsonObject } from '../../json.ts';
import type { Json } from '../../meta.ts';
import { isEmpty, isMember, memberWith, type Fields, type OpenFields } from './field-set.ts';
import { elementOf, walkOf, type Shape } from './shape.ts';

interface How { extract: boolean; shells: boolean }

/**
 * `value` without the members of `set`. A map or list that becomes empty by it goes too, or with `shells` stays as null: so it is for
 * upstream while it compares, and so managers keep what they own of it.
 */
export function removeFields(value: Json, set: Fields, shape: Shape, how: { shells?: boolean } = {}): Json | undefined {
  return prune(value, set, shape, { extract: false, shells: how.shells === true });
}

/** Only the members of `set`, with the keys of list items that hold them. */
export function extractFields(value: Json, set: Fields, shape: Shape): Json | undefined {
  return prune(value, set, shape, { extract: true, shells: false });
}

function prune(value: Json, set: Fields, shape: Shape, how: How): Json | undefined {
  const walk = walkOf(shape, value);
  if (walk === 'map' && isJsonObject(value)) return pruneMap(value, set, shape, how) ?? emptied(how);
  if (walk === 'list' && Array.isArray(value)) return pruneList(value, set, shape, how) ?? emptied(how);
  return value;
}

function emptied(how: How): null | undefined {
  return how.shells ? null : undefined;
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
    if (child === undefined || child === null) continue;
    out.push(how.extract && isJsonObject(child) && isJsonObject(item) ? withKeys(child, item, shape) : child);
  }
  return out.length > 0 ? out : undefined;
}

function pruneChild(value: Json, node: Fields | undefined, shape: Shape, how: How): Json | undefined {
  if (node === undefined) return how.extract ? undefined : value;
  if (!how.extract) return isMember(node) ? undefined : prune(value, node, shape, how);
  if (isEmpty(node)) return walkOf(shape, value) === 'leaf' ? value : Array.isArray(value) ? [] : {};
  return prune(value, node, shape, how);
}

function withKeys(extracted: JsonObject, item: JsonObject, shape: Shape): JsonObject {
  for (const key of shape.keys) if (item[key] !== undefined && extracted[key] === undefined) extracted[key] = item[key];
  return extracted;
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
