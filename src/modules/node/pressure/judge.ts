/** What the node's observations mean: which thresholds are crossed, for how long, and which conditions hold (upstream: eviction manager). Pure. */
import { CONDITION_OF, type Amount, type PressureCondition, type PressureSettings, type Signal, type Threshold } from './settings.ts';

export interface Observation { available: number; capacity: number }
export type Observations = Partial<Record<Signal, Observation>>;

export interface PressureState {
  /** When a threshold that is crossed was first seen so, by its key. */
  firstMs: ReadonlyMap<string, number>;
  /** When a condition was last seen. */
  lastMs: ReadonlyMap<PressureCondition, number>;
  /** Crossed longer than their grace; the most urgent first: memory before all. */
  due: readonly Threshold[];
  conditions: ReadonlySet<PressureCondition>;
}

export const CALM: PressureState = { firstMs: new Map(), lastMs: new Map(), due: [], conditions: new Set() };

export function judge(settings: PressureSettings, observed: Observations, before: PressureState, nowMs: number): PressureState {
  const crossed = settings.thresholds.filter((each) => isCrossed(each, observed, { reclaim: before.due.some(({ key }) => key === each.key) }));
  const firstMs = new Map(crossed.map(({ key }) => [key, before.firstMs.get(key) ?? nowMs]));
  const lastMs = new Map(before.lastMs);
  for (const { signal } of crossed) lastMs.set(CONDITION_OF[signal], nowMs);
  const conditions = new Set([...lastMs].filter(([, ms]) => ms === nowMs || nowMs - ms < settings.transitionMs).map(([condition]) => condition));
  const due = crossed.filter(({ key, graceMs }) => nowMs - firstMs.get(key)! >= graceMs);
  return { firstMs, lastMs, conditions, due: due.toSorted((a, b) => rank(a) - rank(b)) };
}

/** With `reclaim` it counts as crossed until so much more is there. */
export function isCrossed(threshold: Threshold, observed: Observations, options: { reclaim: boolean }): boolean {
  const seen = observed[threshold.signal];
  if (seen === undefined) return false;
  const more = options.reclaim && threshold.reclaim !== undefined ? amountIn(threshold.reclaim, seen.capacity) : 0;
  return seen.available < amountIn(threshold.least, seen.capacity) + more;
}

export function amountIn(amount: Amount, capacity: number): number {
  return 'share' in amount ? amount.share * capacity : amount.value;
}

function rank({ signal, hard }: Threshold): number {
  return (signal === 'memory.available' ? 0 : 2) + (hard ? 0 : 1);
}
