/** A Cache that tests fill by hand; as the real one it gives what it holds to new subscribers first. */
import { keyOf, type Cache, type CacheEvent } from '../cache.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';

export interface MemoryCache<T extends KubeObject> extends Cache<T> {
  set(object: T): void;
  remove(key: string): void;
}

export function memoryCache<T extends KubeObject>(): MemoryCache<T> {
  const objects = new Map<string, T>();
  const indexes = new Map<string, (object: T) => readonly string[]>();
  const subscribers = new Set<(event: CacheEvent<T>) => void>();
  return {
    kind: {} as Kind<T>,
    ready: async () => {},
    get: (key) => objects.get(key),
    list: (namespace) => [...objects.values()].filter((each) => namespace === undefined || each.metadata.namespace === namespace),
    byIndex: (name, value) => [...objects.values()].filter((each) => indexes.get(name)?.(each).includes(value)),
    addIndex: (name, values) => void (indexes.has(name) || indexes.set(name, values)),
    subscribe(callback) {
      for (const [key, object] of objects) callback({ type: 'added', key, object });
      subscribers.add(callback);
      return () => void subscribers.delete(callback);
    },
    set(object) {
      const key = keyOf(object);
      const previous = objects.get(key);
      objects.set(key, object);
      for (const each of subscribers) each({ type: previous === undefined ? 'added' : 'modified', key, object, previous });
    },
    remove(key) {
      const object = objects.get(key);
      objects.delete(key);
      if (object !== undefined) for (const each of subscribers) each({ type: 'deleted', key, object, previous: object });
    },
  };
}
