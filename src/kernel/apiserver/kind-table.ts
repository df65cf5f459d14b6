/** KindTable: the kinds that the door serves now, looked up by path. Kinds come and go at run time. */
import { apiVersionOf } from '../../api/meta.ts';
import type { Kind } from '../../api/kind.ts';
import type { Schema } from '../../api/schema/schema.ts';
import type { ObjectSource, ServedKinds } from '../../sdk/module.ts';
import type { AggregatedTable } from './aggregated.ts';

export interface KindTable extends ServedKinds {
  /** By what stands in a path. */
  lookup(group: string, version: string, plural: string): Kind | undefined;
  /** Any version of a resource. */
  ofResource(group: string, plural: string): Kind | undefined;
  hasVersion(group: string, version: string): boolean;
  /** Whether other served kinds keep their objects in the same place, so that stored bytes may say another apiVersion. */
  isShared(kind: Kind): boolean;
  /** Whether the resource is served in this version, perhaps by a newer Kind. */
  isServed(kind: Kind): boolean;
  /** Whether the resource of `kind` is served as this apiVersion. */
  servesAt(kind: Kind, apiVersion: string): boolean;
  /** In the place of a Kind of the same path, which comes back when this one is withdrawn; behind it where that one is custom and this one is not. */
  serve(kind: Kind, source?: ObjectSource): () => void;
  /** Where the objects come from when they are not stored. */
  sourceOf(kind: Kind): ObjectSource | undefined;
  /** Raised by every change: what caches of discovery and openapi go by. */
  readonly changes: number;
}

export function createKindTable(aggregated?: AggregatedTable): KindTable {
  const byPath = new Map<string, Kind>();
  /** What a newer Kind of the same path took the place of, such as a built-in one that a definition of a user's speaks for. */
  const covered = new Map<string, Kind[]>();
  const sources = new Map<string, ObjectSource>();
  const callbacks = new Set<() => void>();
  const shared = new Map<string, number>();
  let changes = 0;
  const changed = (): void => {
    changes++;
    shared.clear();
    for (const kind of byPath.values()) shared.set(storageOf(kind), (shared.get(storageOf(kind)) ?? 0) + 1);
    for (const callback of callbacks) callback();
  };
  aggregated?.subscribe(() => {
    for (const callback of callbacks) callback();
  });
  const all = (): Kind[] => [...byPath.values()];
  return {
    lookup: (group, version, plural) => byPath.get(`${group}/${version}/${plural}`),
    ofResource: (group, plural) => preferred(all().filter((kind) => kind.group === group && kind.plural === plural)),
    hasVersion: (group, version) => all().some((kind) => kind.group === group && kind.version === version),
    isServed: (kind) => byPath.has(`${kind.group}/${kind.version}/${kind.plural}`),
    servesAt: (kind, apiVersion) => byPath.has(`${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}/${kind.plural}`),
    isShared: (kind) => (shared.get(storageOf(kind)) ?? 0) > 1,
    sourceOf: (kind) => (sources.size === 0 ? undefined : sources.get(`${kind.group}/${kind.version}/${kind.plural}`)),
    serve(kind, source) {
      const path = `${kind.group}/${kind.version}/${kind.plural}`;
      const before = byPath.get(path);
      if (before?.isCustom === true && kind.isCustom !== true) covered.set(path, [kind, ...(covered.get(path) ?? [])]);
      else {
        if (before !== undefined && before !== kind) covered.set(path, [...(covered.get(path) ?? []), before]);
        byPath.set(path, kind);
        if (source !== undefined) sources.set(path, source);
        changed();
      }
      return () => {
        const below = (covered.get(path) ?? []).filter((each) => each !== kind);
        const isShown = byPath.get(path) === kind;
        const next = isShown ? below.pop() : undefined;
        if (below.length > 0) covered.set(path, below);
        else covered.delete(path);
        if (!isShown) return;
        sources.delete(path);
        if (next === undefined) byPath.delete(path);
        else byPath.set(path, next);
        changed();
      };
    },
    get changes() {
      return changes;
    },
    list: all,
    elsewhere: () => aggregated?.list() ?? [],
    find: (group, name) => preferred(all().filter((kind) => kind.group === group && kind.kind === name)),
    subscribe(callback) {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
  };
}

/** `/core/pods/` or `/apps/deployments/`: where the objects of a kind are kept. */
export function storageOf(kind: Kind): string {
  const group = kind.storageGroup ?? kind.group;
  return `/${group === '' ? 'core' : group}/${kind.plural}/`;
}

export function keyOf(kind: Kind, namespace: string | undefined, name: string): string {
  return kind.namespaced ? `${storageOf(kind)}${namespace ?? ''}/${name}` : storageOf(kind) + name;
}

export function apiVersionOfKind(kind: Kind): string {
  return apiVersionOf(kind.group, kind.version);
}

function preferred(kinds: Kind[]): Kind | undefined {
  return kinds.length < 2 ? kinds[0] : kinds.sort((a, b) => compareVersions(b.version, a.version))[0];
}

/** Negative when `a` is the lesser version: v1 before v2, v1beta1 before v1 (apimachinery version.CompareKubeAwareVersionStrings). */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [rank(a), rank(b)];
  for (let at = 0; at < 3; at++) if (x[at] !== y[at]) return x[at]! - y[at]!;
  return a < b ? 1 : a > b ? -1 : 0;
}

function rank(version: string): [number, number, number] {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return [0, 0, 0];
  return [match[2] === undefined ? 3 : match[2] === 'beta' ? 2 : 1, Number(match[1]), Number(match[3] ?? 0)];
}

const schemas = new WeakMap<Kind, Schema>();

/** The schema of a kind, looked up in the facts once. */
export function schemaOfKind(kind: Kind): Schema {
  let schema = schemas.get(kind);
  if (schema === undefined) schemas.set(kind, (schema = kind.schema()));
  return schema;
}
