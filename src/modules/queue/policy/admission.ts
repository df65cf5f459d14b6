/**
 * Who may run now: the heart of the queue, a plain state machine without input or output, so that the module and the simulator run the very same code.
 * Jobs are submitted and finish; `decide` says what to start and what to stop. It is to be called after every change and at `wakeAt`.
 */
import { usualEstimates } from '../prediction/last-two.ts';
import type { AdmissionOptions } from './admission-options.ts';
import { Backfilling } from './backfilling.ts';
import { Estimates } from './estimates.ts';
import { EveningOut } from './evening-out.ts';
import { TenantUse, FairPending } from './fair-share.ts';
import { entryOf, lostSecondsOf, ranSecondsOf, type Decision, type Entry, type Job, type Preemption } from './job.ts';
import { Occupancy } from './occupancy.ts';
import { Passing } from './passing.ts';
import { Patience } from './patience.ts';
import { byArrival, SortedPending, type Compare, type Pending } from './pending.ts';
import { dominantShare, isExhausted, type Resources } from './resources.ts';
import { createRoom, type Placement, type Room } from './room.ts';
import { ShadowBound } from './shadow-bound.ts';
import type { Reservation } from './running.ts';
import type { SharePreemptionOptions } from './share-preemption.ts';
import { Trials } from './trials.ts';
import { Turns, type Begin, type YieldTo } from './turns.ts';
import type { WaitBound } from './wait-bound.ts';
import { Yielding } from './yielding.ts';

/** No job is overdue before it has waited for so long. */
const LEAST_PATIENCE_SECONDS = 600;

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #pending: Pending;
  readonly #trials: Trials;
  readonly #estimates: Estimates;
  readonly #backfilling: Backfilling;
  readonly #passing: Passing;
  readonly #turns: Turns;
  readonly #entries = new Map<string, Entry>();
  readonly #use: TenantUse;
  readonly #evening: EveningOut | undefined;
  readonly #yielding: Yielding | undefined;
  readonly #bound: WaitBound | undefined;
  readonly #room: Room;
  readonly #occupancy: Occupancy;
  #arrivals = 0;
  #now = 0;
  #servedWork = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#room = options.room ?? createRoom(options.capacity ?? []);
    const { capacity } = this.#room;
    this.#use = new TenantUse({ capacity, halfLifeSeconds: 1, pastPart: 0, ...options.fairShare });
    this.#occupancy = new Occupancy(this.#room, this.#use);
    const pending = (order: Compare): Pending => (options.fairShare === undefined ? new SortedPending(order) : new FairPending(this.#use, order, () => this.#now));
    this.#pending = pending(options.order);
    this.#estimates = new Estimates(options.predictor);
    this.#passing = new Passing(options.passingShare ?? 0);
    this.#trials = new Trials(options.trials, capacity, options.order, pending);
    this.#yielding = options.yielding === undefined ? undefined : new Yielding(options.yielding, {
      expectTotal: (entry, ranSeconds) => this.#estimates.total(entry, ranSeconds), keeps: (entry) => this.#bound?.keeps(entry) === true,
    });
    this.#bound = this.#createBound();
    const waiting = { pending: this.#pending, available: () => this.regular, place: (entry: Entry, available: Resources) => this.#occupancy.placeFor(entry, available) };
    this.#backfilling = new Backfilling(waiting);
    this.#turns = new Turns({ ...waiting, bound: this.#bound, passing: this.#passing, workOf: (entry) => entry.expectedSeconds * this.#occupancy.shareOf(entry) });
    this.#evening = options.sharePreemption !== undefined && this.#pending instanceof FairPending ? this.#createEvening(options.sharePreemption, this.#pending) : undefined;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  get runningCount(): number {
    return this.#occupancy.running.size;
  }

  /** What is free of each resource. */
  get free(): Resources {
    return this.#room.free;
  }

  /** Whether there could ever be a place for it. */
  couldRun(job: Job): boolean {
    return this.#room.place(job, this.#room.capacity) !== undefined;
  }

  /** Takes a job in. Throws a RangeError when it asks for more than there is at all: it could never run. */
  submit(job: Job, now: number): void {
    if (!this.couldRun(job)) throw new RangeError(`job ${job.id} asks for ${job.request.join(', ')}, and all that there is is ${this.#room.capacity.join(', ')}`);
    this.#advance(now);
    const entry = this.#enter(job);
    this.#bound?.submitted(entry, this.#now);
    this.#wait(entry);
  }

  /** Takes a job in that runs already, since `startedAt`, as is found after a restart. */
  adopt(job: Job, placement: Placement, startedAt: number, now: number): void {
    this.#advance(now);
    const entry = this.#enter(job);
    entry.knownSeconds = Math.max(0, entry.doneSeconds + now - startedAt);
    this.#estimates.note(entry);
    this.#bound?.adopted(entry, startedAt, this.#now);
    this.#begin(entry, placement, startedAt);
  }

  /** Those that run. */
  get running(): Iterable<Entry> {
    return this.#occupancy.running;
  }

  /** The first ones of those that wait, in order. */
  waiting(most = Infinity): Entry[] {
    const first: Entry[] = [];
    for (const entry of this.#pending.inOrder()) {
      if (first.length >= most) break;
      first.push(entry);
    }
    return first;
  }

  /** The one that is due next, if any waits. */
  head(now: number): Entry | undefined {
    this.#advance(now);
    this.#bound?.advance(now);
    for (const entry of this.#bound?.overdue(this.#now) ?? []) return entry;
    return this.waiting(1)[0];
  }

  entry(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** Starts one that waits, out of turn. */
  start(entry: Entry, placement: Placement, now: number): Decision {
    this.#advance(now);
    this.#start(entry, placement, 0, false);
    return { kind: 'start', job: entry.job, placement };
  }

  /** One that runs takes another amount from now on, as when some of its pods have ended. */
  resize(entry: Entry, placement: Placement, now: number): void {
    this.#advance(now);
    this.#occupancy.resize(entry, placement, now);
  }

  /** Stops one that runs; it waits again. */
  preempt(entry: Entry, preemption: Preemption, now: number): Decision {
    this.#advance(now);
    this.#release(entry);
    entry.timesPreempted++;
    entry.knownSeconds = Math.max(entry.knownSeconds, ranSecondsOf(entry, now));
    this.#lose(entry);
    this.#estimates.note(entry);
    this.#wait(entry);
    return { kind: 'stop', job: entry.job, reason: 'Preempted', preemption };
  }

  #enter(job: Job): Entry {
    const entry = entryOf(job, this.#arrivals++, dominantShare(job.request, this.#room.capacity));
    this.#estimates.note(entry);
    entry.expectedWork = entry.expectedSeconds * this.#occupancy.shareOf(entry);
    this.#entries.set(job.id, entry);
    return entry;
  }

  /** A job has ended by itself, from which is learned, or was taken back. Unknown ones are ignored. */
  finish(id: string, now: number, how: 'ended' | 'withdrawn' = 'ended'): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#advance(now);
    this.#entries.delete(id);
    const ranSeconds = entry.state === 'running' ? ranSecondsOf(entry, now) : 0;
    const work = ranSeconds * this.#occupancy.shareOf(entry);
    const hasEnded = entry.state === 'running' && how === 'ended';
    if (entry.state === 'running') this.#release(entry);
    else this.#leave(entry);
    if (hasEnded) this.#options.predictor.learn(entry.job, ranSeconds);
    entry.state = 'finished';
    this.#passing.ended(entry, work);
    this.#bound?.finished(entry, { work, ranSeconds: hasEnded ? ranSeconds : undefined, now });
  }

  /** When `decide` must be called though nothing happens; Infinity for never. */
  get wakeAt(): number {
    if (this.#yielding === undefined || this.#pending.size === 0) return this.#trials.wakeAt;
    return Math.min(this.#trials.wakeAt, this.#yielding.reviewAt, this.#bound?.wakeAt ?? Infinity);
  }

  /** What to stop and what to start now, in this order. */
  decide(now: number): Decision[] {
    this.#advance(now);
    const tried = this.#endTrials();
    const started = new Set<Entry>();
    const decisions: Decision[] = [];
    const begin: Begin = (entry, placement, trialSeconds = 0) => {
      started.add(entry);
      this.#start(entry, placement, trialSeconds, tried.has(entry));
    };
    this.#bound?.advance(now);
    const yieldTo = this.#createYield(decisions, started);
    const { blocked, caution } = this.#turns.run({ now, begin, yieldTo });
    const reservation = blocked === undefined ? undefined : this.#backfill(blocked, caution, begin);
    const isKept = blocked?.job.estimateSeconds !== undefined && this.#isOverdue(blocked);
    this.#trials.start({ blocked, reservation, isKept, now, tried, free: () => this.#room.free, place: (entry) => this.#occupancy.placeFor(entry, this.#room.free), begin });
    this.#evening?.run(now, this.#servedWork, (entry, victims) => {
      for (const victim of victims) decisions.push(this.preempt(victim, { by: entry.job, reason: 'InClusterQueue' }, now));
      // Where there are nodes, what was given up need not be on one of them.
      const placement = this.#occupancy.placeFor(entry, this.#room.free);
      if (placement !== undefined) begin(entry, placement);
    });
    for (const entry of tried) if (!started.has(entry)) decisions.push(this.#stopTrial(entry));
    for (const entry of started) if (!tried.has(entry)) decisions.push({ kind: 'start', job: entry.job, placement: entry.placement!, ...(entry.trialSeconds > 0 && { trialSeconds: entry.trialSeconds }) });
    return decisions;
  }

  /** The reservation of the blocked one, and what may start past it. */
  #backfill(blocked: Entry, caution: number, begin: Begin): Reservation | undefined {
    if (this.#options.backfill === 'none') return undefined;
    const available = this.regular;
    if (isExhausted(available) && this.#options.trials === undefined) return undefined;
    const reservation = this.#options.backfill === 'easy' || this.#isOverdue(blocked) ? this.#occupancy.running.reserve((free) => this.#occupancy.placeFor(blocked, free), available, this.#now, this.#room.elsewhere?.()) : undefined;
    this.#backfilling.run({ blocked, reservation, caution, now: this.#now, begin });
    return reservation;
  }

  /** Takes the jobs whose trials are over out of their places, for the moment: who may stay is decided with all others. */
  #endTrials(): Set<Entry> {
    const over = new Set<Entry>();
    for (const entry of this.#trials.over(this.#now)) {
      this.#release(entry);
      entry.knownSeconds = Math.max(entry.knownSeconds, ranSecondsOf(entry, this.#now));
      entry.trialsTaken++;
      this.#estimates.note(entry);
      this.#wait(entry);
      over.add(entry);
    }
    return over;
  }

  #createEvening(options: SharePreemptionOptions, pending: FairPending): EveningOut {
    return new EveningOut(options, { pending, use: this.#use, capacity: this.#room.capacity, free: () => this.regular, place: (entry, available) => this.#occupancy.placeFor(entry, available) });
  }

  #createBound(): WaitBound | undefined {
    const { shadowBound, patience } = this.#options;
    if (shadowBound !== true) return patience === undefined ? undefined : new Patience(patience, LEAST_PATIENCE_SECONDS);
    const ranSeconds = (entry: Entry): number => Math.max(entry.knownSeconds, entry.state === 'running' ? ranSecondsOf(entry, this.#now) : 0);
    return new ShadowBound(this.#createShadow(), { ranSeconds, expectTotal: (entry, ran) => this.#estimates.total(entry, ran) });
  }

  #createShadow(): Admission {
    return new Admission({ capacity: this.#room.own ?? this.#room.capacity, predictor: usualEstimates(), order: byArrival, backfill: 'easy' });
  }

  #isOverdue(entry: Entry, at = this.#now): boolean {
    return this.#bound?.isOverdue(entry, at) === true;
  }

  #stopTrial(entry: Entry): Decision {
    // It may have kept some of it, so that less is left to do.
    this.#leave(entry);
    this.#lose(entry);
    this.#estimates.note(entry);
    this.#wait(entry);
    return { kind: 'stop', job: entry.job, reason: 'TrialOver' };
  }

  /** Room for the entry in places of resumable ones that run, which are stopped; undefined where there is none. */
  #createYield(decisions: Decision[], began: ReadonlySet<Entry>): YieldTo {
    const now = this.#now;
    return (entry, why) => {
      if (this.#yielding === undefined || entry.placement !== undefined) return undefined;
      const place = (available: Resources): Placement | undefined => this.#occupancy.placeFor(entry, available);
      const yielded = this.#yielding.makeRoom(entry, { why, now, began, free: this.regular, place });
      for (const { victim, preemption } of yielded ?? []) decisions.push(this.preempt(victim, preemption, now));
      // Where there are nodes, what was given up need not be on one of them.
      return yielded === undefined ? undefined : place(this.regular);
    };
  }

  /** What it did in its last run is lost, but for what a resumable one keeps. */
  #lose(entry: Entry): void {
    const ranSeconds = this.#now - entry.startedAt;
    const lostSeconds = lostSecondsOf(entry.job, ranSeconds);
    entry.doneSeconds += ranSeconds - lostSeconds;
    this.#servedWork -= lostSeconds * this.#occupancy.shareOf(entry);
    entry.preemptions++;
    entry.placement = undefined;
  }

  #wait(entry: Entry): void {
    entry.state = 'pending';
    this.#backfilling.waits(entry);
    this.#pending.add(entry);
    this.#bound?.waits(entry);
    this.#trials.waits(entry);
  }

  #leave(entry: Entry): void {
    this.#pending.remove(entry);
    this.#bound?.leaves(entry);
    this.#trials.leaves(entry);
  }

  #start(entry: Entry, placement: Placement, trialSeconds: number, goesOn: boolean): void {
    this.#leave(entry);
    entry.trialSeconds = trialSeconds;
    this.#begin(entry, placement, goesOn ? entry.startedAt : this.#now);
    if (trialSeconds > 0) this.#trials.begins(entry, placement.amount);
  }

  #begin(entry: Entry, placement: Placement, startedAt: number): void {
    entry.state = 'running';
    entry.startedAt = startedAt;
    entry.expectedEnd = entry.trialSeconds > 0 ? this.#now + entry.trialSeconds : Math.max(startedAt + entry.boundSeconds, this.#now + 1);
    this.#occupancy.begin(entry, placement, this.#now);
    this.#yielding?.started(entry, this.#now);
  }

  #release(entry: Entry): void {
    this.#occupancy.end(entry, this.#now);
    this.#yielding?.stopped(entry);
    if (entry.trialSeconds > 0) this.#trials.gives(entry.placement!.amount);
    entry.trialSeconds = 0;
  }

  /** What is free for others than trials. */
  get regular(): Resources {
    return this.#trials.leave(this.#room.free);
  }

  #advance(now: number): void {
    if (now <= this.#now) return;
    const work = this.#occupancy.workOf(now - this.#now);
    this.#servedWork += work;
    this.#passing.served(work);
    this.#now = now;
    this.#bound?.served(this.#servedWork, now);
  }
}

