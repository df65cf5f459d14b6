/**
 * Who is stopped so that a tenant with less than others gets its share: jobs of those that have the most, those first that lose the least. Only who still has at least
 * as much afterwards as the one who gets it is asked, so that nobody takes it back: there are no cycles.
 * Source: Kueue, KEP-1714 Fair Sharing, rule S2-a.
 */
import type { TenantUse } from './fair-share.ts';
import { lostSecondsOf, type Entry } from './job.ts';
import { add, dominantShare, fits, type Resources } from './resources.ts';
import type { Placement } from './room.ts';

export interface SharePreemptionOptions {
  /** A job is stopped at most so often. */
  readonly mostPerJob: number;
  /** The part of all work that may be lost by it, 0 to 1. */
  readonly lostPart: number;
}

export interface Situation {
  readonly use: TenantUse;
  readonly capacity: Resources;
  readonly free: Resources;
  readonly now: number;
  /** What each of those that have something or want something would have if all had the same. */
  readonly fairShare: number;
  /** Dominant share times seconds that may still be lost. */
  readonly mayLose: number;
  /** Of it, what only those may have who have nothing. */
  readonly keptForPoor: number;
  place(entry: Entry, available: Resources): Placement | undefined;
}

export interface Exchange {
  readonly victims: readonly Entry[];
  readonly placement: Placement;
  readonly lost: number;
}

/** Undefined where it cannot be had in a fair way. */
export function exchangeFor(entry: Entry, { use, capacity, free, now, mayLose, keptForPoor, fairShare, place }: Situation, { mostPerJob }: SharePreemptionOptions): Exchange | undefined {
  const wish = dominantShare(entry.job.request, capacity) / use.weightOf(entry.job.tenant);
  const before = use.shareOf(entry.job.tenant);
  // Who has nothing gets its first job even where that is more than its share: others keep theirs.
  if (before > 0 && before + wish > fairShare) return undefined;
  const after = Math.min(before + wish, fairShare);
  // What may be lost is kept for those who have nothing; others may have three quarters of it, and no more than what they will do with the place.
  const most = before > 0 ? Math.min(mayLose - keptForPoor, wish * entry.expectedSeconds) : mayLose;
  const available = [...free];
  const candidates: Entry[] = [];
  for (const { name, share, running } of use.holders()) {
    if (share <= after) break;
    if (name === entry.job.tenant) continue;
    for (const each of running) if (each.timesPreempted < mostPerJob && each.startedAt < now && each.trialSeconds === 0 && helps(each, entry)) candidates.push(each);
  }
  candidates.sort((left, right) => costOf(left, now) - costOf(right, now));
  const taken = new Map<string, number[]>();
  const victims: Entry[] = [];
  let lost = 0;
  for (const victim of candidates) {
    const { tenant } = victim.job;
    const { amount } = victim.placement!;
    const less = (taken.get(tenant) ?? capacity.map(() => 0)).map((each, index) => each + amount[index]!);
    if (use.shareOf(tenant, less) < after) continue;
    lost += costOf(victim, now) * dominantShare(amount, capacity);
    if (lost > most) return undefined;
    victims.push(victim);
    taken.set(tenant, less);
    add(available, amount);
    const placement = place(entry, available);
    if (placement !== undefined) return { ...withoutNeedless(victims, available, placement), lost };
  }
  return undefined;
}

/** Whether it has something of what the job asks for. */
function helps({ placement }: Entry, { job }: Entry): boolean {
  return placement!.amount.some((amount, index) => amount > 0 && job.request[index]! > 0);
}

function costOf({ job, startedAt }: Entry, now: number): number {
  return lostSecondsOf(job, now - startedAt);
}

/** Those whose places the job does not need after all go on. */
export function withoutNeedless(victims: readonly Entry[], available: readonly number[], placement: Placement): { victims: Entry[]; placement: Placement } {
  const left = [...available];
  const needed = victims.toReversed().filter((victim) => {
    const rest = left.map((amount, index) => amount - victim.placement!.amount[index]!);
    if (!fits(placement.amount, rest)) return true;
    for (const [index, amount] of rest.entries()) left[index] = amount;
    return false;
  });
  return { victims: needed.reverse(), placement };
}
