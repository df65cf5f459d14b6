/** Short runs by which jobs that end at once are told from long ones: what is kept for them, who may still be tried, and when each is over. */
import { createHeap, type Heap } from '../../../base/heap.ts';
import type { Entry } from './job.ts';
import type { Compare, Pending } from './pending.ts';
import { add, fits, isExhausted, subtract, type Resources } from './resources.ts';

export interface TrialOptions {
  /** The part of every resource that is kept for trials, 0 to 1, but at least one unit of ten. Trials also use what would be idle otherwise. */
  readonly share: number;
  /** The lengths in seconds of a job's first, second... trial; it gets no more than these. */
  readonly lengthsSeconds: readonly number[];
}

/** Where there are fewer units of something none of them is kept for trials. */
const LEAST_UNITS = 10;

export class Trials {
  readonly #lengthsSeconds: readonly number[];
  readonly #untried: Pending;
  readonly #reserve: Resources;
  /** Of everything, what trials hold now. */
  readonly #holds: number[];
  /** What the untried ask for that are narrow enough for the reserve: no more is kept. */
  readonly #wants: number[];
  readonly #ends: Heap<{ at: number; entry: Entry; startedAt: number }> = createHeap((left, right) => left.at - right.at);

  /** `pending` makes a place to wait in, in an order; without options nobody is tried. */
  constructor(options: TrialOptions | undefined, capacity: Resources, order: Compare, pending: (order: Compare) => Pending) {
    this.#lengthsSeconds = options?.lengthsSeconds ?? [];
    // A first trial is short and tells the most, so it is not kept waiting by the longer ones of others.
    this.#untried = pending((left, right) => left.trialsTaken - right.trialsTaken || order(left, right));
    this.#reserve = capacity.map((amount) => (options === undefined || amount < LEAST_UNITS ? 0 : Math.max(1, Math.floor(amount * options.share))));
    this.#holds = capacity.map(() => 0);
    this.#wants = capacity.map(() => 0);
  }

  /** Whether there is anybody to try. */
  get isEmpty(): boolean {
    return this.#untried.size === 0;
  }

  /** Those who may still be tried, in their order. */
  inOrder(): Iterable<Entry> {
    return this.#untried.inOrder();
  }

  /** How long the next trial of a job is. */
  lengthOf(entry: Entry): number {
    return this.#lengthsSeconds[entry.trialsTaken]!;
  }

  /** One waits that may have trials left. */
  waits(entry: Entry): void {
    if (entry.trialsTaken >= this.#lengthsSeconds.length) return;
    this.#untried.add(entry);
    if (fits(entry.job.request, this.#reserve)) add(this.#wants, entry.job.request);
  }

  /** One waits no longer. */
  leaves(entry: Entry): void {
    if (this.#untried.remove(entry) && fits(entry.job.request, this.#reserve)) subtract(this.#wants, entry.job.request);
  }

  /** A trial of so much began, and is over at the entry's expected end. */
  begins(entry: Entry, amount: Resources): void {
    add(this.#holds, amount);
    this.#ends.push({ at: entry.expectedEnd, entry, startedAt: entry.startedAt });
  }

  /** A trial gives its place back. */
  gives(amount: Resources): void {
    subtract(this.#holds, amount);
  }

  /** When the next one is over; Infinity where none is under way. */
  get wakeAt(): number {
    return this.#ends.peek()?.at ?? Infinity;
  }

  /** Those whose trials are over by now and who still run in them; each is told once. */
  * over(now: number): Generator<Entry> {
    for (let next = this.#ends.peek(); next !== undefined && next.at <= now; next = this.#ends.peek()) {
      this.#ends.pop();
      const { entry, startedAt } = next;
      if (entry.state === 'running' && entry.trialSeconds > 0 && entry.startedAt === startedAt) yield entry;
    }
  }

  /** Whether what is kept for trials has room for so much more. */
  hasRoom(amount: Resources): boolean {
    return amount.every((each, index) => this.#holds[index]! + each <= this.#reserve[index]!);
  }

  /** Of what is free, what is there for others than trials. */
  leave(free: Resources): Resources {
    if (isExhausted(this.#wants)) return free;
    return free.map((amount, index) => amount - Math.max(0, Math.min(this.#reserve[index]! - this.#holds[index]!, this.#wants[index]!)));
  }
}
