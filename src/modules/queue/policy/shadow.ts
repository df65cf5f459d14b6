/**
 * The same jobs in the order of arrival with EASY backfilling, beside the real queue, on what is known so far: a job that has ended in fact runs for as long here,
 * any other for as long as is expected of it. Its waits are those that the real queue must not exceed.
 */
import { createHeap } from '../../../base/heap.ts';
import { drain, type Held } from './drain.ts';
import type { Decision, Entry, Job } from './job.ts';
import type { Placement } from './room.ts';
import type { Resources } from './resources.ts';
import { WaitHistogram } from './wait-histogram.ts';

/** What of an admission is needed: one with the policy EASY and a room of its own. */
export interface ShadowQueue {
  readonly free: Resources;
  readonly pendingCount: number;
  readonly running: Iterable<Entry>;
  couldRun(job: Job): boolean;
  submit(job: Job, now: number): void;
  adopt(job: Job, placement: Placement, startedAt: number, now: number): void;
  finish(id: string, now: number, how?: 'ended' | 'withdrawn'): void;
  decide(now: number): Decision[];
  waiting(): Entry[];
}

/** The step by which each start moves what is learned of forecasts. Source: Robbins and Monro, A stochastic approximation method, 1951. */
const LEARNED = 0.01;
const QUARTER = 0.25;

interface Shade {
  readonly entry: Entry;
  /** Of the real job, once it has ended. */
  ranSeconds: number | undefined;
  startedAt: number | undefined;
  endsAt: number;
  /** When it was first foreseen to start, and at what time that was. */
  forecast: { readonly madeAt: number; readonly startsAt: number } | undefined;
}

export class Shadow {
  readonly #queue: ShadowQueue;
  readonly #expectedSeconds: (entry: Entry) => number;
  readonly #shades = new Map<string, Shade>();
  readonly #ends = createHeap<{ at: number; shade: Shade }>((left, right) => left.at - right.at);
  readonly #waits = new WaitHistogram();
  #longestSeconds = 0;
  /** The logarithm of what part of the foreseen time it took until they started, for the quarter where it was the least. */
  #soonest = 0;

  /** `expectedSeconds`: how long the real job is expected to run in all. */
  constructor(queue: ShadowQueue, expectedSeconds: (entry: Entry) => number) {
    this.#queue = queue;
    this.#expectedSeconds = expectedSeconds;
  }

  /** The real job has come. One that asks for more than there is at once is left out. */
  submit(entry: Entry, now: number): void {
    if (!this.#queue.couldRun(entry.job)) return;
    this.advance(now);
    this.#enter(entry);
    this.#queue.submit(entry.job, now);
    this.#decide(now);
  }

  /** The real job was found running. */
  adopt(entry: Entry, startedAt: number, now: number): void {
    if (!this.#queue.couldRun(entry.job)) return;
    this.advance(now);
    this.#queue.adopt(entry.job, { amount: entry.job.request }, startedAt, now);
    this.#started(this.#enter(entry), startedAt);
  }

  /** The real job has ended, after a run of so many seconds. */
  finish({ id }: Job, ranSeconds: number, now: number): void {
    const shade = this.#shades.get(id);
    if (shade === undefined) return;
    shade.ranSeconds = ranSeconds;
    if (shade.startedAt === undefined) return;
    this.#endAt(shade, Math.max(now, shade.startedAt + ranSeconds));
    this.advance(now);
  }

  /** The real job was taken back. */
  withdraw({ id }: Job, now: number): void {
    if (!this.#shades.delete(id)) return;
    this.#queue.finish(id, now, 'withdrawn');
    this.#decide(now);
  }

  advance(now: number): void {
    for (let end = this.#ends.peek(); end !== undefined && end.at <= now; end = this.#ends.peek()) {
      this.#ends.pop();
      const { at, shade } = end;
      if (shade.endsAt !== at || !this.#shades.has(shade.entry.job.id)) continue;
      const endsAt = shade.startedAt! + this.#secondsOf(shade);
      if (endsAt > at) {
        this.#endAt(shade, endsAt);
        continue;
      }
      this.#shades.delete(shade.entry.job.id);
      this.#queue.finish(shade.entry.job.id, at);
      this.#decide(at);
    }
  }

  /** In seconds, with the foreseen waits of those that wait here: the longest of all, and one that more than the part `rare` of all exceed. */
  waits(now: number, rare: number): { longest: number; common: number } {
    const foreseen = this.#foresee(now);
    for (const each of foreseen) this.#waits.add(each);
    const common = this.#waits.exceededBy(rare);
    for (const each of foreseen) this.#waits.add(each, -1);
    return { longest: foreseen.reduce((most, each) => Math.max(most, each), this.#longestSeconds), common };
  }

  /** The same without any forecast: those that wait here have waited for as long as they have. */
  waitsSoFar(now: number, rare: number): { longest: number; common: number } {
    const ages = this.#queue.waiting().map(({ job }) => now - job.submittedAt);
    for (const each of ages) this.#waits.add(each);
    const common = this.#waits.exceededBy(rare);
    for (const each of ages) this.#waits.add(each, -1);
    return { longest: ages.reduce((most, each) => Math.max(most, each), this.#longestSeconds), common };
  }

  get waitingCount(): number {
    return this.#queue.pendingCount;
  }

  #foresee(now: number): number[] {
    const held: Held[] = [];
    for (const { job, placement } of this.#queue.running) held.push({ amount: placement!.amount, at: this.#shades.get(job.id)!.endsAt });
    const wanted = this.#queue.waiting().map(({ job }) => this.#shades.get(job.id)!).map((shade) => ({ of: shade, amount: shade.entry.job.request, seconds: this.#secondsOf(shade) }));
    // Where forecasts were too long so far, others would be let wait for longer than is right.
    const correction = Math.min(1, Math.exp(this.#soonest));
    const waits: number[] = [];
    drain(now, this.#queue.free, held, wanted, (shade, startsAt) => {
      shade.forecast ??= { madeAt: now, startsAt };
      waits.push(now - shade.entry.job.submittedAt + correction * (startsAt - now));
    });
    return waits;
  }

  #enter(entry: Entry): Shade {
    const shade: Shade = { entry, ranSeconds: undefined, startedAt: undefined, endsAt: Infinity, forecast: undefined };
    this.#shades.set(entry.job.id, shade);
    return shade;
  }

  #decide(now: number): void {
    for (const { job } of this.#queue.decide(now)) this.#started(this.#shades.get(job.id)!, now);
  }

  #started(shade: Shade, at: number): void {
    const { forecast, entry: { job } } = shade;
    shade.startedAt = at;
    this.#longestSeconds = Math.max(this.#longestSeconds, at - job.submittedAt);
    this.#waits.add(at - job.submittedAt);
    if (forecast !== undefined && forecast.startsAt > forecast.madeAt) {
      const took = Math.log(Math.max(1, at - forecast.madeAt) / (forecast.startsAt - forecast.madeAt));
      this.#soonest += LEARNED * (took < this.#soonest ? QUARTER - 1 : QUARTER);
    }
    this.#endAt(shade, at + Math.max(1, this.#secondsOf(shade)));
  }

  #secondsOf({ ranSeconds, entry }: Shade): number {
    return ranSeconds ?? this.#expectedSeconds(entry);
  }

  #endAt(shade: Shade, at: number): void {
    shade.endsAt = at;
    this.#ends.push({ at, shade });
  }
}
