/** What may still be written when the disk is full, and from how much of the reserve: deletions from all of it, what hardly grows from its first half. */
import { DELETED, MODIFIED } from './revision-log.ts';
import { isStoreError } from './store.ts';
import type { Reserve } from './reserve.ts';
import type { Write } from './writer.ts';

/** A status that tells of an end, as one of a pod that is evicted, is about so much longer than the one before. */
const HARDLY_BYTES = 1_024;

/** The parts of the reserve that are kept from a write, from the first that is tried. */
export const KEPT_PARTS = [0.5, 0] as const;

/**
 * The part of the reserve that must be left by writes which belong together; undefined for those that get nothing of it. A deletion in two steps
 * (a grace, finalizers) is one in each of them. An update of the same size takes the room of the state that it replaces, once that is compacted.
 */
export function keptFrom(writes: readonly Write[]): number | undefined {
  let kept: number = 0;
  for (const { type, stored, previous } of writes) {
    if (type === DELETED) continue;
    if (type !== MODIFIED || previous === undefined) return undefined;
    if (stored.object.metadata.deletionTimestamp !== undefined) continue;
    if (stored.bytes.length > previous.bytes.length + HARDLY_BYTES) return undefined;
    kept = KEPT_PARTS[0];
  }
  return kept;
}

/** Does it, and once more for each piece that the reserve gives up while the disk is full; throws what it threw last. */
export function withReserve<T>(reserve: Reserve, kept: number, work: () => T): T {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isStoreError(error, 'full') || !reserve.give(kept)) throw error;
      reserve.found();
    }
  }
}
