/** When those that wait are expected to start: as soon as enough of those that run, or went before it, are expected to have ended. */
import { createHeap } from '../../base/heap.ts';
import type { LiveQueue } from './build.ts';
import type { Entry } from './policy/job.ts';
import { add, fits, subtract, type Resources } from './policy/resources.ts';

/** About so many places are looked for: among many that run, several ends at a time are waited for. */
const MOST_LOOKS = 2_000;

/** How long a run of the job is expected to be, in seconds, given that this run lasts for so long already. */
export type ExpectRun = (entry: Entry, ranSeconds: number) => number;

/**
 * Seconds since the epoch, for the first ones of those that wait; Infinity where nothing that is known of makes room. Each waits for those before it; where the
 * queue lets others past who does not fit (`skips`), for none that it does not need to.
 */
export function forecast({ admission, room, skips }: LiveQueue, waiting: readonly Entry[], now: number, expect: ExpectRun): number[] {
  const free = [...room.free];
  const ends = createHeap<{ amount: Resources; at: number }>((left, right) => left.at - right.at);
  for (const entry of admission.running) ends.push({ amount: entry.placement!.amount, at: entry.trialSeconds > 0 ? entry.expectedEnd : entry.startedAt + expect(entry, now - entry.startedAt) });
  for (const { amount, expectedEnd } of room.elsewhere()) ends.push({ amount, at: expectedEnd });
  const times = waiting.map(() => Infinity);
  let left = [...waiting.keys()];
  let at = now;
  const together = Math.max(1, Math.ceil(((ends.size + waiting.length) * (skips ? waiting.length : 1)) / MOST_LOOKS));
  for (;;) {
    const still: number[] = [];
    for (const [place, index] of left.entries()) {
      const entry = waiting[index]!;
      const placement = still.length > 0 && !skips ? undefined : room.place(entry.job, within(free, room.capacity));
      if (placement !== undefined && fits(placement.amount, free)) {
        times[index] = at;
        subtract(free, placement.amount);
        ends.push({ amount: placement.amount, at: at + expect(entry, 0) });
      } else if (skips) still.push(index);
      else {
        still.push(...left.slice(place));
        break;
      }
    }
    const next = still.length === 0 ? undefined : ends.pop();
    if (next === undefined) break;
    left = still;
    at = Math.max(at, next.at);
    add(free, next.amount);
    for (let taken = 1, also = ends.peek(); also !== undefined && (also.at <= at || taken < together); taken++, also = ends.peek()) {
      at = Math.max(at, also.at);
      add(free, ends.pop()!.amount);
    }
  }
  return times;
}

/** What others give back may be more than the queue may ever have. */
function within(free: Resources, capacity: Resources): Resources {
  return free.map((amount, index) => Math.min(amount, capacity[index]!));
}
