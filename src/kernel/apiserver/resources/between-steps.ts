/** Between the steps of a write: what is big leaves the thread to others after each, so that nobody waits for more than the longest of them. */
import type { Pace } from '../flow-control/turns.ts';
import type { WriteContext } from '../door.ts';

/** Below it all the steps together take less than a turn for others is worth. */
const BIG_BYTES = 64 * 1024;

/** To be asked after each step; undefined for what is small. `storedBytes` is the length of what there is already. */
export function betweenSteps({ pace, bodyBytes = 0 }: WriteContext, storedBytes = 0): Pace | undefined {
  return Math.max(bodyBytes, storedBytes) > BIG_BYTES ? pace : undefined;
}
