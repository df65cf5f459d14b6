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

/** `caughtUp` settles when all that the cache has told of so far is carried out. Gives the way to stop, which ends all waiting for it. */
export function carriesOut<T extends KubeObject>(instance: string, cache: Cache<T>, caughtUp: () => Promise<unknown>): () => void {
  const place = placeOf(instance, cache.kind);
  const stopped = new AbortController();
  const carrier: Carrier = async (object) => {
    await seen(cache, object, stopped.signal);
    if (!stopped.signal.aborted) await caughtUp();
  };
  const own = carriers.get(place) ?? new Set();
  carriers.set(place, own.add(carrier));
  return () => {
    own.delete(carrier);
    if (own.size === 0 && carriers.get(place) === own) carriers.delete(place);
    stopped.abort();
  };
}

/** Settles when all have carried out what the object says in this revision, or a later one; who fails to, or stops, is not waited for. */
export async function carriedOut<T extends KubeObject>(instance: string, kind: Kind<T>, object: T): Promise<void> {
  await Promise.allSettled([...(carriers.get(placeOf(instance, kind)) ?? [])].map((carrier) => carrier(object)));
}

/** Settles when the cache has told its subscribers of this revision of the object, or that it is gone; or when the signal aborts. */
function seen<T extends KubeObject>(cache: Cache<T>, object: KubeObject, signal: AbortSignal): Promise<void> {
  const key = keyOf(object);
  const isBehind = (): boolean => Number(cache.get(key)?.metadata.resourceVersion ?? Infinity) < Number(object.metadata.resourceVersion);
  return new Promise((resolve) => {
    if (!isBehind()) return void setImmediate(resolve);
    const end = (): void => {
      stop();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const stop = cache.subscribe(() => {
      if (!isBehind()) setImmediate(end); // all are told by then
    });
    signal.addEventListener('abort', end, { once: true });
  });
}
