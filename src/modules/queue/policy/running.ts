/** The jobs that run, by the time at which their places are expected to be free; and what follows from it for a job that must wait. */
import type { Entry } from './job.ts';
import { add, subtract, type Resources } from './resources.ts';
import type { Placement } from './room.ts';

/** When a waiting job can start at the latest, and what is left beside it then. */
export interface Reservation {
  readonly at: number;
  /** Shrinks as others are let in that will still run at that time. */
  readonly spare: number[];
}

export class Running {
  /** By expectedEnd. */
  readonly #entries: Entry[] = [];

  get size(): number {
    return this.#entries.length;
  }

  [Symbol.iterator](): Iterator<Entry> {
    return this.#entries[Symbol.iterator]();
  }

  add(entry: Entry): void {
    this.#entries.splice(this.#placeOf(entry.expectedEnd), 0, entry);
  }

  remove(entry: Entry): void {
    let place = this.#placeOf(entry.expectedEnd);
    while (place < this.#entries.length && this.#entries[place] !== entry) place++;
    if (place < this.#entries.length) this.#entries.splice(place, 1);
  }

  /**
   * The reservation of a job that does not fit now: the first moment at which enough others have come to their expected ends; `place` says how it fits.
   * A job that has outrun its end is taken to end within the next second. `at` is Infinity where even an empty machine would not do.
   * Source: Lifka, The ANL/IBM SP scheduling system, JSSPP 1995 (EASY).
   */
  reserve(place: (available: Resources) => Placement | undefined, available: Resources, now: number, elsewhere: readonly { readonly amount: Resources; readonly expectedEnd: number }[] = []): Reservation {
    const free = [...available];
    let next = 0;
    for (let index = 0; index < this.#entries.length || next < elsewhere.length;) {
      const own = this.#entries[index];
      const other = elsewhere[next];
      const end = own !== undefined && (other === undefined || own.expectedEnd <= other.expectedEnd) ? (index++, { amount: own.placement!.amount, expectedEnd: own.expectedEnd }) : (next++, other!);
      add(free, end.amount);
      const placement = place(free);
      if (placement === undefined) continue;
      subtract(free, placement.amount);
      return { at: Math.max(end.expectedEnd, now + 1), spare: free };
    }
    return { at: Infinity, spare: free };
  }

  /** The first place whose end is not before `end`. */
  #placeOf(end: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.expectedEnd < end) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
