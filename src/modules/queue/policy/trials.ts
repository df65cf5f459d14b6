/** Short runs by which jobs that end at once are told from long ones: what is kept for them, who may still be tried, and when each is over. */
import { createHeap, type Heap } from '../../../base/heap.ts';
import type { Entry } from './job.ts';
import type { Compare, Pending } from './pending.ts';
import { add, fits, isExhausted, subtract, type Resources } from './resources.ts';
import type { Placement } from './room.ts';
import type { Reservation } from './running.ts';

export interface TrialOptions {
  /** The part of every resource that is kept for trials, 0 to 1, but at least one unit of ten. Trials also use what would be idle otherwise. */
  readonly share: number;
  /** The lengths in seconds of a job's first, second... trial; it gets no more than these. */
  readonly lengthsSeconds: readonly number[];
}

/** A delay of less than this part of what a job has waited already is none. */
const LEAST_DELAY_PART = 0.01;
/** Where there are fewer units of something none of them is kept for trials. */
const LEAST_UNITS = 10;

export interface TrialStart {
  /** Who waits for its places, and what is reserved for it. */
  readonly blocked: Entry | undefined;
  readonly reservation: Reservation | undefined;
  /** Whether it is kept to the second, since the blocked one has waited for too long and users' bounds say when it begins. */
  readonly isKept: boolean;
  readonly now: number;
  /** Those whose trials are over just now. */
  readonly tried: ReadonlySet<Entry>;
  /** All that is free. */
  free(): Resources;
  place(entry: Entry): Placement | undefined;
  begin(entry: Entry, placement: Placement, seconds: number): void;
}

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

  /** Tries jobs for a short while: within what is kept for that, and where nobody is delayed by it. */
  start({ blocked, reservation, isKept, now, tried, free, place, begin }: TrialStart): void {
    if (this.#untried.size === 0 || isExhausted(free())) return;
    for (const entry of this.#untried.inOrder()) {
      if (entry === blocked || tried.has(entry)) continue;
      const placement = place(entry);
      if (placement === undefined) continue;
      const seconds = this.#lengthsSeconds[entry.trialsTaken]!;
      const delaysNobody = reservation === undefined || now + seconds <= reservation.at || (blocked !== undefined && !isKept && seconds <= LEAST_DELAY_PART * (now - blocked.job.submittedAt));
      if (!delaysNobody && !this.#hasRoom(placement.amount)) continue;
      begin(entry, placement, seconds);
      if (isExhausted(free())) break;
    }
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
  #hasRoom(amount: Resources): boolean {
    return amount.every((each, index) => this.#holds[index]! + each <= this.#reserve[index]!);
  }

  /** Of what is free, what is there for others than trials. */
  leave(free: Resources): Resources {
    if (isExhausted(this.#wants)) return free;
    return free.map((amount, index) => amount - Math.max(0, Math.min(this.#reserve[index]! - this.#holds[index]!, this.#wants[index]!)));
  }
}
