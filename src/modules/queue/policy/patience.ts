/**
 * How long a job may be passed over. The measure is a queue that was never asked: had all been served in the order of arrival, how long would the
 * most patient have waited? No policy may make a job wait much longer than that.
 *
 * The reference costs nothing to keep, because any policy that leaves nothing idle gets through the same work in the same time: in the order of arrival a
 * job's turn comes when the work of all that came before it has been served. The work of finished jobs is known, that of others expected.
 */
import type { Entry } from './job.ts';
import type { WaitBound } from './wait-bound.ts';

/** Past a job that has waited for so many times the longest wait in the order of arrival nobody goes by what is only expected, whatever that costs the others. */
const LATE = 1.6;
/** Before that, only who would be in time if it ran for so many times what is expected. */
const CAUTION = 4;
const WARY = 1.2;

/** How long it has waited in all; what a resumable one did and kept is no waiting. */
export function waitedSeconds({ job, doneSeconds }: Entry, now: number): number {
  return now - job.submittedAt - doneSeconds;
}

export class Patience implements WaitBound {
  readonly wakeAt = Infinity;
  /** The part of the longest wait in the order of arrival after which a job goes before all others. */
  readonly #part: number;
  /** Not before so many seconds. */
  readonly #floorSeconds: number;
  /** By arrival; finished ones leave from the front. */
  #entries: Entry[] = [];
  #firstArrival = 0;
  /** The arrival whose turn comes next in the reference. */
  #turn = 0;
  #workBeforeTurn = 0;
  /** No pending job arrived before this one. */
  #oldestPending = 0;
  /** The longest wait in the reference so far, in seconds. */
  longestSeconds = 0;

  constructor(part: number, floorSeconds: number) {
    this.#part = part;
    this.#floorSeconds = floorSeconds;
  }

  submitted(entry: Entry): void {
    this.#entries.push(entry);
  }

  adopted(entry: Entry): void {
    this.#entries.push(entry);
  }

  waits(entry: Entry): void {
    this.#oldestPending = Math.min(this.#oldestPending, entry.arrival);
  }

  leaves(): void {}

  advance(): void {}

  finished(entry: Entry, { work }: { readonly work: number }): void {
    if (entry.arrival < this.#turn) this.#workBeforeTurn += work - entry.expectedWork;
    entry.expectedWork = work;
    this.#forget();
  }

  /** Moves the reference on. */
  served(servedWork: number, now: number): void {
    for (;;) {
      const next = this.#entries[this.#turn - this.#firstArrival];
      if (next === undefined || this.#workBeforeTurn > servedWork) return;
      this.longestSeconds = Math.max(this.longestSeconds, now - next.job.submittedAt);
      this.#workBeforeTurn += next.expectedWork;
      this.#turn++;
    }
  }

  /** The time in seconds after which a waiting job goes before all others. */
  get limitSeconds(): number {
    return Math.max(this.#floorSeconds, this.#part * this.longestSeconds);
  }

  isOverdue(entry: Entry, at: number): boolean {
    return waitedSeconds(entry, at) > this.limitSeconds;
  }

  keeps(entry: Entry): boolean {
    return this.isOverdue(entry, entry.startedAt);
  }

  cautionFor(entry: Entry, now: number): number {
    const waited = (now - entry.job.submittedAt) / Math.max(this.#floorSeconds, this.longestSeconds);
    return waited > LATE ? Infinity : waited > WARY ? CAUTION : 1;
  }

  *overdue(now: number): Iterable<Entry> {
    const limit = now - this.limitSeconds;
    while (this.#entries[this.#oldestPending - this.#firstArrival]?.state !== 'pending' && this.#oldestPending - this.#firstArrival < this.#entries.length) this.#oldestPending++;
    for (let arrival = this.#oldestPending; arrival - this.#firstArrival < this.#entries.length; arrival++) {
      const entry = this.#entries[arrival - this.#firstArrival]!;
      if (entry.job.submittedAt >= limit) return;
      if (entry.state === 'pending' && waitedSeconds(entry, now) > this.limitSeconds) yield entry;
    }
  }

  #forget(): void {
    let gone = 0;
    const most = Math.min(this.#turn, this.#oldestPending) - this.#firstArrival;
    while (gone < most && this.#entries[gone]!.state === 'finished') gone++;
    if (gone < 1024) return;
    this.#entries = this.#entries.slice(gone);
    this.#firstArrival += gone;
  }
}
