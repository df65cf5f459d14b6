/** Takes fields out of an object, or keeps only them. Source: structured-merge-diff, typed.RemoveItems and ExtractItems. */
import { isJsonObject, setKey, type JsonObject } from '../../json.ts';
import type { Json } from '../../meta.ts';
import { isEmpty, isMember, memberWith, type Fields, type OpenFields } from './field-set.ts';
import { elementOf, walkOf, type Shape } from './shape.ts';

/** `value` without the members of `set`; a map or list that becomes empty by it goes too. */
export function removeFields(value: Json, set: Fields, shape: Shape): Json | undefined {
  return prune(value, set, shape, false);
}

/** Only the members of `set`, with the keys of list items that hold them. */
export function extractFields(value: Json, set: Fields, shape: Shape): Json | undefined {
  return prune(value, set, shape, true);
}

function prune(value: Json, set: Fields, shape: Shape, extract: boolean): Json | undefined {
  const walk = walkOf(shape, value);
  if (walk === 'map' && isJsonObject(value)) return pruneMap(value, set, shape, extract);
  if (walk === 'list' && Array.isArray(value)) return pruneList(value, set, shape, extract);
  return value;
}

function pruneMap(value: JsonObject, set: Fields, shape: Shape, extract: boolean): JsonObject | undefined {
  const out: JsonObject = {};
  let any = false;
  for (const key in value) {
    const child = pruneChild(value[key]!, set[`f:${key}`], shape.field(key), extract);
    if (child === undefined) continue;
    setKey(out, key, child);
    any = true;
  }
  return any ? out : undefined;
}

function pruneList(value: readonly Json[], set: Fields, shape: Shape, extract: boolean): Json[] | undefined {
  const out: Json[] = [];
  for (const item of value) {
    const element = elementOf(shape, item);
    const child = pruneChild(item, element === undefined ? undefined : set[element], shape.item, extract);
    if (child === undefined) continue;
    out.push(extract && isJsonObject(child) && isJsonObject(item) ? withKeys(child, item, shape) : child);
  }
  return out.length > 0 ? out : undefined;
}

function pruneChild(value: Json, node: Fields | undefined, shape: Shape, extract: boolean): Json | undefined {
  if (node === undefined) return extract ? undefined : value;
  if (!extract) return isMember(node) ? undefined : prune(value, node, shape, false);
  if (isEmpty(node)) return walkOf(shape, value) === 'leaf' ? value : Array.isArray(value) ? [] : {};
  return prune(value, node, shape, true);
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
