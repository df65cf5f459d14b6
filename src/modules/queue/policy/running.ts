/** The jobs that run, by the time at which their places are expected to be free; and what follows from it for a job that must wait. */
import type { Entry } from './job.ts';
import { add, fits, subtract, type Resources } from './resources.ts';

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
   * The reservation of a job that does not fit now: the first moment at which enough others have come to their expected ends.
   * A job that has outrun its end is taken to end within the next second. `at` is Infinity where even an empty machine would not do.
   * Source: Lifka, The ANL/IBM SP scheduling system, JSSPP 1995 (EASY).
   */
  reserve(request: Resources, available: Resources, now: number): Reservation {
    const free = [...available];
    for (const entry of this.#entries) {
      add(free, entry.job.request);
      if (!fits(request, free)) continue;
      subtract(free, request);
      return { at: Math.max(entry.expectedEnd, now + 1), spare: free };
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
