/**
 * Fair share: the next place goes to the tenant that has had the least for its weight, by its dominant share now and by what it used lately.
 * Source: Ghodsi et al., Dominant Resource Fairness, NSDI 2011; the decay of past use as in the multifactor priority of batch systems.
 */
import type { Entry } from './job.ts';
import { SortedPending, type Compare, type Pending } from './pending.ts';
import { add, dominantShare, subtract, type Resources } from './resources.ts';

export interface FairShareOptions {
  readonly capacity: Resources;
  /** After so many seconds past use counts half. */
  readonly halfLifeSeconds: number;
  /** How much past use counts beside the present share; 0 is plain dominant resource fairness. */
  readonly pastPart: number;
  /** What a part of each resource counts, in the order of the capacity; default 1. */
  readonly resourceWeights?: readonly number[];
  /** Of each tenant, 1 by default. */
  readonly weights?: Readonly<Record<string, number>>;
}

interface Tenant {
  readonly name: string;
  readonly weight: number;
  readonly holds: number[];
  readonly running: Set<Entry>;
  /** The mean dominant share over the past, each second weighted by its decay: 0 to 1. */
  past: number;
  pastAt: number;
}

/** Who holds and who held how much. */
export class TenantUse {
  readonly #options: FairShareOptions;
  /** Of each resource, so much is the whole by its weight. */
  readonly #whole: Resources;
  readonly #tenants = new Map<string, Tenant>();

  constructor(options: FairShareOptions) {
    this.#options = options;
    this.#whole = options.capacity.map((amount, index) => amount / (options.resourceWeights?.[index] ?? 1));
  }

  started(entry: Entry, now: number): void {
    const tenant = this.#settled(entry.job.tenant, now);
    add(tenant.holds, entry.placement!.amount);
    tenant.running.add(entry);
  }

  stopped(entry: Entry, now: number): void {
    const tenant = this.#settled(entry.job.tenant, now);
    subtract(tenant.holds, entry.placement!.amount);
    tenant.running.delete(entry);
  }

  /** What the tenant has for its weight; the least comes first. */
  score(name: string, now: number): number {
    const tenant = this.#settled(name, now);
    return (dominantShare(tenant.holds, this.#whole) + this.#options.pastPart * tenant.past) / tenant.weight;
  }

  /** What the tenant has now for its weight, were it less by so much. */
  shareOf(name: string, less?: Resources): number {
    const tenant = this.#tenants.get(name);
    if (tenant === undefined) return 0;
    const holds = less === undefined ? tenant.holds : tenant.holds.map((amount, index) => amount - less[index]!);
    return dominantShare(holds, this.#whole) / tenant.weight;
  }

  weightOf(name: string): number {
    return this.#options.weights?.[name] ?? 1;
  }

  /** Who has something, the one with the most for its weight first. */
  holders(): { name: string; share: number; running: ReadonlySet<Entry> }[] {
    const holders: { name: string; share: number; running: ReadonlySet<Entry> }[] = [];
    for (const { name, running } of this.#tenants.values()) if (running.size > 0) holders.push({ name, share: this.shareOf(name), running });
    return holders.sort((left, right) => right.share - left.share);
  }

  #settled(name: string, now: number): Tenant {
    let tenant = this.#tenants.get(name);
    if (tenant === undefined) {
      tenant = { name, weight: this.#options.weights?.[name] ?? 1, holds: this.#options.capacity.map(() => 0), running: new Set(), past: 0, pastAt: now };
      this.#tenants.set(name, tenant);
    }
    if (now > tenant.pastAt) {
      const keep = 2 ** ((tenant.pastAt - now) / this.#options.halfLifeSeconds);
      tenant.past = tenant.past * keep + dominantShare(tenant.holds, this.#whole) * (1 - keep);
      tenant.pastAt = now;
    }
    return tenant;
  }
}

/** The jobs that wait, those of the tenant with the least first; within a tenant by `compare`. */
export class FairPending implements Pending {
  readonly #compare: Compare;
  readonly #use: TenantUse;
  readonly #now: () => number;
  readonly #queues = new Map<string, SortedPending>();
  #size = 0;

  constructor(use: TenantUse, compare: Compare, now: () => number) {
    this.#use = use;
    this.#compare = compare;
    this.#now = now;
  }

  get size(): number {
    return this.#size;
  }

  add(entry: Entry): void {
    let queue = this.#queues.get(entry.job.tenant);
    if (queue === undefined) this.#queues.set(entry.job.tenant, (queue = new SortedPending(this.#compare)));
    queue.add(entry);
    this.#size++;
  }

  remove(entry: Entry): boolean {
    const queue = this.#queues.get(entry.job.tenant);
    if (queue?.remove(entry) !== true) return false;
    this.#size--;
    if (queue.size === 0) this.#queues.delete(entry.job.tenant);
    return true;
  }

  /** The first job of each tenant that has one waiting. */
  *heads(): Iterable<Entry> {
    for (const queue of this.#queues.values()) for (const entry of queue.inOrder()) {
      yield entry;
      break;
    }
  }

  walk(visit: (entry: Entry) => boolean): void {
    for (const entry of this.inOrder()) if (!visit(entry)) return;
  }

  *inOrder(): Iterable<Entry> {
    const walks = new Map([...this.#queues].map(([tenant, queue]) => [tenant, queue.inOrder()[Symbol.iterator]()]));
    while (walks.size > 0) {
      // A tenant whose job was just let in has a greater share now, so the least is looked for anew each time.
      let least: string | undefined;
      let leastScore = Infinity;
      for (const tenant of walks.keys()) {
        const score = this.#use.score(tenant, this.#now());
        if (score < leastScore) [least, leastScore] = [tenant, score];
      }
      const next = walks.get(least!)!.next();
      if (next.done === true) walks.delete(least!);
      else yield next.value;
    }
  }
}
