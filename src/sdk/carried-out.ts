/**
 * What objects say is carried out by others: rules in the kernel, proxies. Who carries out says here when he has caught up, and who must not be ahead of him waits. Within one process and
 * instance: of who works beside them in another nothing is known, and nobody waits for him.
 */
import type { Kind } from '../api/kind.ts';
import { resourceKey } from '../api/kind.ts';
import type { KubeObject } from '../api/meta.ts';
import { keyOf, type Cache } from './cache.ts';

type Carrier = (object: KubeObject) => Promise<unknown>;

const carriers = new Map<string, Set<Carrier>>();
const placeOf = (instance: string, kind: Pick<Kind, 'group' | 'plural'>): string => `${instance} ${resourceKey(kind as Kind)}`;

/** `caughtUp` settles when all that the cache has told of so far is carried out. Gives the way to stop. */
export function carriesOut<T extends KubeObject>(instance: string, cache: Cache<T>, caughtUp: () => Promise<unknown>): () => void {
  const place = placeOf(instance, cache.kind);
  const carrier: Carrier = (object) => seen(cache, object).then(caughtUp);
  carriers.set(place, (carriers.get(place) ?? new Set()).add(carrier));
  return () => void carriers.get(place)?.delete(carrier);
}

/** Settles when all have carried out what the object says in this revision, or a later one; who fails to is not waited for. */
export async function carriedOut<T extends KubeObject>(instance: string, kind: Kind<T>, object: T): Promise<void> {
  await Promise.allSettled([...(carriers.get(placeOf(instance, kind)) ?? [])].map((carrier) => carrier(object)));
}

/** Settles when the cache has told its subscribers of this revision of the object, or that it is gone. */
function seen<T extends KubeObject>(cache: Cache<T>, object: KubeObject): Promise<void> {
  const key = keyOf(object);
  const isBehind = (): boolean => Number(cache.get(key)?.metadata.resourceVersion ?? Infinity) < Number(object.metadata.resourceVersion);
  return new Promise((resolve) => {
    if (!isBehind()) return void setImmediate(resolve);
    const stop = cache.subscribe(() => {
      if (isBehind()) return;
      setImmediate(() => { // all are told by then
        stop();
        resolve();
      });
    });
  });
}
