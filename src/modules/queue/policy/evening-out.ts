/** Tenants that wait with less than their share get places of those that have the most, as long as not too much work is lost by it; share-preemption.ts says whose. */
import type { FairPending, TenantUse } from './fair-share.ts';
import type { Entry } from './job.ts';
import type { Resources } from './resources.ts';
import type { Placement } from './room.ts';
import { exchangeFor, type SharePreemptionOptions } from './share-preemption.ts';

/** So much of the whole machine's work may be lost before anything was served. */
const FREE_LOSS_SECONDS = 600;

export interface EveningOutInput {
  readonly pending: FairPending;
  readonly use: TenantUse;
  readonly capacity: Resources;
  /** What is free now. */
  free(): Resources;
  place(entry: Entry, available: Resources): Placement | undefined;
}

export class EveningOut {
  readonly #options: SharePreemptionOptions;
  readonly #input: EveningOutInput;
  /** Of the served work, what was done in vain because others took the place. */
  #lost = 0;

  constructor(options: SharePreemptionOptions, input: EveningOutInput) {
    this.#options = options;
    this.#input = input;
  }

  /** `servedWork`, in dominant shares times seconds, bounds what may be lost. `exchange` stops the victims and starts the entry, as far as it has a place then. */
  run(now: number, servedWork: number, exchange: (entry: Entry, victims: readonly Entry[]) => void): void {
    const { pending, use, capacity, free, place } = this.#input;
    const given = new Set<string>();
    while (pending.size > 0) {
      const least = this.#poorest(given);
      if (least === undefined) return;
      given.add(least.job.id);
      const there = new Set([...use.holders().map(({ name }) => name), ...[...pending.heads()].map(({ job }) => job.tenant)]);
      const allowed = FREE_LOSS_SECONDS + this.#options.lostPart * servedWork;
      const found = exchangeFor(least, { use, capacity, fairShare: 1 / there.size, free: free(), now, mayLose: allowed - this.#lost, keptForPoor: allowed / 4, place }, this.#options);
      if (found === undefined) continue;
      this.#lost += found.lost;
      exchange(least, found.victims);
    }
  }

  /** The first job of the tenant with the least, if that is less than the most that anybody has. */
  #poorest(given: ReadonlySet<string>): Entry | undefined {
    const { pending, use } = this.#input;
    let least: Entry | undefined;
    let leastShare = use.holders()[0]?.share ?? 0;
    for (const entry of pending.heads()) {
      if (given.has(entry.job.id)) continue;
      const share = use.shareOf(entry.job.tenant);
      if (share < leastShare) [least, leastShare] = [entry, share];
    }
    return least;
  }
}
