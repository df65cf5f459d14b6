/**
 * Expectations: what a controller has asked for and its cache has not shown yet. Until all of it was seen, the controller must not
 * judge by the cache, or it would create or delete twice (upstream: ControllerExpectations).
 */
import { controllerOf } from '../../api/owner.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { Clock } from '../../base/clock.ts';
import { keyOf, type Cache } from '../../sdk/index.ts';

export interface Expectations {
  /** Whether everything asked for by the owner (by uid) was seen, or waited for in vain for five minutes. */
  satisfied(ownerUid: string): boolean;
  expectCreations(ownerUid: string, count: number): void;
  /** A creation that failed will never be seen. */
  creationFailed(ownerUid: string): void;
  expectDeletions(ownerUid: string, uids: readonly string[]): void;
  deletionFailed(ownerUid: string, uid: string): void;
}

/** Expectations that watch a cache until they are stopped. */
export interface WatchedExpectations extends Expectations {
  stop(): void;
}

interface Pending {
  creations: number;
  deletions: Set<string>;
  sinceMs: number;
}

const GIVE_UP_MS = 300_000;

/** Watches `cache`, so it must be made once a cache; `stop` ends that. */
export function watchExpectations(cache: Cache, clock: Clock): WatchedExpectations {
  const pending = new Map<string, Pending>();
  const of = (ownerUid: string): Pending => {
    let entry = pending.get(ownerUid);
    if (entry === undefined) pending.set(ownerUid, (entry = { creations: 0, deletions: new Set(), sinceMs: 0 }));
    entry.sinceMs = clock.nowMs();
    return entry;
  };
  const seenCreation = (ownerUid: string): void => {
    const entry = pending.get(ownerUid);
    if (entry !== undefined && entry.creations > 0) entry.creations -= 1;
  };
  const stop = cache.subscribe(({ type, object }) => {
    const ownerUid = ownerUidOf(object);
    if (ownerUid === undefined) return;
    if (type === 'added') seenCreation(ownerUid);
    if (type === 'deleted' || object.metadata.deletionTimestamp !== undefined) pending.get(ownerUid)?.deletions.delete(object.metadata.uid ?? keyOf(object));
  });
  return {
    satisfied(ownerUid) {
      const entry = pending.get(ownerUid);
      if (entry === undefined) return true;
      const isDone = (entry.creations === 0 && entry.deletions.size === 0) || clock.nowMs() - entry.sinceMs > GIVE_UP_MS;
      if (isDone) pending.delete(ownerUid);
      return isDone;
    },
    expectCreations: (ownerUid, count) => void (of(ownerUid).creations = count),
    creationFailed: seenCreation,
    expectDeletions: (ownerUid, uids) => void (of(ownerUid).deletions = new Set(uids)),
    deletionFailed: (ownerUid, uid) => void pending.get(ownerUid)?.deletions.delete(uid),
    stop,
  };
}

function ownerUidOf(object: KubeObject): string | undefined {
  return controllerOf(object)?.uid;
}
