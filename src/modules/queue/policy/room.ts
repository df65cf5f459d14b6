/** Where the jobs of a queue find their places: a machine of its own, or quota that it shares with others. */
import type { Job } from './job.ts';
import { add, fits, subtract, type Resources } from './resources.ts';

/** What a job takes where it is let in. */
export interface Placement {
  readonly amount: Resources;
}

export interface Room {
  /** The most that the queue could ever have. Every vector of it is in this order. */
  readonly capacity: Resources;
  /** What of it is the queue's own, where others share in it. */
  readonly own?: Resources;
  /** What it may take now; not to be kept, since others may take of it too. */
  readonly free: Resources;
  /** How the job would fit into `available`; undefined when it does not. */
  place(job: Job, available: Resources): Placement | undefined;
  take(placement: Placement): void;
  give(placement: Placement): void;
  /** What others hold of what this queue could have, and when they are expected to give it back, the first one first. */
  elsewhere?(): readonly { readonly amount: Resources; readonly expectedEnd: number }[];
}

/** A room that nobody else uses. */
export function createRoom(capacity: Resources): Room {
  const free = [...capacity];
  return {
    capacity,
    free,
    place: ({ request }, available) => (fits(request, available) ? { amount: request } : undefined),
    take: ({ amount }) => subtract(free, amount),
    give: ({ amount }) => add(free, amount),
  };
}
