/** Who may start past one that waits for its places: those that leave its reservation as it is. */
import type { Entry } from './job.ts';
import type { Pending } from './pending.ts';
import { fits, isExhausted, subtract, type Resources } from './resources.ts';
import type { Reservation } from './running.ts';
import type { Placement } from './room.ts';

export interface BackfillInput {
  readonly pending: Pending;
  /** What is free for others than trials. */
  available(): Resources;
  place(entry: Entry, available: Resources): Placement | undefined;
}

export interface Blocked {
  readonly blocked: Entry;
  /** What it has; without one whoever fits goes past it. */
  readonly reservation: Reservation | undefined;
  /**
   * Expectations that prove too short put a reservation off again and again, so once the blocked one has waited for too long (above 1) they are multiplied by this. Users' bounds are not, but who
   * has one must then end before the reservation begins, since what is left beside it is wanted by others that have waited for too long.
   */
  readonly caution: number;
  readonly now: number;
  begin(entry: Entry, placement: Placement): void;
}

export class Backfilling {
  readonly #input: BackfillInput;
  /** None that waits has a shorter bound. */
  #leastBoundSeconds = 0;

  constructor(input: BackfillInput) {
    this.#input = input;
  }

  /** One waits. */
  waits({ boundSeconds }: Entry): void {
    this.#leastBoundSeconds = Math.min(this.#leastBoundSeconds, boundSeconds);
  }

  /** Starts those that fit and may go past the blocked one: they leave room for it beside them, or end before its reservation begins. */
  run({ blocked, reservation, caution, now, begin }: Blocked): void {
    const { pending, place } = this.#input;
    let available = this.#input.available();
    if (isExhausted(available)) return;
    const at = reservation?.at ?? Infinity;
    let nothingBeside = reservation !== undefined && isExhausted(reservation.spare);
    if (nothingBeside && now + this.#leastBoundSeconds > at) return;
    let [least, isWhole] = [Infinity, true];
    pending.walk((entry) => {
      least = Math.min(least, entry.boundSeconds);
      const times = entry.job.estimateSeconds === undefined ? caution : 1;
      const isLong = now + times * entry.boundSeconds > at;
      if (times === Infinity || (isLong && nothingBeside)) return true;
      const placement = place(entry, available);
      if (placement === undefined) return true;
      const mustEndBefore = caution > 1 && entry.job.estimateSeconds !== undefined;
      if (entry === blocked || (isLong && (mustEndBefore || !fits(placement.amount, reservation!.spare)))) return true;
      if (isLong) {
        subtract(reservation!.spare, placement.amount);
        nothingBeside = isExhausted(reservation!.spare);
      }
      begin(entry, placement);
      available = this.#input.available();
      isWhole = !isExhausted(available);
      return isWhole;
    });
    if (isWhole) this.#leastBoundSeconds = least;
  }
}
