/** JSON merge patch (RFC 7386). */
import { cloneJson, isJsonObject, ownValue, setKey, type JsonObject } from '../json.ts';
import type { Json } from '../meta.ts';

/** What `target` becomes under `patch`: null removes a key, objects merge, anything else replaces. Neither argument is changed. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return cloneJson(patch);
  const from: JsonObject = isJsonObject(target) ? target : {};
  const merged: JsonObject = {};
  for (const key in from) if (!Object.hasOwn(patch, key)) setKey(merged, key, cloneJson(from[key]!));
    else if (patch[key] !== null) setKey(merged, key, mergePatch(from[key]!, patch[key]!));
  for (const key in patch) if (patch[key] !== null && ownValue(from, key) === undefined) setKey(merged, key, mergePatch(undefined, patch[key]!));
  return merged;
}
