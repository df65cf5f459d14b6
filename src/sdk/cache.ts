/**
 * Cache: one shared watch a kind, with frozen objects and indexes. Keys are `namespace/name`, or `name` for cluster-wide kinds.
 */
import type { Kind } from '../api/kind.ts';
import type { KubeObject } from '../api/meta.ts';

export type ObjectKey = string;

export interface CacheEvent<T extends KubeObject> {
  type: 'added' | 'modified' | 'deleted';
  key: ObjectKey;
  /** The new state, or the last one of a deleted object. */
  object: T;
  previous?: T;
}

export interface Cache<T extends KubeObject = KubeObject> {
  readonly kind: Kind<T>;
  /** Settles when the first list has been seen in whole. */
  ready(): Promise<void>;
  get(key: ObjectKey): T | undefined;
  /** All objects, or those of one namespace; in no order. */
  list(namespace?: string): readonly T[];
  /** Objects for which the named index gave `value`. */
  byIndex(name: string, value: string): readonly T[];
  /** Adds an index once per name; `values` must be pure. */
  addIndex(name: string, values: (object: T) => readonly string[]): void;
  /** Calls back after each change, first for what is there now (as added). Gives the way to stop. */
  subscribe(callback: (event: CacheEvent<T>) => void): () => void;
}

/** Gives the one cache of each kind; made when first asked for. */
export interface Caches {
  of<T extends KubeObject>(kind: Kind<T>): Cache<T>;
}

/** `namespace/name`, or `name`. */
export function keyOf(object: KubeObject): ObjectKey {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : (name ?? '');
}

export function splitKey(key: ObjectKey): { namespace: string | undefined; name: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { namespace: undefined, name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
