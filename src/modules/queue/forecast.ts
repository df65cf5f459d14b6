/** When those that wait are expected to start: each in its turn, as soon as enough of those that run, or went before it, are expected to have ended. */
import type { LiveQueue } from './build.ts';
import type { Entry } from './policy/job.ts';
import { add, fits, subtract, type Resources } from './policy/resources.ts';

/** Seconds since the epoch, for the first ones of those that wait; Infinity where nothing that is known of makes room. */
export function forecast({ admission, room }: LiveQueue, waiting: readonly Entry[], now: number): number[] {
  const free = [...room.free];
  const ends = [...[...admission.running].map(({ placement, expectedEnd }) => ({ amount: placement!.amount, at: expectedEnd })), ...room.elsewhere().map(({ amount, expectedEnd }) => ({ amount, at: expectedEnd }))];
  let at = now;
  return waiting.map((entry) => {
    let placement = room.place(entry.job, free);
    while (placement === undefined && ends.length > 0) {
      const next = takeFirst(ends);
      at = Math.max(at, next.at);
      add(free, next.amount);
      placement = room.place(entry.job, within(free, room.capacity));
    }
    if (placement === undefined || !fits(placement.amount, free)) return Infinity;
    subtract(free, placement.amount);
    ends.push({ amount: placement.amount, at: at + entry.expectedSeconds });
    return at;
  });
}

function takeFirst(ends: { amount: Resources; at: number }[]): { amount: Resources; at: number } {
  let first = 0;
  for (let index = 1; index < ends.length; index++) if (ends[index]!.at < ends[first]!.at) first = index;
  return ends.splice(first, 1)[0]!;
}

/** What others give back may be more than the queue may ever have. */
function within(free: Resources, capacity: Resources): Resources {
  return free.map((amount, index) => Math.min(amount, capacity[index]!));
}
