/** Costs that are borne by others than those that had them: what is idle, and what is there for everybody. They change the allocations. Pure otherwise. */
import type { Allocation } from './allocation-fields.ts';
import type { Filter } from './filter.ts';

export interface Sharing {
  isShared: Filter;
  /** By what each costs itself, or the same for all. */
  split: 'weighted' | 'even';
}

/** Who is not shown bears a part all the same. */
export function shareIdle(allocations: readonly Allocation[], idle: Allocation, whole: number): void {
  for (const each of allocations) {
    const part = whole === 0 ? 0 : (each.cpuCost + each.ramCost) / whole;
    each.cpuCostIdle = part * idle.cpuCost;
    each.ramCostIdle = part * idle.ramCost;
    each.cpuCost += each.cpuCostIdle;
    each.ramCost += each.ramCostIdle;
    each.totalCost += part * idle.totalCost;
  }
}

/** `whole`: the costs of all that bear a part, shown or not. */
export function shareCosts(allocations: readonly Allocation[], { whole, shared, split }: { whole: readonly number[]; shared: readonly number[]; split: Sharing['split'] }): void {
  const cost = sum(shared);
  if (cost === 0) return;
  const all = sum(whole);
  for (const each of allocations) {
    each.sharedCost = split === 'even' || all === 0 ? cost / whole.length : (cost * each.totalCost) / all;
    each.totalCost += each.sharedCost;
  }
}

function sum(costs: readonly number[]): number {
  return costs.reduce((total, each) => total + each, 0);
}
