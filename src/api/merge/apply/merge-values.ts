/**
 * Lays an applied configuration over a live object. Source: structured-merge-diff, typed.Merge.
 */
import { cloneJson, isJsonObject, setKey, type JsonObject } from '../../json.ts';
import type { Json } from '../../meta.ts';
import { indexList } from './compare.ts';
import { elementOf, walkOf, type Shape } from './shape.ts';

/** The merged value; it shares nothing with its arguments. */
export function mergeValues(live: Json | undefined, applied: Json | undefined, shape: Shape): Json | undefined {
  if (applied === undefined || (applied === null && holdsParts(live, shape))) return cloneJson(live);
  const walk = walkOf(shape, applied);
  if (walk === 'leaf' || live === undefined || live === null || applied === null) return cloneJson(applied);
  if (walk === 'map') return isJsonObject(live) && isJsonObject(applied) ? mergeMaps(live, applied, shape) : cloneJson(applied);
  return Array.isArray(live) && Array.isArray(applied) ? mergeLists(live, applied, shape) : cloneJson(applied);
}

/** Null says nothing of the parts of what is not one value. */
function holdsParts(live: Json | undefined, shape: Shape): boolean {
  return live !== undefined && live !== null && walkOf(shape, live) !== 'leaf' && Object.keys(live).length > 0;
}

function mergeMaps(live: JsonObject, applied: JsonObject, shape: Shape): JsonObject {
  const out: JsonObject = {};
  for (const key in live) {
    const value = Object.hasOwn(applied, key) ? mergeValues(live[key], applied[key], shape.field(key)) : cloneJson(live[key]);
    if (value !== undefined) setKey(out, key, value);
  }
  for (const key in applied) if (!Object.hasOwn(live, key)) setKey(out, key, cloneJson(applied[key]!));
  return out;
}

/**
 * Applied items keep their order among each other, live items theirs, and live items that are not applied stay before the applied
 * item that they stood before.
 */
function mergeLists(live: Json[], applied: Json[], shape: Shape): Json[] {
  const liveItems = indexList(live, shape);
  const appliedItems = indexList(applied, shape);
  const left = live.map((item) => ({ item, element: elementOf(shape, item) ?? '' })).filter(({ element }) => element !== '');
  const right = [...appliedItems.keys()];
  const shared = right.filter((element) => liveItems.has(element));
  const done = new Set<string>();
  const out: Json[] = [];
  const take = (element: string): void => {
    done.add(element);
    const before = liveItems.get(element);
    const value = mergeValues(before?.again === undefined ? before?.value : undefined, appliedItems.get(element)?.value, shape.item);
    if (value !== undefined) out.push(value);
    if (shared[0] === element) shared.shift();
  };
  let at = 0;
  let next = 0;
  while (at < left.length || next < right.length) {
    const here = left[at];
    if (here !== undefined && next < right.length) {
      if (here.element === right[next]) { take(here.element); at++; next++; continue; }
      // An applied item that stands elsewhere in the applied order comes at its place there.
      if (appliedItems.has(here.element) && shared.length > 0 && shared[0] !== here.element) { at++; continue; }
    }
    if (here !== undefined) {
      if (!appliedItems.has(here.element)) { out.push(cloneJson(here.item)); at++; continue; }
      if (done.has(here.element)) at++;
    }
    if (next < right.length) take(right[next++]!);
  }
  return out;
}
