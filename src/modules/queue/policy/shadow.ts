/**
 * The same jobs in the order of arrival with EASY backfilling, beside the real queue, on what is known so far: a job that has ended in fact runs for as long here,
 * any other for as long as is expected of it. Its waits are those that the real queue must not exceed.
 */
import { createHeap } from '../../../base/heap.ts';
import type { Decision, Entry, Job } from './job.ts';
import type { Placement } from './room.ts';
import { WaitHistogram } from './wait-histogram.ts';

/** What of an admission is needed: one with the policy EASY and a room of its own. */
export interface ShadowQueue {
  readonly pendingCount: number;
  couldRun(job: Job): boolean;
  submit(job: Job, now: number): void;
  adopt(job: Job, placement: Placement, startedAt: number, now: number): void;
  finish(id: string, now: number, how?: 'ended' | 'withdrawn'): void;
  decide(now: number): Decision[];
  waiting(): Entry[];
}

interface Shade {
  readonly entry: Entry;
  /** Of the real job, once it has ended. */
  ranSeconds: number | undefined;
  startedAt: number | undefined;
  endsAt: number;
}

export class Shadow {
  readonly #queue: ShadowQueue;
  readonly #expectedSeconds: (entry: Entry) => number;
  readonly #shades = new Map<string, Shade>();
  readonly #ends = createHeap<{ at: number; shade: Shade }>((left, right) => left.at - right.at);
  readonly #waits = new WaitHistogram();
  #longestSeconds = 0;

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

  /** In seconds: the longest wait of all, and one that more than the part `rare` of all exceed. Those that wait here have waited for as long as they have; nothing is forecast. */
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

  #enter(entry: Entry): Shade {
    const shade: Shade = { entry, ranSeconds: undefined, startedAt: undefined, endsAt: Infinity };
    this.#shades.set(entry.job.id, shade);
    return shade;
  }

  #decide(now: number): void {
    for (const { job } of this.#queue.decide(now)) this.#started(this.#shades.get(job.id)!, now);
  }

  #started(shade: Shade, at: number): void {
    const { job } = shade.entry;
    shade.startedAt = at;
    this.#longestSeconds = Math.max(this.#longestSeconds, at - job.submittedAt);
    this.#waits.add(at - job.submittedAt);
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
