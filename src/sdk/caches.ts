/**
 * The body of Caches: list, then watch from there; on a lost watch go on from the last revision seen; on Expired list again and tell
 * the subscribers only what differs. Works over any Client.
 */
import { ApiError, isApiError } from '../api/errors.ts';
import { resourceKey, type Kind } from '../api/kind.ts';
import type { KubeObject } from '../api/meta.ts';
import { exponentialBackoff } from '../base/backoff.ts';
import { realClock, type Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { keyOf, type Cache, type CacheEvent, type Caches } from './cache.ts';
import type { Client } from './client.ts';

export interface CachesOptions {
  client: Client;
  log: Log;
  /** Ends all watches. */
  signal: AbortSignal;
  clock?: Clock;
}

/** The caches, and a way to wait until their watches have ended after the abort. */
export interface RunningCaches extends Caches {
  settled(): Promise<void>;
}

export function createCaches(options: CachesOptions): RunningCaches {
  const caches = new Map<string, Cache>();
  const loops: Promise<void>[] = [];
  return {
    of<T extends KubeObject>(kind: Kind<T>): Cache<T> {
      const id = `${resourceKey(kind)}/${kind.version}`;
      const existing = caches.get(id);
      if (existing !== undefined) return existing as unknown as Cache<T>;
      const state = new CacheState<T>(kind, options.log);
      caches.set(id, state as unknown as Cache);
      loops.push(reflect(state, options));
      return state;
    },
    async settled() {
      await Promise.all(loops);
    },
  };
}

class CacheState<T extends KubeObject> implements Cache<T> {
  readonly kind: Kind<T>;
  readonly #log: Log;
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();
  readonly #subscribers = new Set<(event: CacheEvent<T>) => void>();
  readonly #ready = Promise.withResolvers<void>();

  constructor(kind: Kind<T>, log: Log) {
    this.kind = kind;
    this.#log = log;
    this.#indexes.set('namespace', { values: (object) => [object.metadata.namespace ?? ''], entries: new Map() });
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): readonly T[] {
    return namespace === undefined ? [...this.#objects.values()] : this.byIndex('namespace', namespace);
  }

  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`the cache of ${this.kind.plural} has no index '${name}'; call addIndex first`);
    const keys = index.entries.get(value);
    if (keys === undefined) return [];
    const found: T[] = [];
    for (const key of keys) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  addIndex(name: string, values: (object: T) => readonly string[]): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { values, entries: new Map() };
    for (const [key, object] of this.#objects) enter(index, key, object);
    this.#indexes.set(name, index);
  }

  subscribe(callback: (event: CacheEvent<T>) => void): () => void {
    for (const [key, object] of this.#objects) this.#tell(callback, { type: 'added', key, object });
    this.#subscribers.add(callback);
    return () => void this.#subscribers.delete(callback);
  }

  markReady(): void {
    this.#ready.resolve();
  }

  set(object: T): void {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion && previous !== undefined) return;
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) {
      if (previous !== undefined) leave(index, key, previous);
      enter(index, key, object);
    }
    this.#announce(previous === undefined ? { type: 'added', key, object } : { type: 'modified', key, object, previous });
  }

  remove(object: T): void {
    const key = keyOf(object);
    const previous = this.#objects.get(key);
    if (previous === undefined) return;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) leave(index, key, previous);
    this.#announce({ type: 'deleted', key, object, previous });
  }

  replace(objects: readonly T[]): void {
    const keys = new Set(objects.map(keyOf));
    for (const [key, object] of this.#objects) if (!keys.has(key)) this.remove(object);
    for (const object of objects) this.set(object);
  }

  #announce(event: CacheEvent<T>): void {
    for (const subscriber of this.#subscribers) this.#tell(subscriber, event);
  }

  #tell(subscriber: (event: CacheEvent<T>) => void, event: CacheEvent<T>): void {
    try {
      subscriber(event);
    } catch (error) {
      this.#log.error('a subscriber of a cache threw', { kind: this.kind.kind, key: event.key, error });
    }
  }
}

interface Index<T> {
  values: (object: T) => readonly string[];
  entries: Map<string, Set<string>>;
}

function enter<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    let keys = index.entries.get(value);
    if (keys === undefined) index.entries.set(value, (keys = new Set()));
    keys.add(key);
  }
}

function leave<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    const keys = index.entries.get(value);
    keys?.delete(key);
    if (keys?.size === 0) index.entries.delete(value);
  }
}

async function reflect<T extends KubeObject>(cache: CacheState<T>, { client, log, signal, clock = realClock }: CachesOptions): Promise<void> {
  const backoff = exponentialBackoff({ baseMs: 50, maxMs: 30_000 });
  let revision: string | undefined;
  while (!signal.aborted) {
    try {
      if (revision === undefined) {
        const list = await client.list(cache.kind, { signal });
        cache.replace(list.items);
        cache.markReady();
        revision = list.metadata.resourceVersion;
      }
      for await (const event of client.watch(cache.kind, { resourceVersion: revision, allowWatchBookmarks: true, signal })) {
        backoff.forget('');
        revision = event.object.metadata.resourceVersion ?? revision;
        if (event.type === 'DELETED') cache.remove(event.object);
        else if (event.type !== 'BOOKMARK') cache.set(event.object);
      }
    } catch (error) {
      if (signal.aborted) break;
      if (isApiError(error, 'Expired', 'Gone', 'NotFound')) revision = undefined;
      if (!(error instanceof ApiError) || backoff.failures('') > 2) log.warn('watching again', { kind: cache.kind.kind, error });
    }
    if (!signal.aborted) await clock.sleep(backoff.next(''), signal);
  }
}
