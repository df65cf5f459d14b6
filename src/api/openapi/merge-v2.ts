/** Puts what other servers say of their group versions into the one OpenAPI v2 document of the cluster (upstream: kube-openapi/pkg/aggregator). */
import { equalJson, isJsonObject } from '../json.ts';
import type { Json } from '../meta.ts';
import type { JsonObject } from './schemas.ts';

export interface OtherDocument {
  /** Only paths at or below it are taken: `/apis/wardle.example.com/v1alpha1`. */
  prefix: string;
  /** Undefined where it could not be had. */
  document: unknown;
}

const DEFINITION = '#/definitions/';

/**
 * A new document. Definitions come with the paths that need them; one whose name is taken by another of the same content is shared, of
 * another content renamed to NAME_v2, NAME_v3, ... Paths that are there already are kept as they are.
 */
export function mergeOpenapiV2(own: object, others: readonly OtherDocument[]): JsonObject {
  const merged = own as JsonObject;
  const paths = { ...(merged['paths'] as JsonObject) };
  const definitions = { ...(merged['definitions'] as JsonObject) };
  for (const { prefix, document } of others) {
    if (!isJsonObject(document)) continue;
    for (const path of Object.keys(paths)) if (isBelow(path, prefix)) delete paths[path];
    const wanted = Object.entries(objectAt(document, 'paths')).filter(([path]) => isBelow(path, prefix));
    const needed = reachable(wanted.map(([, item]) => item), objectAt(document, 'definitions'));
    const names = namesFor(needed, definitions);
    for (const [name, definition] of needed) definitions[names.get(name) ?? name] ??= renamed(definition, names);
    for (const [path, item] of wanted) paths[path] ??= renamed(item, names);
  }
  return { ...merged, paths, definitions };
}

function isBelow(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`);
}

function objectAt(document: object, key: string): JsonObject {
  const value = (document as JsonObject)[key];
  return isJsonObject(value) ? (value as JsonObject) : {};
}

/** The definitions that `roots` refer to, and those that these refer to. */
function reachable(roots: readonly Json[], all: JsonObject): Map<string, Json> {
  const found = new Map<string, Json>();
  const pending = [...roots];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    visitRefs(next, (name) => {
      if (found.has(name) || all[name] === undefined) return;
      found.set(name, all[name]);
      pending.push(all[name]);
    });
  }
  return found;
}

function visitRefs(value: Json, visit: (name: string) => void): void {
  if (Array.isArray(value)) for (const each of value) visitRefs(each, visit);
  else if (isJsonObject(value)) {
    for (const [key, each] of Object.entries(value as JsonObject)) {
      if (key === '$ref' && typeof each === 'string' && each.startsWith(DEFINITION)) visit(each.slice(DEFINITION.length));
      else visitRefs(each, visit);
    }
  }
}

/** New names for those that are taken by something else. */
function namesFor(needed: ReadonlyMap<string, Json>, taken: JsonObject): Map<string, string> {
  const names = new Map<string, string>();
  for (const [name, definition] of needed) {
    const known = taken[name];
    if (known === undefined || equalJson(known, definition)) continue;
    let number = 2;
    while (taken[`${name}_v${number}`] !== undefined && !equalJson(taken[`${name}_v${number}`], definition)) number++;
    names.set(name, `${name}_v${number}`);
  }
  return names;
}

function renamed(value: Json, names: ReadonlyMap<string, string>): Json {
  if (names.size === 0) return value;
  if (Array.isArray(value)) return value.map((each) => renamed(each, names));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value as JsonObject).map(([key, each]) => {
    const name = key === '$ref' && typeof each === 'string' && each.startsWith(DEFINITION) ? names.get(each.slice(DEFINITION.length)) : undefined;
    return [key, name === undefined ? renamed(each, names) : `${DEFINITION}${name}`];
  }));
}
