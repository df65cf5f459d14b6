/**
 * Resumable jobs that run give their places to others that have much less to do, and to those that have waited for too long: whoever is expected to have the most left goes first.
 * What is left is looked at anew each time a job has run for some times as long. Each job is stopped only so often, and only for one that has many times less to do than it has, so there are no cycles.
 * Source: Schrage, A proof of the optimality of the shortest remaining processing time discipline, 1968; with expected times after Nuyens and Wierman, and Scully et al., who look at ranks again as jobs age.
 */
import { createHeap } from '../../../base/heap.ts';
import { lostSecondsOf, ranSecondsOf, type Entry, type Preemption } from './job.ts';
import { add, type Resources } from './resources.ts';
import type { Placement } from './room.ts';
import { withoutNeedless } from './share-preemption.ts';

export interface YieldingOptions {
  /** A job is stopped for others at most so often. */
  readonly mostPerJob: number;
  /** It yields to who has so many times less to do than it has, what it loses by being stopped counted in. */
  readonly times: number;
  /** After each time that it was stopped, these times are so many times as many; default 1. What is stopped again and again for little ends late, and cannot be stopped any more when that counts. */
  readonly timesGrow?: number;
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
  readonly #keeps: (entry: Entry) => boolean;
  /** Those that may be stopped, the one that yields to the most first. */
  readonly #running: Entry[] = [];
  readonly #looks = createHeap<{ at: number; entry: Entry; startedAt: number }>((left, right) => left.at - right.at);

  /** `keeps`: whether one that runs is not to be stopped, since it had waited for too long before it began. */
  constructor(options: YieldingOptions, { expectTotal, keeps }: { expectTotal(entry: Entry, ranSeconds: number): number; keeps(entry: Entry): boolean }) {
    this.#options = options;
    this.#expectTotal = expectTotal;
    this.#keeps = keeps;
  }

  started(entry: Entry, now: number): void {
    if (entry.job.checkpointSeconds === undefined || entry.timesPreempted >= this.#options.mostPerJob) return;
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

  /** Who is stopped so that the job gets their places; undefined where those that may be stopped do not make room. Those that have run for long enough are looked at anew before. */
  makeRoom(entry: Entry, wish: Wish): readonly { readonly victim: Entry; readonly preemption: Preemption }[] | undefined {
    this.#review(wish.now);
    return this.#victimsFor(entry, wish)?.map((victim) => {
      const yielded = { to: wish.why, itsSeconds: entry.expectedSeconds, leftSeconds: victim.remainingSeconds, times: victim.timesPreempted + 1, mostTimes: this.#options.mostPerJob };
      return { victim, preemption: { by: entry.job, reason: 'InClusterQueue', yielded } };
    });
  }

  #victimsFor(entry: Entry, { why, now, free, place, began }: Wish): readonly Entry[] | undefined {
    const available = [...free];
    const victims: Entry[] = [];
    for (const victim of this.#running) {
      if (why === 'shorter' && victim.yieldsToSeconds < entry.expectedSeconds) return undefined;
      if (victim.trialSeconds > 0 || began.has(victim)) continue;
      if (why === 'shorter' && victim.yieldsToSeconds < entry.expectedSeconds + lostSecondsOf(victim.job, now - victim.startedAt)) continue;
      if (this.#keeps(victim)) continue;
      const { amount } = victim.placement!;
      if (!amount.some((each, index) => each > 0 && entry.job.request[index]! > 0)) continue;
      victims.push(victim);
      add(available, amount);
      const placement = place(available);
      if (placement !== undefined) return withoutNeedless(victims, available, placement).victims;
    }
    return undefined;
  }

  #review(now: number): void {
    while (this.reviewAt <= now) {
      const { entry } = this.#looks.pop()!;
      this.stopped(entry);
      this.#look(entry, now);
    }
  }

  #look(entry: Entry, now: number): void {
    const { times, timesGrow = 1 } = this.#options;
    const ranSeconds = ranSecondsOf(entry, now);
    const known = Math.max(ranSeconds, entry.knownSeconds);
    entry.remainingSeconds = Math.max(1, this.#expectTotal(entry, known) - ranSeconds);
    entry.yieldsToSeconds = entry.remainingSeconds / (times * timesGrow ** entry.timesPreempted);
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
      if (other.yieldsToSeconds > entry.yieldsToSeconds || (other.yieldsToSeconds === entry.yieldsToSeconds && other.arrival < entry.arrival)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
