/**
 * Resumable jobs that run give their places to others that have much less to do, and to those that have waited for too long: whoever is expected to have the most left goes first.
 * What is left is looked at anew each time a job has run for some times as long. Each job is stopped only so often, and only for one that has many times less to do than it has, so there are no cycles.
 * Source: Schrage, A proof of the optimality of the shortest remaining processing time discipline, 1968; with expected times after Nuyens and Wierman, and Scully et al., who look at ranks again as jobs age.
 */
import { createHeap } from '../../../base/heap.ts';
import { lostSecondsOf, type Entry } from './job.ts';
import { add, type Resources } from './resources.ts';
import type { Placement } from './room.ts';
import { withoutNeedless } from './share-preemption.ts';

export interface YieldingOptions {
  /** A job is stopped for others at most so often. */
  readonly mostPerJob: number;
  /** It yields to who has so many times less to do than it has, what it loses by being stopped counted in. */
  readonly times: number;
}

export interface Wish {
  /** `overdue`: it has waited for too long, so all that are not overdue themselves yield to it. */
  readonly why: 'overdue' | 'shorter';
  readonly now: number;
  readonly free: Resources;
  place(available: Resources): Placement | undefined;
  /** Those that have just been let run, and stay. */
  readonly began: ReadonlySet<Entry>;
}

/** What is left is looked at when a job has run for so long, and whenever it has run for so many times as long. */
const FIRST_LOOK_SECONDS = 60;
const LOOKS_AFTER_TIMES = 4;

export class Yielding {
  readonly #options: YieldingOptions;
  readonly #expectTotal: (entry: Entry, ranSeconds: number) => number;
  /** Those that may be stopped, the one with the most left first. */
  readonly #running: Entry[] = [];
  readonly #looks = createHeap<{ at: number; entry: Entry; startedAt: number }>((left, right) => left.at - right.at);

  constructor(options: YieldingOptions, expectTotal: (entry: Entry, ranSeconds: number) => number) {
    this.#options = options;
    this.#expectTotal = expectTotal;
  }

  /** `isDue`: it had waited for too long before it began, so it keeps its place. */
  started(entry: Entry, now: number, isDue: boolean): void {
    if (isDue || entry.job.checkpointSeconds === undefined || entry.timesPreempted >= this.#options.mostPerJob) return;
    this.#look(entry, now);
  }

  stopped(entry: Entry): void {
    const place = this.#placeOf(entry);
    if (this.#running[place] === entry) this.#running.splice(place, 1);
  }

  /** When somebody is to be looked at anew; Infinity for never. */
  get reviewAt(): number {
    for (let next = this.#looks.peek(); next !== undefined; next = this.#looks.peek()) {
      if (next.entry.state === 'running' && next.entry.startedAt === next.startedAt) return next.at;
      this.#looks.pop();
    }
    return Infinity;
  }

  review(now: number): void {
    while (this.reviewAt <= now) {
      const { entry } = this.#looks.pop()!;
      this.stopped(entry);
      this.#look(entry, now);
    }
  }

  /** Whose places the job gets; undefined where those that may be stopped do not make room. */
  victimsFor(entry: Entry, { why, now, free, place, began }: Wish): readonly Entry[] | undefined {
    const { times } = this.#options;
    const available = [...free];
    const victims: Entry[] = [];
    for (const victim of this.#running) {
      if (why === 'shorter' && victim.remainingSeconds < times * entry.expectedSeconds) return undefined;
      if (victim.trialSeconds > 0 || began.has(victim)) continue;
      if (why === 'shorter' && victim.remainingSeconds < times * (entry.expectedSeconds + lostSecondsOf(victim.job, now - victim.startedAt))) continue;
      const { amount } = victim.placement!;
      if (!amount.some((each, index) => each > 0 && entry.job.request[index]! > 0)) continue;
      victims.push(victim);
      add(available, amount);
      const placement = place(available);
      if (placement !== undefined) return withoutNeedless(victims, available, placement).victims;
    }
    return undefined;
  }

  #look(entry: Entry, now: number): void {
    const ranSeconds = entry.doneSeconds + now - entry.startedAt;
    const known = Math.max(ranSeconds, entry.knownSeconds);
    entry.remainingSeconds = Math.max(1, this.#expectTotal(entry, known) - ranSeconds);
    this.#running.splice(this.#placeOf(entry), 0, entry);
    let next = FIRST_LOOK_SECONDS;
    while (next <= ranSeconds) next *= LOOKS_AFTER_TIMES;
    // Past a power of two what is left until the next look can be less than the clock can tell, and it would be looked at for ever.
    this.#looks.push({ at: now + Math.max(1, next - ranSeconds), entry, startedAt: entry.startedAt });
  }

  #placeOf(entry: Entry): number {
    let low = 0;
    let high = this.#running.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#running[middle]!;
      if (other.remainingSeconds > entry.remainingSeconds || (other.remainingSeconds === entry.remainingSeconds && other.arrival < entry.arrival)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
