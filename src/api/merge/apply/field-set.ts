/**
 * Field sets in their wire form, FieldsV1: a trie whose keys are path elements (`f:` field, `k:` keys of a list's element, `v:` value of a
 * set's element, `i:` index) and in which `{}` or a `.` says that the path itself is a member.
 *
 * The wire form is also what we compute with: an entry that a write does not touch is neither decoded nor encoded, and unchanged branches
 * are shared. Sets are never changed in place once built. Source: structured-merge-diff, fieldpath.Set.
 */
import { parseJson } from '../../int64.ts';
import type { Json } from '../../meta.ts';
import { isJsonObject } from '../../json.ts';

export interface Fields { readonly [element: string]: Fields }
export type OpenFields = Record<string, Fields>;

const LEAF: Fields = Object.freeze({});
export const NO_FIELDS: Fields = LEAF;

export function leaf(): Fields {
  return LEAF;
}

export function isEmpty(set: Fields): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether a node (not the root) stands for itself and not only for what is beneath it. */
export function isMember(node: Fields): boolean {
  return '.' in node || isEmpty(node);
}

/** What a client sent as fieldsV1; undefined when it is no field set. */
export function parseFields(json: Json | undefined, depth = 0): Fields | undefined {
  if (json === undefined || json === null) return NO_FIELDS;
  if (!isJsonObject(json) || depth > 100) return undefined;
  for (const key in json) {
    const known = key === '.' || /^[fkvi]:/.test(key);
    if (!known || parseFields(json[key], depth + 1) === undefined || json[key] === null) return undefined;
  }
  return json as unknown as Fields;
}

/** Whether the keys and values that its elements name are JSON and nothing more, as they must be where a client made them up. */
export function isWellFormed(set: Fields): boolean {
  for (const key in set) if (!isElement(key) || !isWellFormed(set[key]!)) return false;
  return true;
}

function isElement(key: string): boolean {
  if (key[0] !== 'k' && key[0] !== 'v') return key[0] !== 'i' || /^i:[+-]?\d+$/.test(key);
  try {
    const value: unknown = JSON.parse(key.slice(2));
    return key[0] === 'v' || isJsonObject(value);
  } catch {
    return false;
  }
}

export function union(left: Fields, right: Fields): Fields {
  return left === right || isEmpty(right) ? left : isEmpty(left) ? right : unionNodes(left, right, false);
}

function unionNodes(left: Fields, right: Fields, inner: boolean): Fields {
  if (left === right) return left;
  const out: OpenFields = {};
  if (inner && (isMember(left) || isMember(right))) out['.'] = LEAF;
  for (const key in left) {
    if (key === '.') continue;
    const other = right[key];
    out[key] = other === undefined ? left[key]! : unionNodes(left[key]!, other, true);
  }
  for (const key in right) if (key !== '.' && left[key] === undefined) out[key] = right[key]!;
  return inner ? normal(out) : out;
}

/** Members of both. */
export function intersection(left: Fields, right: Fields): Fields {
  return intersectNodes(left, right, false) ?? NO_FIELDS;
}

function intersectNodes(left: Fields, right: Fields, inner: boolean): Fields | undefined {
  const out: OpenFields = {};
  let any = false;
  if (inner && isMember(left) && isMember(right)) { out['.'] = LEAF; any = true; }
  for (const key in left) {
    if (key === '.' || right[key] === undefined) continue;
    const both = intersectNodes(left[key]!, right[key]!, true);
    if (both !== undefined) { out[key] = both; any = true; }
  }
  return any ? normal(out) : undefined;
}

/** Members of `left` that are not members of `right`. `left` itself is given back when nothing goes. */
export function difference(left: Fields, right: Fields): Fields {
  return isEmpty(right) ? left : differNodes(left, right, { inner: false, recursive: false }) ?? NO_FIELDS;
}

/** As difference, but a member of `right` also takes all that `left` has beneath it. */
export function recursiveDifference(left: Fields, right: Fields): Fields {
  return isEmpty(right) ? left : differNodes(left, right, { inner: false, recursive: true }) ?? NO_FIELDS;
}

function differNodes(left: Fields, right: Fields, how: { inner: boolean; recursive: boolean }): Fields | undefined {
  const rightIsMember = how.inner && isMember(right);
  if (rightIsMember && how.recursive) return undefined;
  const out: OpenFields = {};
  let any = false;
  let same = true;
  if (how.inner && isMember(left)) {
    if (rightIsMember) same = false;
    else { out['.'] = LEAF; any = true; }
  }
  for (const key in left) {
    if (key === '.') continue;
    const mine = left[key]!;
    const theirs = right[key];
    const rest = theirs === undefined ? mine : differNodes(mine, theirs, { inner: true, recursive: how.recursive });
    if (rest !== mine) same = false;
    if (rest !== undefined) { out[key] = rest; any = true; }
  }
  if (same) return left;
  return any ? normal(out) : undefined;
}

/** A node with only a `.` is written `{}`. */
function normal(node: OpenFields): Fields {
  if (!('.' in node)) return node;
  for (const key in node) if (key !== '.') return node;
  return LEAF;
}

/** A node that stands for itself and has `children` beneath it. */
export function memberWith(children: OpenFields | undefined): Fields {
  return children === undefined ? LEAF : { '.': LEAF, ...children };
}

/** The set of the given paths, for instance `[['f:metadata', 'f:name']]`. */
export function fieldsOf(paths: readonly (readonly string[])[]): Fields {
  let set: Fields = NO_FIELDS;
  for (const path of paths) set = union(set, path.reduceRight<Fields>((child, element) => ({ [element]: child }), LEAF));
  return set;
}

/** All member paths, those of a level before those beneath it, in the order of upstream. */
export function pathsOf(set: Fields, prefix: readonly string[] = []): string[][] {
  const elements = Object.keys(set).filter((key) => key !== '.').sort();
  const members = elements.filter((key) => isMember(set[key]!)).map((key) => [...prefix, key]);
  return [...members, ...elements.flatMap((key) => pathsOf(set[key]!, [...prefix, key]))];
}

/** The same set with its keys sorted, so that equal sets are equal bytes. */
export function sorted(set: Fields): Fields {
  const keys = Object.keys(set);
  let inOrder = true;
  for (let index = 1; index < keys.length && inOrder; index++) inOrder = keys[index - 1]! < keys[index]!;
  if (!inOrder) keys.sort();
  const out: OpenFields = {};
  let same = inOrder;
  for (const key of keys) {
    const child = set[key]!;
    const its = sorted(child);
    if (its !== child) same = false;
    out[key] = its;
  }
  return same ? set : out;
}

export function equalFields(left: Fields, right: Fields): boolean {
  if (left === right) return true;
  for (const key in left) if (right[key] === undefined || !equalFields(left[key]!, right[key]!)) return false;
  for (const key in right) if (left[key] === undefined) return false;
  return true;
}

/** `.spec.containers[name="web"].image` */
export function showPath(path: readonly string[]): string {
  return path.map(showElement).join('');
}

function showElement(element: string): string {
  const text = element.slice(2);
  switch (element[0]) {
    case 'f': return `.${text}`;
    case 'v': return `[=${text}]`;
    case 'k': {
      const keys = parseJson(text);
      return isJsonObject(keys) ? `[${Object.entries(keys).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]` : `[${text}]`;
    }
    default: return `[${text}]`;
  }
}
