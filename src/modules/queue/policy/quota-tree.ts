/**
 * Quota that queues lend to each other: a tree of cohorts with queues as leaves. Each node has quota of its own, lends what it may, and borrows within its limit.
 * Source: Kueue, KEP-79 Hierarchical Cohorts; the reckoning of available, guaranteed and lent quota is that of its resource nodes.
 */
import type { Resources } from './resources.ts';

export interface QuotaOptions {
  readonly name: string;
  readonly parent?: QuotaNode;
  /** In the order of the resources of the whole tree; 0 for those that it does not have. */
  readonly nominal: Resources;
  /** Infinity where there is no limit. */
  readonly borrowingLimit: Resources;
  readonly lendingLimit: Resources;
  /** For fair sharing; default 1. */
  readonly weight?: number;
}

export class QuotaNode {
  readonly name: string;
  readonly parent: QuotaNode | undefined;
  readonly nominal: Resources;
  readonly weight: number;
  readonly #borrowingLimit: Resources;
  readonly #lendingLimit: Resources;
  /** Of itself, and what its children lend. */
  readonly #subtree: number[];
  readonly #usage: number[];

  /** Parents are made first; a node adds what it lends to them. */
  constructor({ name, parent, nominal, borrowingLimit, lendingLimit, weight = 1 }: QuotaOptions) {
    this.weight = weight;
    this.name = name;
    this.parent = parent;
    this.nominal = nominal;
    this.#borrowingLimit = borrowingLimit;
    this.#lendingLimit = lendingLimit;
    this.#subtree = nominal.map(() => 0);
    this.#usage = nominal.map(() => 0);
    this.#grow(nominal);
  }

  usage(index: number): number {
    return this.#usage[index]!;
  }

  /** Whether it uses, or with `more` would use, more than its own. */
  isBorrowing(index: number, more = 0): boolean {
    return this.parent !== undefined && this.exceeds(index, more);
  }

  /** Whether more than its own is used here, or would be with `more`; of the root, too. */
  exceeds(index: number, more = 0): boolean {
    return this.#usage[index]! + more > this.#subtree[index]!;
  }

  /** How far up the tree there is quota for the amount: 0 for what is its own, 1 for what its cohort has, and so on. Source: Kueue, FindHeightOfLowestSubtreeThatFits. */
  distance(index: number, amount: number): number {
    return this.parent === undefined || !this.exceeds(index, amount) ? 0 : 1 + this.parent.distance(index, this.beyondKept(index, amount));
  }

  /** How much of the amount it would have to take of its parent. */
  beyondKept(index: number, amount: number): number {
    return Math.max(0, amount - Math.max(0, this.#own(index) - this.#usage[index]!));
  }

  /** What may still be taken here. Less than 0 when quota was taken away. */
  available(index: number): number {
    const used = this.#usage[index]!;
    if (this.parent === undefined) return this.#subtree[index]! - used;
    const own = this.#own(index);
    const lentUp = this.#subtree[index]! - own;
    const usedAbove = Math.max(0, used - own);
    return Math.max(0, own - used) + Math.min(this.parent.available(index), lentUp - usedAbove + this.#borrowingLimit[index]!);
  }

  /** What could be taken here if nothing were used anywhere. */
  potential(index: number): number {
    if (this.parent === undefined) return this.#subtree[index]!;
    return Math.min(this.#own(index) + this.parent.potential(index), this.#subtree[index]! + this.#borrowingLimit[index]!);
  }

  /** What may be taken without borrowing. */
  unborrowed(index: number): number {
    return Math.min(this.available(index), this.#subtree[index]! - this.#usage[index]!);
  }

  /**
   * How much of what its cohort could lend it has borrowed, of the resource of which that is the most, for its weight: 0 for who borrows nothing, Infinity for who borrows with
   * no weight. `indexes`: of each resource, its flavors. Source: Kueue, dominantResourceShare.
   */
  share(indexes: readonly (readonly number[])[]): number {
    let most = 0;
    for (const flavors of indexes) {
      let [borrowed, lendable] = [0, 0];
      for (const index of flavors) {
        borrowed += Math.max(0, this.#usage[index]! - this.#subtree[index]!);
        lendable += this.parent?.potential(index) ?? 0;
      }
      if (borrowed > 0 && lendable > 0) most = Math.max(most, borrowed / lendable);
    }
    return most === 0 ? 0 : this.weight > 0 ? most / this.weight : Infinity;
  }

  /** Takes, or with a negative amount gives back; what it has no own quota for is taken of its parent. */
  take(index: number, amount: number): void {
    const own = this.#own(index);
    const before = Math.max(0, this.#usage[index]! - own);
    this.#usage[index]! += amount;
    const after = Math.max(0, this.#usage[index]! - own);
    if (after !== before) this.parent?.take(index, after - before);
  }

  /** Kept for itself: nobody else may have it. */
  #own(index: number): number {
    return Math.max(0, this.#subtree[index]! - this.#lendingLimit[index]!);
  }

  #grow(more: Resources): void {
    const before = more.map((_, index) => this.#subtree[index]! - this.#own(index));
    for (const [index, amount] of more.entries()) this.#subtree[index]! += amount;
    if (this.parent !== undefined) this.parent.#grow(before.map((lent, index) => this.#subtree[index]! - this.#own(index) - lent));
  }
}
