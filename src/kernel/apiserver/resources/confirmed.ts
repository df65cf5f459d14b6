/** What a write is told must be on the disk, a refusal too: it is decided by the newest state, which may only be on its way there. */
import type { Door } from '../door.ts';

/** Runs a write; a refusal is thrown when all that it may stand on is on the disk, and the disk's failure instead when that fails. */
export async function confirmed<T>(door: Door, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await door.store.confirmed();
    throw error;
  }
}
