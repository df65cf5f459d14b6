/**
 * Strategic merge patch: a merge patch that knows, from the schema, which lists merge by a key or as sets.
 * Source: "Update API Objects in Place Using kubectl patch" of the Kubernetes documentation and apimachinery util/strategicpatch.
 */
import { ApiError, unclassified } from '../errors.ts';
import { cloneJson, equalJson, goText, isJsonObject, ownValue, setKey, type JsonObject } from '../json.ts';
import type { Json } from '../meta.ts';
import { fieldOf, resolveSchema, type Schema } from '../schema/schema.ts';
import { orderElements } from './strategic-order.ts';

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const DELETE_FROM = '$deleteFromPrimitiveList';
const ELEMENT_ORDER = '$setElementOrder';

/** What is known of a field for merging. */
interface Field { schema: Schema | undefined; strategy: string; mergeKey: string }

/**
 * Applies `patch` to a copy of `original`. Throws ApiError in upstream's words and codes (handlers/patch.go, interpretStrategicMergePatchError):
 * BadRequest for a patch that breaks the format, Invalid for one that does not match its own lists, and 500 without a reason for what upstream
 * does not tell apart from a fault of its own, such as an element without its merge key.
 */
export function strategicMergePatch(original: Json, patch: Json, schema: Schema): Json {
  if (!isJsonObject(patch)) throw new ApiError('BadRequest', 'a strategic merge patch is an object with the fields to change');
  return mergeMap(isJsonObject(original) ? cloneJson(original) : {}, cloneJson(patch), schema);
}

/** Both arguments are ours to change. */
function mergeMap(original: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive !== undefined) {
    // `merge` is documented, but no server takes it.
    if (directive === 'delete') return {};
    if (directive !== 'replace') throw badDirective(directive, patch);
    delete patch[DIRECTIVE];
    return patch;
  }
  retainKeys(original, patch);
  mergeOrderedLists(original, patch, schema);
  for (const key of Object.keys(patch)) mergeKeyInto(original, key, patch[key]!, schema);
  return original;
}

function mergeKeyInto(original: JsonObject, patchKey: string, value: Json, schema: Schema | undefined): void {
  const deletes = patchKey.startsWith(DELETE_FROM);
  const key = deletes ? keyAfter(patchKey, DELETE_FROM) : patchKey;
  if (value === null) {
    delete original[key];
    return;
  }
  const before = ownValue(original, key);
  if (deletes) {
    if (Array.isArray(before) && Array.isArray(value)) {
      const gone = new Set(value.map(keyText));
      original[key] = before.filter((item) => !gone.has(keyText(item)));
    }
    return;
  }
  if (isJsonObject(before) && isJsonObject(value)) {
    const field = lookUp(schema, key);
    setKey(original, key, field.strategy === 'replace' ? withoutDirectives(value) : mergeMap(before, value, field.schema));
    return;
  }
  if (Array.isArray(before) && Array.isArray(value)) {
    const field = lookUp(schema, key);
    setKey(original, key, field.strategy === 'merge' ? mergeList(before, value, field) : withoutDirectives(value) as Json);
    return;
  }
  const kept = withoutDirectives(withoutNulls(value));
  if (kept === undefined) delete original[key];
  else setKey(original, key, kept);
}

/** The `$setElementOrder/x` entries: merge list x, then order it as the patch says. They are taken out of the patch. */
function mergeOrderedLists(original: JsonObject, patch: JsonObject, schema: Schema | undefined): void {
  for (const directive of Object.keys(patch)) {
    if (!directive.startsWith(ELEMENT_ORDER)) continue;
    const order = patch[directive]!;
    const key = keyAfter(directive, ELEMENT_ORDER);
    delete patch[directive];
    const before = ownValue(original, key);
    const change = ownValue(patch, key);
    if (!Array.isArray(order) || (before !== undefined && !Array.isArray(before)) || (change !== undefined && !Array.isArray(change))) throw badFormat('setElementOrder list');
    if (before === undefined && change === undefined) continue;
    const field = lookUp(schema, key);
    if (change !== undefined) checkOrder(change, order, field.mergeKey);
    const merged = before === undefined ? withoutDirectives(change!) as Json[] : change === undefined ? before : field.strategy === 'merge' ? mergeList([...before], change, field) : change;
    setKey(original, key, orderElements(merged, order, serverOrder(before ?? [], change ?? [], field), field.mergeKey));
    delete patch[key];
  }
}

/** New elements take the places of deleted ones: upstream writes them into the very list whose order counts. */
function serverOrder(before: readonly Json[], change: readonly Json[], { mergeKey, strategy }: Field): readonly Json[] {
  if (strategy !== 'merge' || mergeKey === '' || !change.some((item) => isDirective(item, 'delete'))) return before;
  const keyOf = (item: Json): string => keyText(isJsonObject(item) ? item[mergeKey] : undefined);
  const gone = new Set(change.filter((item) => isDirective(item, 'delete')).map(keyOf));
  const kept = before.filter((item) => !gone.has(keyOf(item)));
  const known = new Set(kept.map(keyOf));
  const added = change.filter((item) => isJsonObject(item) && item[DIRECTIVE] === undefined && !known.has(keyOf(item)));
  return [...kept, ...added.slice(0, before.length - kept.length)];
}

/** The elements of a patch list must come in the order of its $setElementOrder list. */
function checkOrder(change: readonly Json[], order: readonly Json[], mergeKey: string): void {
  if (change.length === 0 || order.length === 0) return;
  const kept = change.filter((item) => !isDirective(item, 'delete'));
  let at = 0;
  for (let place = 0; at < kept.length && place < order.length; at++) {
    if (isJsonObject(kept[at]!) && DIRECTIVE in (kept[at] as JsonObject)) continue;
    while (place < order.length && !sameElement(kept[at]!, order[place]!, mergeKey)) place++;
    if (place++ >= order.length) break;
  }
  if (at < kept.length) throw unclassified(`The order in patch list:\n${JSON.stringify(change)}\n doesn't match ${ELEMENT_ORDER} list:\n${JSON.stringify(order)}\n`);
}

function isDirective(item: Json, directive: string): boolean {
  return isJsonObject(item) && item[DIRECTIVE] === directive;
}

function mergeList(original: Json[], patch: Json[], field: Field): Json[] {
  const first = original[0] ?? patch[0];
  if (first === undefined) return original;
  if (Array.isArray(first)) throw mismatched('lists of lists are not supported');
  for (const item of [...original, ...patch]) if (isJsonObject(item) !== isJsonObject(first)) throw unclassified('list element types are not identical');
  if (!isJsonObject(first)) return orderElements(union(original, patch), patch, original, '');
  if (field.mergeKey === '') throw unclassified(`cannot merge lists without merge key for ${field.schema?.name ?? 'this list'}`);
  const { kept, changes, replaced } = takeDirectives(original as JsonObject[], patch as JsonObject[], field.mergeKey);
  if (replaced) return changes.map((item) => withoutDirectives(withoutNulls(item))!);
  const order = [...kept];
  const merged = [...kept];
  const places = new Map<string, number>();
  const place = (item: JsonObject, at: number): void => {
    const key = keyText(item[field.mergeKey]);
    if (!places.has(key)) places.set(key, at);
  };
  merged.forEach(place);
  for (const change of changes) {
    const value = change[field.mergeKey];
    if (value === undefined) throw noMergeKey(change, field.mergeKey);
    const at = places.get(keyText(value));
    if (at === undefined) place(change, merged.push(withoutDirectives(withoutNulls(change)) as JsonObject) - 1);
    else merged[at] = mergeMap(merged[at]!, change, field.schema);
  }
  return orderElements(merged, changes, order, field.mergeKey);
}

/** Carries out the elements that are directives (`$patch: delete` by key, `$patch: replace` for the whole list). */
function takeDirectives(original: JsonObject[], patch: JsonObject[], mergeKey: string): { kept: JsonObject[]; changes: JsonObject[]; replaced: boolean } {
  const gone = new Set<string>();
  let replaced = false;
  const changes: JsonObject[] = [];
  for (const item of patch) {
    const directive = item[DIRECTIVE];
    if (directive === undefined) changes.push(item);
    else if (directive === 'replace') replaced = true;
    else if (directive === 'delete') {
      const value = item[mergeKey];
      if (value === undefined) throw noMergeKey(item, mergeKey);
      gone.add(keyText(value));
    } else if (directive === 'merge') throw unclassified('merging lists cannot yet be specified in the patch');
    else throw badDirective(directive, item);
  }
  return { kept: gone.size === 0 ? original : original.filter((each) => !gone.has(keyText(each[mergeKey]))), changes, replaced };
}

/** One text for equal values: keys are compared with many others. */
function keyText(value: Json | undefined): string {
  return typeof value === 'string' ? `"${value}` : value === undefined ? '' : isJsonObject(value) || Array.isArray(value) ? JSON.stringify(sortedKeys(value)) : String(value);
}

function sortedKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortedKeys);
  return isJsonObject(value) ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sortedKeys(value[key]!)])) : value;
}

function retainKeys(original: JsonObject, patch: JsonObject): void {
  const keys = patch[RETAIN_KEYS];
  if (keys === undefined) return;
  delete patch[RETAIN_KEYS];
  if (!Array.isArray(keys)) throw badFormat('retainKeys');
  for (const key of Object.keys(patch)) {
    if (patch[key] === null || key.startsWith(DELETE_FROM) || key.startsWith(ELEMENT_ORDER)) continue;
    if (!keys.includes(key)) throw mismatched("patch content doesn't match retainKeys list");
  }
  for (const key of Object.keys(original)) if (!keys.includes(key)) delete original[key];
}

function lookUp(schema: Schema | undefined, key: string): Field {
  const known = schema === undefined ? undefined : fieldOf(schema, key);
  if (known === undefined) return { schema: undefined, strategy: '', mergeKey: '' };
  const strategy = (known.xPatchStrategy ?? '').split(',').find((each) => each !== 'retainKeys') ?? '';
  const element = known.items === undefined ? known : resolveSchema(known.items);
  return { schema: element, strategy, mergeKey: known.xPatchMergeKey ?? '' };
}

/** New values carry no nulls: a null there asks to remove what was never there. */
function withoutNulls<T extends Json>(value: T): T {
  if (Array.isArray(value)) for (const item of value) withoutNulls(item);
  else if (isJsonObject(value)) for (const key of Object.keys(value)) if (value[key] === null) delete value[key];
    else withoutNulls(value[key]!);
  return value;
}

/** Drops elements that are only directives; undefined when nothing is left of the value itself. */
function withoutDirectives(value: Json): Json | undefined {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isJsonObject(value)) return value;
  if (value[DIRECTIVE] !== undefined) return undefined;
  for (const key of Object.keys(value)) {
    if (key.startsWith(DELETE_FROM) || key.startsWith(ELEMENT_ORDER) || key === RETAIN_KEYS) { delete value[key]; continue; }
    const kept = withoutDirectives(value[key]!);
    if (kept === undefined) delete value[key];
    else value[key] = kept;
  }
  return value;
}

function union(original: readonly Json[], patch: readonly Json[]): Json[] {
  return [...new Set([...original, ...patch])];
}

function sameElement(left: Json, right: Json, mergeKey: string): boolean {
  return mergeKey === '' ? left === right : isJsonObject(left) && isJsonObject(right) && equalJson(left[mergeKey], right[mergeKey]);
}

function keyAfter(key: string, prefix: string): string {
  if (key[prefix.length] !== '/') throw badFormat(prefix === DELETE_FROM ? 'primitive list' : 'setElementOrder list');
  return key.slice(prefix.length + 1);
}

function badFormat(of: string): ApiError {
  return new ApiError('BadRequest', `invalid patch format of ${of}`);
}

function badDirective(directive: Json, map: JsonObject): ApiError {
  return unclassified(`unknown patch type: ${String(directive)} in map: ${goText(map)}`);
}

function noMergeKey(map: JsonObject, key: string): ApiError {
  return unclassified(`map: ${goText(map)} does not contain declared merge key: ${key}`);
}

/** As upstream answers it, whose text says no more than that something in the request is wrong; here it says what. */
function mismatched(why: string): ApiError {
  return new ApiError('Invalid', `the server rejected our request due to an error in our request: ${why}`);
}
