/** The jobs that wait, kept in an order that does not change while they wait. */
import type { Entry } from './job.ts';

export interface Pending {
  readonly size: number;
  add(entry: Entry): void;
  /** False when it was not in here. */
  remove(entry: Entry): boolean;
  /** First to last. Entries may be removed while it is walked, none added. */
  inOrder(): Iterable<Entry>;
  /** The same, faster for very many: until `visit` returns false. */
  walk(visit: (entry: Entry) => boolean): void;
}

export type Compare = (left: Entry, right: Entry) => number;

export class SortedPending implements Pending {
  readonly #compare: Compare;
  readonly #entries: Entry[] = [];

  /** `compare` must tell any two entries apart; what it reads of an entry may change only while the entry is not in here. */
  constructor(compare: Compare) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#entries.length;
  }

  add(entry: Entry): void {
    this.#entries.splice(this.#placeOf(entry), 0, entry);
  }

  remove(entry: Entry): boolean {
    const place = this.#placeOf(entry);
    if (this.#entries[place] !== entry) return false;
    this.#entries.splice(place, 1);
    return true;
  }

  walk(visit: (entry: Entry) => boolean): void {
    for (let index = 0; index < this.#entries.length;) {
      const entry = this.#entries[index]!;
      if (!visit(entry)) return;
      if (this.#entries[index] === entry) index++;
    }
  }

  *inOrder(): Iterable<Entry> {
    for (let index = 0; index < this.#entries.length;) {
      const entry = this.#entries[index]!;
      yield entry;
      if (this.#entries[index] === entry) index++;
    }
  }

  #placeOf(entry: Entry): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.#entries[middle]!, entry) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** When it was submitted; one that was withdrawn and came back keeps its place. */
export const byArrival: Compare = (left, right) => left.job.submittedAt - right.job.submittedAt || left.arrival - right.arrival;

/** The shortest by what is expected of it. */
export const byExpectedSeconds: Compare = (left, right) => left.expectedSeconds - right.expectedSeconds || byArrival(left, right);

/**
 * The most important first. Waiting makes more important: `ageingSeconds` of it are worth one point of priority, so that none waits for ever;
 * Infinity turns ageing off. Since all age alike, the order of two never changes while they wait.
 */
export function byPriority(ageingSeconds: number): Compare {
  if (ageingSeconds === Infinity) return (left, right) => right.job.priority - left.job.priority || byArrival(left, right);
  const rank = (entry: Entry): number => entry.job.submittedAt - entry.job.priority * ageingSeconds;
  return (left, right) => rank(left) - rank(right) || byArrival(left, right);
}
