/** Who starts because it is their turn: those that have waited for too long, then the first ones in order. */
import type { Entry } from './job.ts';
import type { Passing } from './passing.ts';
import type { Pending } from './pending.ts';
import type { Resources } from './resources.ts';
import type { Placement } from './room.ts';
import type { WaitBound } from './wait-bound.ts';

export type Begin = (entry: Entry, placement: Placement, trialSeconds?: number) => void;
/** Room for the entry in places of resumable ones, which are stopped; undefined where there is none. */
export type YieldTo = (entry: Entry, why: 'overdue' | 'shorter') => Placement | undefined;

export interface TurnsInput {
  readonly pending: Pending;
  readonly bound: WaitBound | undefined;
  readonly passing: Passing;
  /** What is free for others than trials. */
  available(): Resources;
  place(entry: Entry, available: Resources): Placement | undefined;
  /** What it is expected to be, in dominant shares times seconds. */
  workOf(entry: Entry): number;
}

interface Now { readonly now: number; readonly begin: Begin; readonly yieldTo: YieldTo }

export class Turns {
  readonly #input: TurnsInput;

  constructor(input: TurnsInput) {
    this.#input = input;
  }

  /** Starts them until one does not fit, which is given back: it blocks the others. `caution`: see WaitBound. */
  run(now: Now): { blocked: Entry | undefined; caution: number } {
    const overdue = this.#startOverdue(now);
    if (overdue !== undefined) return { blocked: overdue, caution: this.#input.bound!.cautionFor(overdue, now.now) };
    return { blocked: this.#startInOrder(now), caution: 1 };
  }

  /** The oldest that waited for too long start first, but for the share of those who pass. */
  #startOverdue({ now, begin, yieldTo }: Now): Entry | undefined {
    for (const entry of this.#input.bound?.overdue(now) ?? []) {
      this.#startPassing(begin);
      if (entry.state !== 'pending') continue;
      const placement = this.#place(entry) ?? yieldTo(entry, 'overdue');
      if (placement === undefined) return entry;
      begin(entry, placement);
    }
    return undefined;
  }

  /** The first ones in order go past those that waited for too long, as far as they have a share of the work. */
  #startPassing(begin: Begin): void {
    const { pending, passing, workOf } = this.#input;
    for (const entry of pending.inOrder()) {
      const work = workOf(entry);
      const placement = passing.allows(work) ? this.#place(entry) : undefined;
      if (placement === undefined) return;
      passing.begins(entry, work);
      begin(entry, placement);
    }
  }

  #startInOrder({ begin, yieldTo }: Now): Entry | undefined {
    for (const entry of this.#input.pending.inOrder()) {
      const placement = this.#place(entry) ?? yieldTo(entry, 'shorter');
      if (placement === undefined) return entry;
      begin(entry, placement);
    }
    return undefined;
  }

  #place(entry: Entry): Placement | undefined {
    return this.#input.place(entry, this.#input.available());
  }
}
