/**
 * Who has waited for too long, by an EASY queue run beside the real one (shadow.ts): its longest wait so far is nobody's to exceed, and its 99th percentile is that of one job in a hundred.
 * The waits of those that still wait there count as they are now, without any forecast, so nothing is let wait for what only might be. Both grow with time, and who was late by what was known may be late no more.
 */
import type { Entry } from './job.ts';
import { waitedSeconds } from './patience.ts';
import { SortedPending } from './pending.ts';
import { Shadow, type ShadowQueue } from './shadow.ts';
import type { WaitBound } from './wait-bound.ts';
import { WaitHistogram } from './wait-histogram.ts';

/** The part of all jobs that may wait for longer than the others. */
const RARE = 0.01;
/** Those that have waited for too long wait for each other, which takes the rest of the shadow's waits: of the longest, where they are few, and of the common ones, where they are many. */
const PART = 0.9;
const COMMON_PART = 0.75;
/** One that has its place because it had waited for too long loses it again when that is less than this part of what has become too long: what grows a little at a time would stop it as often. */
const KEEPS_PART = 0.9;
/** Of what is expected of jobs that have not ended, so much counts in the shadow: most end before their mean, and the longest wait there is that behind the few that do not. */
const EXPECTED_PART = 0.75;
/** Who goes past one that has waited for longer than this part must be in time if it runs for so many times what is expected; past one that has waited for the whole, nobody goes by that. */
const CAUTION = 4;
/** Nobody's wait is too long before this. */
const LEAST_SECONDS = 600;
/** What the waits of the shadow are is looked at again when so much of what waits there has changed, and when the longest may have grown by so much. */
const CHANGED_PART = 1 / 8;

export class ShadowBound implements WaitBound {
  readonly #shadow: Shadow;
  /** Those that wait, the one that has waited the longest first: all wait alike, so the order stays. */
  readonly #waiting = new SortedPending((left, right) => waitsSince(left) - waitsSince(right) || left.arrival - right.arrival);
  /** Those that have not ended and have waited, or may wait, for longer than is common. */
  readonly #rareOnes = new Set<Entry>();
  readonly #endedWaits = new WaitHistogram();
  #rareCount = 0;
  #arrivals = 0;
  #now = 0;
  #staleAt = Infinity;
  #changes = Infinity;
  #longestSeconds = LEAST_SECONDS;
  #commonSeconds = LEAST_SECONDS;

  /** `ranSeconds`: for how long the real job is known to run; `expectTotal`: how long one that is known to run for so long is expected to run in all. */
  constructor(shadow: ShadowQueue, { ranSeconds, expectTotal }: { ranSeconds(entry: Entry): number; expectTotal(entry: Entry, ranSeconds: number): number }) {
    this.#shadow = new Shadow(shadow, (entry) => {
      const ran = ranSeconds(entry);
      return ran + EXPECTED_PART * (expectTotal(entry, ran) - ran);
    });
  }

  submitted(entry: Entry, now: number): void {
    this.#enter();
    this.#shadow.submit(entry, now);
  }

  adopted(entry: Entry, startedAt: number, now: number): void {
    this.#enter();
    this.#shadow.adopt(entry, startedAt, now);
  }

  finished(entry: Entry, { ranSeconds, now }: { readonly ranSeconds: number | undefined; readonly now: number }): void {
    this.#changes++;
    this.#rareOnes.delete(entry);
    if (ranSeconds === undefined) return this.#shadow.withdraw(entry.job, now);
    this.#endedWaits.add(now - entry.job.submittedAt - ranSeconds);
    this.#shadow.finish(entry.job, ranSeconds, now);
  }

  served(): void {}

  advance(now: number): void {
    this.#now = now;
    this.#shadow.advance(now);
    if (this.#changes >= Math.max(1, this.#shadow.waitingCount * CHANGED_PART) || now >= this.#staleAt) {
      this.#changes = 0;
      const { longest, common } = this.#shadow.waitsSoFar(now, RARE);
      this.#longestSeconds = Math.max(LEAST_SECONDS, PART * longest);
      this.#commonSeconds = Math.min(this.#longestSeconds, Math.max(LEAST_SECONDS, COMMON_PART * common));
      this.#countRareOnes(now);
      this.#staleAt = now + CHANGED_PART * Math.max(LEAST_SECONDS, longest);
    }
  }

  isOverdue(entry: Entry, at: number): boolean {
    const waited = waitedSeconds(entry, at);
    return waited > this.#longestSeconds || (waited > this.#commonSeconds && !this.#rareOnes.has(entry));
  }

  keeps(entry: Entry): boolean {
    const waited = waitedSeconds(entry, entry.startedAt);
    return waited > KEEPS_PART * this.#longestSeconds || (waited > KEEPS_PART * this.#commonSeconds && !this.#rareOnes.has(entry));
  }

  /** When the next one will have waited for the whole of the shadow's waits, if nothing happens before that lets it have its place; Infinity where none waits, and where one that has is in the way of others. */
  get wakeAt(): number {
    let soonest = Infinity;
    for (const entry of this.#waiting.inOrder()) {
      const isRare = this.#rareOnes.has(entry);
      const wholeSeconds = isRare ? this.#longestSeconds / PART : Math.min(this.#longestSeconds / PART, this.#commonSeconds / COMMON_PART);
      soonest = Math.min(soonest, waitsSince(entry) + wholeSeconds + 1);
      if (!isRare) break;
    }
    return soonest > this.#now ? soonest : Infinity;
  }

  waits(entry: Entry): void {
    this.#waiting.add(entry);
  }

  leaves(entry: Entry): void {
    this.#waiting.remove(entry);
  }

  cautionFor(entry: Entry, now: number): number {
    const waited = waitedSeconds(entry, now);
    return waited > this.#longestSeconds / PART ? Infinity : waited > this.#longestSeconds ? CAUTION : 1;
  }

  /** Of those that come to have waited for longer than is common, as many may wait on as are rare. */
  *overdue(now: number): Iterable<Entry> {
    for (const entry of this.#waiting.inOrder()) {
      if (waitedSeconds(entry, now) <= this.#commonSeconds) return;
      if (!this.isOverdue(entry, now)) continue;
      if (waitedSeconds(entry, now) <= this.#longestSeconds && this.#rareCount < RARE * this.#arrivals) {
        this.#rareOnes.add(entry);
        this.#rareCount++;
      } else yield entry;
    }
  }

  /** What was rare is not any more when what is common has grown. */
  #countRareOnes(now: number): void {
    for (const each of this.#rareOnes) if (waitedSeconds(each, each.state === 'running' ? each.startedAt : now) <= this.#commonSeconds) this.#rareOnes.delete(each);
    this.#rareCount = this.#rareOnes.size + this.#endedWaits.countAbove(this.#commonSeconds);
  }

  #enter(): void {
    this.#changes++;
    this.#arrivals++;
  }
}

function waitsSince({ job, doneSeconds }: Entry): number {
  return job.submittedAt + doneSeconds;
}
