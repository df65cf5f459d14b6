/**
 * Who may pass whom, so that waits stay those of EASY: its 99th percentile is not exceeded but by one job in a hundred, and its longest by none. Those that wait would be
 * in time if they were served in turn from now on; what that leaves over may be used to pass them.
 *
 * A job's turn comes by its arrival. One in a hundred may wait for as long as EASY's longest: those are to be the largest, so their turn comes later by as much.
 * Source: Talby and Feitelson, Supporting priorities and improving utilization of the IBM SP scheduler using slack-based backfilling, IPPS 1999.
 */
import { drain, type Held } from './drain.ts';
import type { Entry, Job } from './job.ts';
import type { Pending } from './pending.ts';
import type { Resources } from './resources.ts';
import { Shadow, type ShadowQueue } from './shadow.ts';

/** The real queue, as far as it is needed. */
export interface Machine {
  /** What may be taken now by others than trials. */
  available(): Resources;
  running(): Iterable<Entry>;
  elsewhere(): readonly { readonly amount: Resources; readonly expectedEnd: number }[];
  /** The run time to expect of one that has run for so long, in seconds. */
  expect(job: Job, ranSeconds: number): number;
}

/** The part of all jobs that may wait for longer than the others. */
const RARE = 0.01;
/** Nobody's wait is too long before this. */
const LEAST_SECONDS = 60;
/** All is foreseen anew when so much of what waits has changed; until then every pass is taken to delay all the others. */
const CHANGED_PART = 1 / 4;
/** After so many that may not pass, the ones whose turn it nearly is are looked at instead: so many of them. */
const TRIES = 32;
const MOST_IN_TURN = 256;

export class WaitGuard {
  readonly #machine: Machine;
  readonly #shadow: Shadow;
  readonly #waiting = new Set<Entry>();
  /** As of the last forecast. */
  #inTurn: Entry[] = [];
  /** The first one in turn that still waits. */
  #first = 0;
  /** The longest wait of those in turn, the grace taken off. */
  #mostSeconds = -Infinity;
  /** The narrowest that came. */
  #leastShare = Infinity;
  /** By how much all have been delayed since. */
  #passedSeconds = 0;
  #changes = Infinity;
  #arrivals = 0;
  /** How many have waited for longer than the common ones may. */
  #rareOnes = 0;
  #limitSeconds = LEAST_SECONDS;
  #now = 0;

  constructor(machine: Machine, shadow: ShadowQueue) {
    this.#machine = machine;
    this.#shadow = new Shadow(shadow, (entry) => (entry.state === 'running' ? this.#likelySeconds(entry) : Math.max(entry.expectedSeconds, entry.knownSeconds)));
  }

  submitted(entry: Entry, now: number): void {
    this.#now = now;
    this.#arrivals++;
    this.#leastShare = Math.min(this.#leastShare, entry.share);
    this.#shadow.submit(entry, now);
  }

  adopted(entry: Entry, startedAt: number, now: number): void {
    this.#now = now;
    this.#arrivals++;
    this.#shadow.adopt(entry, startedAt, now);
  }

  /** It waits, for the first time or again. */
  waits(entry: Entry): void {
    entry.foreseenBefore = this.#mostSeconds;
    this.#waiting.add(entry);
    this.#changes++;
  }

  /** It waits no longer, because it runs. */
  started(entry: Entry): void {
    entry.likelySeconds = entry.expectedSeconds;
    this.#changes++;
    if (this.#waiting.delete(entry) && entry.foreseenBefore > -Infinity) this.#passedSeconds += this.#delayBy(entry);
  }

  /** It ended after a run of so many seconds; or undefined, when it was taken back. */
  finished(entry: Entry, ranSeconds: number | undefined, now: number): void {
    this.#now = now;
    this.#changes++;
    this.#waiting.delete(entry);
    if (ranSeconds === undefined) return this.#shadow.withdraw(entry.job, now);
    if (now - entry.job.submittedAt - ranSeconds > this.#limitSeconds) this.#rareOnes++;
    this.#shadow.finish(entry.job, ranSeconds, now);
  }

  /** To be called before it is asked about a time. */
  advance(now: number): void {
    this.#now = now;
    this.#shadow.advance(now);
    if (this.#changes < Math.max(1, this.#waiting.size * CHANGED_PART)) return;
    this.#changes = 0;
    const { longest, common } = this.#shadow.waits(now, RARE);
    this.#limitSeconds = Math.max(LEAST_SECONDS, common);
    this.#giveGrace(Math.max(0, longest - this.#limitSeconds));
    this.#foresee();
  }

  /** Whether somebody will wait for too long even if nobody passes from now on. */
  get isLate(): boolean {
    return this.#mostSeconds + this.#passedSeconds > this.#limitSeconds;
  }

  mayPass(entry: Entry): boolean {
    return entry.foreseenBefore + this.#passedSeconds + this.#delayBy(entry) <= this.#limitSeconds || entry === this.#firstInTurn();
  }

  /** The first one in `order` that may pass all that it has to; where none may, the one whose turn it is. */
  next(order: Pending): Entry | undefined {
    let tries = TRIES;
    let leastDelay = 0;
    for (const entry of order.inOrder()) {
      if (this.mayPass(entry)) return entry;
      if (tries === TRIES) leastDelay = Math.min(entry.expectedSeconds, this.#limitSeconds) * this.#leastShare;
      if (--tries === 0) break;
    }
    const first = this.#firstInTurn();
    let best = first;
    for (let index = this.#first; index < Math.min(this.#inTurn.length, this.#first + MOST_IN_TURN); index++) {
      const entry = this.#inTurn[index]!;
      if (index > this.#first && entry.foreseenBefore + this.#passedSeconds + leastDelay > this.#limitSeconds) break;
      if (entry.expectedSeconds < best!.expectedSeconds && this.#waiting.has(entry) && this.mayPass(entry)) best = entry;
    }
    return best;
  }

  /** Those that will wait for longer than the others may are to be the most work. */
  #giveGrace(seconds: number): void {
    const most = seconds > 0 ? Math.floor(RARE * this.#arrivals) - this.#rareOnes : 0;
    const delays = most > 0 ? Float64Array.from(this.#waiting, (each) => this.#delayBy(each)).sort() : [];
    const least = delays[Math.max(0, delays.length - most)] ?? Infinity;
    for (const each of this.#waiting) each.graceSeconds = this.#delayBy(each) >= least ? seconds : 0;
  }

  #foresee(): void {
    const turnOf = ({ job, graceSeconds }: Entry): number => job.submittedAt + graceSeconds;
    this.#inTurn = [...this.#waiting].sort((left, right) => turnOf(left) - turnOf(right) || left.arrival - right.arrival);
    this.#first = 0;
    this.#passedSeconds = 0;
    const held: Held[] = this.#machine.elsewhere().map(({ amount, expectedEnd }) => ({ amount, at: expectedEnd }));
    for (const each of this.#machine.running()) if (each.trialSeconds === 0) held.push({ amount: each.placement!.amount, at: each.startedAt + this.#likelySeconds(each) });
    let most = -Infinity;
    drain(this.#now, this.#machine.available(), held, this.#inTurn.map((each) => ({ of: each, amount: each.job.request, seconds: each.expectedSeconds })), (entry, startsAt) => {
      entry.foreseenBefore = most;
      most = Math.max(most, startsAt - turnOf(entry));
    });
    this.#mostSeconds = most;
  }

  #firstInTurn(): Entry | undefined {
    while (this.#first < this.#inTurn.length && !this.#waiting.has(this.#inTurn[this.#first]!)) this.#first++;
    return this.#inTurn[this.#first] ?? this.#waiting.values().next().value;
  }

  /** By how much those that it passes start later. A run that is longer than they may wait is in the way of others of theirs only in part. */
  #delayBy({ expectedSeconds, share }: Entry): number {
    return Math.min(expectedSeconds, this.#limitSeconds) * share;
  }

  /** How long one that runs will run in all; who has outrun what was expected is looked at anew. */
  #likelySeconds(entry: Entry): number {
    const ranSeconds = this.#now - entry.startedAt;
    if (entry.trialSeconds > 0) return Math.max(entry.trialSeconds, entry.expectedSeconds);
    if (entry.likelySeconds <= ranSeconds) entry.likelySeconds = Math.max(this.#machine.expect(entry.job, ranSeconds), ranSeconds + 1);
    return entry.likelySeconds;
  }
}
