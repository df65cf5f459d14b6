/** The order of a merged list (apimachinery util/strategicpatch): the patch's order for its elements, the server's for the rest. */
import { isJsonObject } from '../json.ts';
import type { Json } from '../meta.ts';

/**
 * Orders `merged`: elements named by `patchOrder` follow it, the others keep `serverOrder`, and the two are woven together by where
 * both stood in `serverOrder`. `mergeKey` is '' for a list of primitives.
 */
export function orderElements(merged: readonly Json[], patchOrder: readonly Json[], serverOrder: readonly Json[], mergeKey: string): Json[] {
  const inPatch = positions(patchOrder, mergeKey);
  const inServer = positions(serverOrder, mergeKey);
  const key = (item: Json): string => keyOf(item, mergeKey);
  const fromPatch = merged.filter((item) => inPatch.has(key(item))).sort((a, b) => inPatch.get(key(a))! - inPatch.get(key(b))!);
  const others = merged.filter((item) => !inPatch.has(key(item))).sort((a, b) => (inServer.get(key(a)) ?? 0) - (inServer.get(key(b)) ?? 0));
  const woven: Json[] = [];
  let left = 0;
  let right = 0;
  while (left < others.length && right < fromPatch.length) {
    const leftAt = inServer.get(key(others[left]!));
    const rightAt = inServer.get(key(fromPatch[right]!));
    woven.push(leftAt !== undefined && rightAt !== undefined && leftAt < rightAt ? others[left++]! : fromPatch[right++]!);
  }
  return [...woven, ...others.slice(left), ...fromPatch.slice(right)];
}

function positions(list: readonly Json[], mergeKey: string): Map<string, number> {
  const found = new Map<string, number>();
  list.forEach((item, index) => {
    const key = keyOf(item, mergeKey);
    if (!found.has(key)) found.set(key, index);
  });
  return found;
}

function keyOf(item: Json, mergeKey: string): string {
  return JSON.stringify(mergeKey !== '' && isJsonObject(item) ? item[mergeKey] : item) ?? '';
}
