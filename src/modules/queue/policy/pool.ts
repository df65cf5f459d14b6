/**
 * Queues that share quota: each has its policy, and all decide together. Whoever needs nothing that is another's goes first; then who borrows. A job that still
 * does not fit may have others stopped, as far as the rules of its queue allow.
 */
import type { Admission } from './admission.ts';
import { sharesLess, type FairSharing } from './cohort-share.ts';
import { classicalVictims } from './classical-victims.ts';
import { fairVictims } from './fair-victims.ts';
import { lostSecondsOf, type Decision, type Entry, type Preemption } from './job.ts';
import type { PlaceOptions, QuotaPlacement, QuotaRoom } from './quota-room.ts';
import { dominantShare } from './resources.ts';

/** Source: Kueue, ClusterQueuePreemption. */
export interface PreemptionRules {
  readonly within: 'Never' | 'LowerPriority' | 'LowerOrNewerEqualPriority';
  readonly reclaim: 'Never' | 'LowerPriority' | 'Any';
  /** Whether one that borrows may have jobs of others stopped, of lower priority and of at most this one. */
  readonly borrowUpTo?: number;
  /** A job is stopped for others at most so often. */
  readonly mostPerJob: number;
}

export interface Member {
  readonly name: string;
  readonly admission: Admission;
  readonly room: QuotaRoom;
  readonly rules: PreemptionRules;
  /** How many of those that wait are looked at for preemption: only the first, where it blocks the others. */
  readonly preemptors: number;
}

export type PoolDecision = Decision & { readonly queue: string };

interface Candidate { readonly member: Member; readonly entry: Entry; readonly cost: number }
interface Target extends Candidate { readonly reason: Preemption['reason'] }
interface Start { readonly member: Member; readonly entry: Entry; readonly placement: QuotaPlacement }

/** How many of those that wait in a queue which nobody blocks are looked at for preemption in one round. */
export const SOME_PREEMPTORS = 16;

export class Pool {
  readonly members: readonly Member[];
  readonly #sharing: FairSharing | undefined;
  #now = 0;

  constructor(members: readonly Member[], { sharing }: { sharing?: FairSharing } = {}) {
    this.members = members;
    this.#sharing = sharing;
    for (const member of members) member.room.elsewhere = () => this.#elsewhere(member);
  }

  get wakeAt(): number {
    return Math.min(Infinity, ...this.members.map(({ admission }) => admission.wakeAt));
  }

  /** What to stop and to start now, in this order of time. */
  decide(now: number): PoolDecision[] {
    this.#now = now;
    const decisions: PoolDecision[] = [];
    if (this.members.filter(({ admission }) => admission.pendingCount > 0).length > 1) this.#startHeads(decisions);
    for (const { name, admission } of this.members) for (const decision of admission.decide(now)) decisions.push({ ...decision, queue: name });
    for (const member of this.members) this.#preemptFor(member, decisions);
    return decisions;
  }

  /** The first of each queue, as long as one of them fits: those that borrow nothing before those that do, then by priority and arrival; with fair sharing, whose queue has the least. */
  #startHeads(decisions: PoolDecision[]): void {
    for (;;) {
      let best: { member: Member; entry: Entry; placement: QuotaPlacement } | undefined;
      for (const member of this.members) {
        const entry = member.admission.head(this.#now);
        const placement = entry === undefined ? undefined : member.room.place(entry.job, member.admission.regular);
        if (entry !== undefined && placement !== undefined && (best === undefined || this.#comesBefore({ member, entry, placement }, best))) best = { member, entry, placement };
      }
      if (best === undefined) return;
      decisions.push({ ...best.member.admission.start(best.entry, best.placement, this.#now), queue: best.member.name });
    }
  }

  #comesBefore(left: Start, right: Start): boolean {
    const head = ({ member: { room }, entry, placement }: Start) => ({ room, entry, placement });
    return this.#sharing === undefined ? comesBefore(left, right) : sharesLess(head(left), head(right), this.#sharing.indexes);
  }

  #preemptFor(member: Member, decisions: PoolDecision[]): void {
    const { admission, rules, preemptors, name } = member;
    if (rules.within === 'Never' && rules.reclaim === 'Never') return;
    for (const entry of admission.waiting(preemptors)) {
      const mayBorrow = member.room.prefersPreemption && member.room.place(entry.job, admission.regular, { everyFlavor: true }) !== undefined;
      const found = this.#targetsFor(member, entry, mayBorrow);
      if (found === undefined) {
        // Where nobody may be stopped in the flavor that it was kept for, another will do.
        const elsewhere = member.room.place(entry.job, admission.regular, { everyFlavor: true });
        if (elsewhere !== undefined && member.room.place(entry.job, admission.regular) === undefined) decisions.push({ ...admission.start(entry, elsewhere, this.#now), queue: name });
        continue;
      }
      for (const { member: { admission: from, name: queue }, entry: victim, reason } of found.targets) decisions.push({ ...from.preempt(victim, { by: entry.job, reason }, this.#now), queue });
      // Where pods go in a topology is known only now; who has no room there after all stays first in line for what was given up.
      const placement = member.room.isTopological ? member.room.place(entry.job, member.room.free, found.options) : found.placement;
      if (placement !== undefined) decisions.push({ ...admission.start(entry, placement, this.#now), queue: name });
    }
  }

  /**
   * The flavors are tried one after the other, with as many pods as the job would like. Unless the queue wants the first that will do, one where others only give back what they
   * borrowed goes before one where the queue's own jobs are stopped. Source: Kueue, flavorassigner (Reclaim is better than Preempt). `onlyForOwn`: not for what it would have to borrow then.
   */
  #targetsFor(member: Member, entry: Entry, onlyForOwn: boolean): Found | undefined {
    let first: Found | undefined;
    for (let fromFlavor = 0; fromFlavor < member.room.mostFlavors; fromFlavor++) {
      const options = { fromFlavor, fullOnly: true };
      const placement = member.room.place(entry.job, member.room.capacity, options);
      if (placement === undefined) break;
      const hasDomains = (): boolean => !member.room.isTopological || member.room.place(entry.job, member.room.free, options) !== undefined;
      const targets = this.#select(member, entry, placement, hasDomains);
      if (targets === undefined || (onlyForOwn && isBorrowedAfter(member.room, placement, targets))) continue;
      if (member.room.stopsWherePreemptable || targets.every(({ member: from }) => from !== member)) return { targets, placement, options };
      first ??= { targets, placement, options };
    }
    return first;
  }

  #select(member: Member, entry: Entry, placement: QuotaPlacement, hasDomains: () => boolean): readonly Target[] | undefined {
    const { room, rules } = member;
    const lacking = room.scarce(placement);
    if (lacking.length === 0 && hasDomains()) return undefined; // it is the order that keeps it waiting
    const scarce = lacking.length > 0 ? lacking : room.wanted(placement);
    const candidates = this.#candidates(member, entry, scarce);
    const victims = candidates.map((each) => ({ ...each, room: each.member.room }));
    if (this.#sharing !== undefined && lacking.length > 0) return fairVictims(room, placement, victims, this.#sharing, scarce);
    return classicalVictims(room, { entry, placement }, victims, { scarce, borrowUpTo: rules.borrowUpTo, hasDomains });
  }

  /** Jobs of other queues first, then those of the lowest priority, then those whose loss is the least. */
  #candidates(member: Member, preemptor: Entry, scarce: readonly number[]): Candidate[] {
    const found: Candidate[] = [];
    for (const other of this.members) {
      if (other !== member && !scarce.some((index) => other.room.node.isBorrowing(index))) continue;
      for (const entry of other.admission.running) {
        if (entry.timesPreempted >= member.rules.mostPerJob || !mayStop(member, preemptor, other, entry)) continue;
        if (!other.room.dimensions.some(({ index }, place) => scarce.includes(index) && entry.placement!.amount[place]! > 0)) continue;
        found.push({ member: other, entry, cost: lostSecondsOf(entry.job, this.#now - entry.startedAt) * dominantShare(entry.placement!.amount, other.room.capacity) });
      }
    }
    const isOwn = (each: Candidate): number => (each.member === member ? 1 : 0);
    return found.sort((left, right) => isOwn(left) - isOwn(right) || left.entry.job.priority - right.entry.job.priority || left.cost - right.cost || right.entry.arrival - left.entry.arrival);
  }

  #elsewhere(member: Member): { amount: number[]; expectedEnd: number }[] {
    const ends: { amount: number[]; expectedEnd: number }[] = [];
    for (const other of this.members) {
      if (other === member) continue;
      const at = new Map(other.room.dimensions.map(({ index }, place) => [index, place]));
      for (const { placement, expectedEnd } of other.admission.running) ends.push({ expectedEnd, amount: member.room.dimensions.map(({ index }) => placement!.amount[at.get(index) ?? -1] ?? 0) });
    }
    return ends.sort((left, right) => left.expectedEnd - right.expectedEnd);
  }
}

interface Found { readonly targets: readonly Target[]; readonly placement: QuotaPlacement; readonly options: PlaceOptions }
interface Head { readonly entry: Entry; readonly placement: QuotaPlacement }

/** Whether it would borrow though the others are stopped. */
function isBorrowedAfter(room: QuotaRoom, placement: QuotaPlacement, targets: readonly Target[]): boolean {
  for (const { member, entry } of targets) member.room.give(entry.placement!);
  const isOwn = room.has(placement, { borrowing: false });
  for (const { member, entry } of targets) member.room.take(entry.placement!);
  return !isOwn;
}

function comesBefore(left: Head, right: Head): boolean {
  if (left.placement.borrows !== right.placement.borrows) return !left.placement.borrows;
  if (left.entry.job.priority !== right.entry.job.priority) return left.entry.job.priority > right.entry.job.priority;
  return left.entry.job.submittedAt < right.entry.job.submittedAt;
}

function mayStop({ rules, ...member }: Member, preemptor: Entry, other: Member, entry: Entry): boolean {
  const [own, its] = [preemptor.job.priority, entry.job.priority];
  if (other.name !== member.name) return rules.reclaim === 'Any' || (rules.reclaim === 'LowerPriority' && its < own);
  if (rules.within === 'Never' || its > own) return false;
  return its < own || (rules.within === 'LowerOrNewerEqualPriority' && preemptor.job.submittedAt < entry.job.submittedAt);
}
