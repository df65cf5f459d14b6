/**
 * Who may run now: the heart of the queue, a plain state machine without input or output, so that the module and the simulator run the very same code.
 * Jobs are submitted and finish; `decide` says what to start and what to stop. It is to be called after every change and at `wakeAt`.
 */
import { usualEstimates } from '../prediction/last-two.ts';
import type { RunTimePredictor } from '../prediction/predictor.ts';
import { EveningOut } from './evening-out.ts';
import { TenantUse, FairPending, type FairShareOptions } from './fair-share.ts';
import { lostSecondsOf, type Decision, type Entry, type Job, type Preemption } from './job.ts';
import { Patience, waitedSeconds } from './patience.ts';
import { byArrival, SortedPending, type Compare, type Pending } from './pending.ts';
import { add, dominantShare, fits, isExhausted, subtract, type Resources } from './resources.ts';
import { createRoom, type Placement, type Room } from './room.ts';
import { ShadowBound } from './shadow-bound.ts';
import { Running, type Reservation } from './running.ts';
import type { SharePreemptionOptions } from './share-preemption.ts';
import { Trials, type TrialOptions } from './trials.ts';
import { Yielding, type YieldingOptions } from './yielding.ts';
import { WaitGuard } from './wait-guard.ts';

export interface AdmissionOptions {
  /** A machine of its own with so much of everything; or else the room. */
  readonly capacity?: Resources;
  readonly room?: Room;
  readonly predictor: RunTimePredictor;
  /** The order of those that wait, or fair share among tenants with an order within each. */
  readonly order: Compare;
  readonly fairShare?: Omit<FairShareOptions, 'capacity'>;
  /** Under fair share: jobs of tenants that have more are stopped for those that have less. */
  readonly sharePreemption?: SharePreemptionOptions;
  /**
   * What those behind a job that does not fit may do. `none`: wait (strict). `skip`: go past it whenever they fit (best effort).
   * `easy`: go past it where that does not delay it.
   */
  readonly backfill: 'none' | 'skip' | 'easy';
  /** A job that waited for this part of the longest wait in the order of arrival goes before all others; without it, one may wait for ever. */
  readonly patience?: number;
  /** The part of the work that goes to the first ones all the same while others have waited for too long, 0 to 1; default 0. */
  readonly passingShare?: number;
  /** Instead of patience: others are passed only as far as waits stay those of the order of arrival with EASY backfilling. */
  readonly guardsWaits?: boolean;
  /** Resumable jobs are stopped for much shorter ones, and for those that waited for too long. */
  readonly yielding?: YieldingOptions;
  /** Instead of patience: waits are bounded by those of the order of arrival with EASY backfilling, as they are so far. */
  readonly shadowBound?: boolean;
  /** Short runs by which jobs that end at once are told from long ones. A job that is stopped after one has lost what it did. */
  readonly trials?: TrialOptions;
}

type Begin = (entry: Entry, placement: Placement, trialSeconds?: number) => void;
type YieldTo = (entry: Entry, why: 'overdue' | 'shorter') => Placement | undefined;

/** No job is overdue before it has waited for so long. */
const LEAST_PATIENCE_SECONDS = 600;
/** What those who may pass do not use of their share is kept for so long. */
const KEPT_TO_PASS_SECONDS = 3_600;
/** A delay of less than this part of what a job has waited already is none. */
const LEAST_DELAY_PART = 0.01;

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #pending: Pending;
  readonly #trials: Trials;
  readonly #running = new Running();
  readonly #entries = new Map<string, Entry>();
  readonly #use: TenantUse;
  readonly #patience: Patience | undefined;
  readonly #guard: WaitGuard | undefined;
  readonly #evening: EveningOut | undefined;
  readonly #yielding: Yielding | undefined;
  readonly #bound: ShadowBound | undefined;
  readonly #room: Room;
  /** What its running jobs take together. */
  readonly #holds: number[];
  #arrivals = 0;
  #now = 0;
  #servedWork = 0;
  /** None that waits has a shorter bound. */
  #leastBoundSeconds = 0;
  /** The work by which the first ones may go past those that waited for too long. */
  #mayPass = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#room = options.room ?? createRoom(options.capacity ?? []);
    const { capacity } = this.#room;
    this.#use = new TenantUse({ capacity, halfLifeSeconds: 1, pastPart: 0, ...options.fairShare });
    const pending = (order: Compare): Pending => (options.fairShare === undefined ? new SortedPending(order) : new FairPending(this.#use, order, () => this.#now));
    this.#pending = pending(options.order);
    this.#trials = new Trials(options.trials, capacity, options.order, pending);
    this.#patience = options.patience === undefined ? undefined : new Patience(options.patience, LEAST_PATIENCE_SECONDS);
    this.#holds = capacity.map(() => 0);
    this.#yielding = options.yielding === undefined ? undefined : new Yielding(options.yielding, (entry, ranSeconds) => this.#expectTotal(entry, ranSeconds));
    this.#bound = options.shadowBound === true ? new ShadowBound(this.#createShadow(), (entry) => this.#expectTotal(entry, Math.max(entry.knownSeconds, entry.state === 'running' ? entry.doneSeconds + this.#now - entry.startedAt : 0))) : undefined;
    this.#guard = options.guardsWaits === true ? this.#createGuard() : undefined;
    this.#evening = options.sharePreemption !== undefined && this.#pending instanceof FairPending ? this.#createEvening(options.sharePreemption, this.#pending) : undefined;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  get runningCount(): number {
    return this.#running.size;
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
    this.#guard?.submitted(entry, this.#now);
    this.#bound?.submitted(entry, this.#now);
    this.#wait(entry);
  }

  /** Takes a job in that runs already, since `startedAt`, as is found after a restart. */
  adopt(job: Job, placement: Placement, startedAt: number, now: number): void {
    this.#advance(now);
    const entry = this.#enter(job);
    entry.knownSeconds = Math.max(0, entry.doneSeconds + now - startedAt);
    this.#estimate(entry);
    this.#guard?.adopted(entry, startedAt, this.#now);
    this.#bound?.adopted(entry, startedAt, this.#now);
    this.#begin(entry, placement, startedAt);
  }

  /** Those that run. */
  get running(): Iterable<Entry> {
    return this.#running;
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
    for (const entry of this.#overdue()) return entry;
    this.#guard?.advance(now);
    return this.#guard === undefined ? this.waiting(1)[0] : this.#guard.next(this.#pending);
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
    this.#use.stopped(entry, now);
    subtract(this.#holds, entry.placement!.amount);
    this.#room.give(entry.placement!);
    entry.placement = placement;
    this.#room.take(placement);
    add(this.#holds, placement.amount);
    this.#use.started(entry, now);
  }

  /** Stops one that runs; it waits again. */
  preempt(entry: Entry, preemption: Preemption, now: number): Decision {
    this.#advance(now);
    this.#release(entry);
    entry.timesPreempted++;
    entry.knownSeconds = Math.max(entry.knownSeconds, entry.doneSeconds + now - entry.startedAt);
    this.#lose(entry);
    this.#estimate(entry);
    this.#wait(entry);
    return { kind: 'stop', job: entry.job, reason: 'Preempted', preemption };
  }

  #enter(job: Job): Entry {
    const entry: Entry = {
      placement: undefined,
      job, arrival: this.#arrivals++, state: 'pending', expectedSeconds: 0, boundSeconds: 0, knownSeconds: 0, startedAt: 0, expectedEnd: 0,
      trialSeconds: 0, trialsTaken: 0, timesPreempted: job.timesPreempted ?? 0, preemptions: 0, doneSeconds: job.doneSeconds ?? 0, remainingSeconds: 0, expectedWork: 0, passedWork: 0,
      share: dominantShare(job.request, this.#room.capacity), likelySeconds: 0, foreseenBefore: -Infinity, graceSeconds: 0,
    };
    this.#estimate(entry);
    entry.expectedWork = entry.expectedSeconds * this.#shareOf(entry);
    this.#entries.set(job.id, entry);
    this.#patience?.arrived(entry);
    return entry;
  }

  /** A job has ended by itself, from which is learned, or was taken back. Unknown ones are ignored. */
  finish(id: string, now: number, how: 'ended' | 'withdrawn' = 'ended'): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#advance(now);
    this.#entries.delete(id);
    let work = 0;
    const endedAfter = entry.state === 'running' && how === 'ended' ? entry.doneSeconds + now - entry.startedAt : undefined;
    if (entry.state === 'running') {
      const ranSeconds = entry.doneSeconds + now - entry.startedAt;
      work = ranSeconds * this.#shareOf(entry);
      this.#release(entry);
      if (how === 'ended') this.#options.predictor.learn(entry.job, ranSeconds);
    } else {
      this.#leave(entry);
    }
    entry.state = 'finished';
    // Who passed others and took longer than expected leaves less for the next ones to pass.
    if (entry.passedWork > 0) this.#mayPass += entry.passedWork - work;
    this.#patience?.finished(entry, work);
    this.#guard?.finished(entry, endedAfter, now);
    this.#bound?.finished(entry, endedAfter, now);
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
    this.#guard?.advance(now);
    this.#bound?.advance(now);
    const yieldTo = this.#createYield(decisions, started);
    const overdue = this.#startOverdue(begin, yieldTo);
    const blocked = overdue ?? (this.#guard === undefined ? this.#startInOrder(begin, yieldTo) : this.#startGuarded(this.#guard, begin));
    const reservation = blocked === undefined ? undefined : this.#backfill(blocked, overdue === undefined ? 1 : (this.#bound ?? this.#patience)!.cautionFor(overdue, this.#now), begin);
    this.#startTrials(blocked, reservation, tried, begin);
    this.#evening?.run(now, this.#servedWork, (entry, victims) => {
      for (const victim of victims) decisions.push(this.preempt(victim, { by: entry.job, reason: 'InClusterQueue' }, now));
      // Where there are nodes, what was given up need not be on one of them.
      const placement = this.#place(entry, this.#room.free);
      if (placement !== undefined) begin(entry, placement);
    });
    for (const entry of tried) if (!started.has(entry)) decisions.push(this.#stopTrial(entry));
    for (const entry of started) if (!tried.has(entry)) decisions.push({ kind: 'start', job: entry.job, placement: entry.placement!, ...(entry.trialSeconds > 0 && { trialSeconds: entry.trialSeconds }) });
    return decisions;
  }

  /** The oldest that waited for too long start first, but for the share of those who pass; the first of them that does not fit is given back. */
  #startOverdue(begin: Begin, yieldTo: YieldTo): Entry | undefined {
    for (const entry of this.#overdue()) {
      this.#startPassing(begin);
      if (entry.state !== 'pending') continue;
      const placement = this.#place(entry, this.regular) ?? yieldTo(entry, 'overdue');
      if (placement === undefined) return entry;
      begin(entry, placement);
    }
    return undefined;
  }

  /** The first ones in order go past those that waited for too long, as far as they have a share of the work. */
  #startPassing(begin: Begin): void {
    for (const entry of this.#pending.inOrder()) {
      const work = entry.expectedSeconds * this.#shareOf(entry);
      const placement = work > this.#mayPass ? undefined : this.#place(entry, this.regular);
      if (placement === undefined) return;
      this.#mayPass -= work;
      entry.passedWork = work;
      begin(entry, placement);
    }
  }

  /** Starts the first ones until one does not fit, which is given back. */
  #startInOrder(begin: Begin, yieldTo: YieldTo): Entry | undefined {
    for (const entry of this.#pending.inOrder()) {
      const placement = this.#place(entry, this.regular) ?? yieldTo(entry, 'shorter');
      if (placement === undefined) return entry;
      begin(entry, placement);
    }
    return undefined;
  }

  /** Starts the first ones that may pass those before them, until one does not fit, which is given back. */
  #startGuarded(guard: WaitGuard, begin: Begin): Entry | undefined {
    for (let entry = guard.next(this.#pending); entry !== undefined; entry = guard.next(this.#pending)) {
      const placement = this.#place(entry, this.regular);
      if (placement === undefined) return entry;
      begin(entry, placement);
    }
    return undefined;
  }

  /**
   * Starts those that may go past the blocked one, and gives the reservation that it has. Expectations that prove too short put it off again and again, so
   * once it has waited for too long they are multiplied by `caution`; users' bounds are not.
   */
  #backfill(blocked: Entry, caution: number, begin: Begin): Reservation | undefined {
    if (this.#options.backfill === 'none') return undefined;
    const available = this.regular;
    if (isExhausted(available) && this.#options.trials === undefined) return undefined;
    const reservation = this.#options.backfill === 'easy' || this.#isOverdue(blocked) ? this.#running.reserve((free) => this.#place(blocked, free), available, this.#now, this.#room.elsewhere?.()) : undefined;
    const cautionOf = ({ job }: Entry): number => (job.estimateSeconds === undefined ? caution : 1);
    if (this.#guard === undefined) this.#fill(reservation, begin, (entry) => (entry === blocked ? 'no' : 'beside'), cautionOf);
    else {
      const guard = this.#guard;
      this.#fill(reservation, begin, (entry) => (entry !== blocked && guard.mayPass(entry) ? 'beside' : 'no'), cautionOf);
      // What would be idle is no delay for those that are passed; but what is left beside a reservation may be wanted by those behind it.
      this.#fill(reservation, begin, (entry) => (entry === blocked ? 'no' : guard.isLate ? 'before' : 'beside'), cautionOf);
    }
    return reservation;
  }

  /** Starts those that fit: where `may` says `before`, only who ends before the reservation begins; where it says `beside`, who leaves room for it too. */
  #fill(reservation: Reservation | undefined, begin: Begin, may: (entry: Entry) => 'no' | 'before' | 'beside', cautionOf: (entry: Entry) => number): void {
    let available = this.regular;
    if (isExhausted(available)) return;
    const at = reservation?.at ?? Infinity;
    let nothingBeside = reservation !== undefined && isExhausted(reservation.spare);
    if (nothingBeside && this.#now + this.#leastBoundSeconds > at) return;
    let [least, isWhole] = [Infinity, true];
    this.#pending.walk((entry) => {
      least = Math.min(least, entry.boundSeconds);
      const times = cautionOf(entry);
      const isLong = this.#now + times * entry.boundSeconds > at;
      if (times === Infinity || (isLong && nothingBeside)) return true;
      const placement = this.#place(entry, available);
      if (placement === undefined) return true;
      const how = may(entry);
      if (how === 'no' || (isLong && (how === 'before' || !fits(placement.amount, reservation!.spare)))) return true;
      if (isLong) {
        subtract(reservation!.spare, placement.amount);
        nothingBeside = isExhausted(reservation!.spare);
      }
      begin(entry, placement);
      available = this.regular;
      isWhole = !isExhausted(available);
      return isWhole;
    });
    if (isWhole) this.#leastBoundSeconds = least;
  }

  /** Tries jobs for a short while: within what is kept for that, and where nobody is delayed by it. */
  #startTrials(blocked: Entry | undefined, reservation: Reservation | undefined, tried: ReadonlySet<Entry>, begin: Begin): void {
    if (this.#trials.isEmpty || isExhausted(this.#room.free)) return;
    for (const entry of this.#trials.inOrder()) {
      if (entry === blocked || tried.has(entry)) continue;
      const placement = this.#place(entry, this.#room.free);
      if (placement === undefined) continue;
      const seconds = this.#trials.lengthOf(entry);
      const delaysNobody = reservation === undefined || this.#now + seconds <= reservation.at || (blocked !== undefined && seconds <= LEAST_DELAY_PART * (this.#now - blocked.job.submittedAt));
      if (!delaysNobody && !this.#trials.hasRoom(placement.amount)) continue;
      begin(entry, placement, seconds);
      if (isExhausted(this.#room.free)) break;
    }
  }

  /** Takes the jobs whose trials are over out of their places, for the moment: who may stay is decided with all others. */
  #endTrials(): Set<Entry> {
    const over = new Set<Entry>();
    for (const entry of this.#trials.over(this.#now)) {
      this.#release(entry);
      entry.knownSeconds = Math.max(entry.knownSeconds, entry.doneSeconds + this.#now - entry.startedAt);
      entry.trialsTaken++;
      this.#estimate(entry);
      this.#wait(entry);
      over.add(entry);
    }
    return over;
  }

  #createEvening(options: SharePreemptionOptions, pending: FairPending): EveningOut {
    return new EveningOut(options, { pending, use: this.#use, capacity: this.#room.capacity, free: () => this.regular, place: (entry, available) => this.#place(entry, available) });
  }

  #createShadow(): Admission {
    return new Admission({ capacity: this.#room.own ?? this.#room.capacity, predictor: usualEstimates(), order: byArrival, backfill: 'easy' });
  }

  #createGuard(): WaitGuard {
    const { predictor } = this.#options;
    return new WaitGuard({
      available: () => this.regular, running: () => this.#running, elsewhere: () => this.#room.elsewhere?.() ?? [], expect: (job, ranSeconds) => predictor.expect(job, ranSeconds),
    }, this.#createShadow());
  }

  #overdue(): Iterable<Entry> {
    return (this.#bound ?? this.#patience)?.overdue(this.#now) ?? [];
  }

  #isOverdue(entry: Entry, at = this.#now): boolean {
    if (this.#bound !== undefined) return this.#bound.isOverdue(entry, at);
    return this.#patience !== undefined && waitedSeconds(entry, at) > this.#patience.limitSeconds;
  }

  #stopTrial(entry: Entry): Decision {
    // It may have kept some of it, so that less is left to do.
    this.#leave(entry);
    this.#lose(entry);
    this.#estimate(entry);
    this.#wait(entry);
    return { kind: 'stop', job: entry.job, reason: 'TrialOver' };
  }

  /** Room for the entry in places of resumable ones that run, which are stopped; undefined where there is none. */
  #createYield(decisions: Decision[], began: ReadonlySet<Entry>): YieldTo {
    const now = this.#now;
    const yielding = this.#yielding;
    if (yielding === undefined) return () => undefined;
    return (entry, why) => {
      if (entry.placement !== undefined) return undefined;
      yielding.review(now);
      const victims = yielding.victimsFor(entry, { why, now, began, free: this.regular, place: (available) => this.#place(entry, available) });
      if (victims === undefined) return undefined;
      for (const victim of victims) {
        const yielded = { to: why, itsSeconds: entry.expectedSeconds, leftSeconds: victim.remainingSeconds, times: victim.timesPreempted + 1, mostTimes: this.#options.yielding!.mostPerJob };
        decisions.push(this.preempt(victim, { by: entry.job, reason: 'InClusterQueue', yielded }, now));
      }
      // Where there are nodes, what was given up need not be on one of them.
      return this.#place(entry, this.regular);
    };
  }

  /** What it did in its last run is lost, but for what a resumable one keeps. */
  #lose(entry: Entry): void {
    const ranSeconds = this.#now - entry.startedAt;
    const lostSeconds = lostSecondsOf(entry.job, ranSeconds);
    entry.doneSeconds += ranSeconds - lostSeconds;
    this.#servedWork -= lostSeconds * this.#shareOf(entry);
    entry.preemptions++;
    entry.placement = undefined;
  }

  /** How a job fits: one whose trial is judged stays where it is, or goes. */
  #place(entry: Entry, available: Resources): Placement | undefined {
    if (entry.placement === undefined) return this.#room.place(entry.job, available);
    return fits(entry.placement.amount, available) ? entry.placement : undefined;
  }

  #wait(entry: Entry): void {
    entry.state = 'pending';
    this.#leastBoundSeconds = Math.min(this.#leastBoundSeconds, entry.boundSeconds);
    this.#pending.add(entry);
    this.#patience?.returned(entry);
    this.#guard?.waits(entry);
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
    entry.placement = placement;
    entry.startedAt = startedAt;
    entry.expectedEnd = entry.trialSeconds > 0 ? this.#now + entry.trialSeconds : Math.max(startedAt + entry.boundSeconds, this.#now + 1);
    this.#room.take(placement);
    add(this.#holds, placement.amount);
    this.#use.started(entry, this.#now);
    this.#running.add(entry);
    this.#yielding?.started(entry, this.#now, this.#isOverdue(entry, startedAt));
    this.#guard?.started(entry);
  }

  #release(entry: Entry): void {
    const { amount } = entry.placement!;
    this.#running.remove(entry);
    this.#yielding?.stopped(entry);
    this.#use.stopped(entry, this.#now);
    this.#room.give(entry.placement!);
    subtract(this.#holds, amount);
    if (entry.trialSeconds > 0) this.#trials.gives(amount);
    entry.trialSeconds = 0;
  }

  /** What is free for others than trials. */
  get regular(): Resources {
    return this.#trials.leave(this.#room.free);
  }

  #estimate(entry: Entry): void {
    const { estimateSeconds } = entry.job;
    const expected = this.#expectTotal(entry, entry.knownSeconds);
    entry.expectedSeconds = Math.max(0, expected - entry.doneSeconds);
    entry.boundSeconds = Math.max(1, (estimateSeconds ?? expected) - entry.doneSeconds);
  }

  /** The run time to expect of one that is known to run for longer than so many seconds. */
  #expectTotal({ job }: Entry, knownSeconds: number): number {
    const { estimateSeconds, toldSeconds } = job;
    // Who has run for longer than was told may run as long again.
    const expected = toldSeconds === undefined ? this.#options.predictor.expect(job, knownSeconds) : toldSeconds > knownSeconds ? toldSeconds : 2 * knownSeconds;
    return Math.min(expected, estimateSeconds ?? Infinity);
  }

  #shareOf(entry: Entry): number {
    return dominantShare(entry.placement?.amount ?? entry.job.request, this.#room.capacity);
  }

  #advance(now: number): void {
    if (now <= this.#now) return;
    const work = dominantShare(this.#holds, this.#room.capacity) * (now - this.#now);
    this.#servedWork += work;
    const share = this.#options.passingShare ?? 0;
    this.#mayPass = Math.max(this.#mayPass, Math.min(this.#mayPass + share * work, share * KEPT_TO_PASS_SECONDS));
    this.#now = now;
    this.#patience?.advance(this.#servedWork, now);
  }
}

