/**
 * What changed between two objects, as field sets. Source: structured-merge-diff, typed.Compare and typed.ToFieldSet.
 */
import { equalJson, isJsonObject, type JsonObject } from '../../json.ts';
import type { Json } from '../../meta.ts';
import { isEmpty, leaf, memberWith, NO_FIELDS, type Fields, type OpenFields } from './field-set.ts';
import { elementOf, walkOf, type Shape } from './shape.ts';

/** Fields that `right` adds to `left` or has with another value. */
export function changedFields(left: Json | undefined, right: Json | undefined, shape: Shape): Fields {
  return changes(left, right, shape, 'both') ?? NO_FIELDS;
}

/** Fields of `left` that `right` has no more. */
export function removedFields(left: Json | undefined, right: Json | undefined, shape: Shape): Fields {
  return changes(right, left, shape, 'added') ?? NO_FIELDS;
}

/** `added` names only what `left` lacks; `both` also what differs. */
type Want = 'added' | 'both';

function changes(left: Json | undefined, right: Json | undefined, shape: Shape, want: Want): Fields | undefined {
  if (right === undefined || left === right) return undefined;
  const walk = walkOf(shape, right ?? left);
  if (walk === 'leaf' || (isHollow(left) && isHollow(right))) return leafChange(left, right, want);
  const children = walk === 'map' ? mapChanges(left, right, shape, want) : listChanges(left, right, shape, want);
  return left === undefined || (want === 'both' && becomesMap(left, right)) ? children ?? leaf() : children;
}

/** In what has no schema, one value may become a map: then it is another value, even where the map is empty. */
function becomesMap(left: Json, right: Json): boolean {
  return left !== null && isJsonObject(right) && !isJsonObject(left);
}

/** A node for children; what was not there before is a member itself. Made so from the start: maps can have many keys. */
function nodeOf(left: Json | undefined): OpenFields {
  return left === undefined ? { '.': leaf() } : {};
}

function leafChange(left: Json | undefined, right: Json, want: Want): Fields | undefined {
  if (left === undefined) return leaf();
  return want === 'both' && !equalJson(left, right) ? leaf() : undefined;
}

function mapChanges(left: Json | undefined, right: Json, shape: Shape, want: Want): OpenFields | undefined {
  if (!isJsonObject(right)) return undefined;
  const before: JsonObject | undefined = isJsonObject(left) ? left : undefined;
  let out: OpenFields | undefined;
  for (const key in right) {
    const value = right[key];
    const old = before === undefined || !Object.hasOwn(before, key) ? undefined : before[key];
    if (old === value) continue;
    const change = changes(old, value, shape.field(key), want);
    if (change !== undefined) (out ??= nodeOf(want === 'both' && left !== undefined && becomesMap(left, right) ? undefined : left))[`f:${key}`] = change;
  }
  return out;
}

function listChanges(left: Json | undefined, right: Json, shape: Shape, want: Want): OpenFields | undefined {
  const before = indexList(left, shape);
  let out: OpenFields | undefined;
  for (const [element, item] of indexList(right, shape)) {
    const old = before.get(element);
    const change = item.again !== undefined || old?.again !== undefined ? duplicateChange(old, item, shape.item, want) : changes(old?.value, item.value, shape.item, want);
    if (change !== undefined) (out ??= nodeOf(left))[element] = change;
  }
  return out;
}

/** Elements that stand twice are owned as one; what stands once is another thing. */
function duplicateChange(old: Indexed | undefined, item: Indexed, shape: Shape, want: Want): Fields | undefined {
  if (item.again === undefined) return changes(undefined, item.value, shape, want);
  if (old?.again === undefined) return leaf();
  return want === 'both' && !equalJson([old.value, old.again], [item.value, item.again]) ? leaf() : undefined;
}

export interface Indexed { value: Json; again?: Json[] }

/** The items of a list by path element; items without one (invalid) are left out. */
export function indexList(list: Json | undefined, shape: Shape): Map<string, Indexed> {
  const found = new Map<string, Indexed>();
  if (!Array.isArray(list)) return found;
  for (const value of list) {
    const element = elementOf(shape, value);
    if (element === undefined) continue;
    const first = found.get(element);
    if (first === undefined) found.set(element, { value });
    else (first.again ??= []).push(value);
  }
  return found;
}

function isHollow(value: Json | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== 'object') return false;
  for (const _ in value) return false;
  return true;
}

/** All fields that a configuration names: what its applier owns. */
export function fieldSetOf(value: Json, shape: Shape): Fields {
  return setOf(value, shape) ?? NO_FIELDS;
}

/** undefined: nothing beneath, and whether the value itself counts is for the caller to say. */
function setOf(value: Json, shape: Shape): Fields | undefined {
  const walk = walkOf(shape, value);
  if (walk === 'leaf') return leaf();
  return walk === 'map' ? mapSet(value, shape) : listSet(value, shape);
}

function mapSet(value: Json, shape: Shape): Fields | undefined {
  if (!isJsonObject(value)) return undefined;
  let out: OpenFields | undefined;
  for (const key in value) {
    const child = value[key]!;
    const its = setOf(child, shape.field(key));
    const itself = child === null || (isJsonObject(child) && isEmpty(child as unknown as Fields)) || !shape.declares(key);
    if (its === undefined && !itself) continue;
    (out ??= {})[`f:${key}`] = !itself || its === undefined ? its ?? leaf() : withSelf(its);
  }
  return out;
}

function listSet(value: Json, shape: Shape): Fields | undefined {
  let out: OpenFields | undefined;
  for (const [element, item] of indexList(value, shape)) {
    const its = item.again === undefined ? setOf(item.value, shape.item) : undefined;
    (out ??= {})[element] = its === undefined ? leaf() : withSelf(its);
  }
  return out;
}

function withSelf(node: Fields): Fields {
  return isEmpty(node) || '.' in node ? node : memberWith(node as OpenFields);
}
