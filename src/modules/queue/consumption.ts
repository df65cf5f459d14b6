/**
 * What each LocalQueue used lately, as a mean over the past in which each second counts the less, the longer ago it is: the figure that queues with admission fair sharing show.
 * Source: Kueue, KEP-4136 Admission Fair Sharing (consumedResources).
 */
import type { FlavorUsage, LocalQueue } from '../../api/kueue/types.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { UseSharing } from './configuration.ts';
import { amountOf, quantityFor } from './demand.ts';

type Shown = NonNullable<NonNullable<LocalQueue['status']>['fairSharing']>;

interface Use {
  /** Of each resource, as of the time `atMs`. */
  consumed: ReadonlyMap<string, number>;
  /** What it has used since then. */
  uses: ReadonlyMap<string, number>;
  atMs: number;
}

export interface Consumption {
  /** What to show of the queue, and when to look again. `usage`: what it uses from now on. */
  of(queue: LocalQueue, usage: readonly FlavorUsage[], nowMs: number): { shown: Shown; againAfterMs: number };
  forget(key: string): void;
}

export function createConsumption({ halfLifeSeconds, samplingSeconds }: Pick<UseSharing, 'halfLifeSeconds' | 'samplingSeconds'>): Consumption {
  const known = new Map<string, Use>();
  return {
    of(queue, usage, nowMs) {
      const key = `${queue.metadata.namespace}/${queue.metadata.name}`;
      const before = known.get(key) ?? toldBefore(queue, nowMs);
      const consumed = decayed(before, Math.max(0, nowMs - before.atMs) / 1_000, halfLifeSeconds);
      known.set(key, { consumed, uses: totals(usage), atMs: nowMs });
      const told = queue.status?.fairSharing?.admissionFairSharingStatus;
      const dueMs = told === undefined ? 0 : Date.parse(told.lastUpdate) + samplingSeconds * 1_000 - nowMs;
      // Nobody is written to more often than that for this alone.
      if (dueMs > 0) return { shown: queue.status!.fairSharing!, againAfterMs: dueMs };
      const consumedResources = Object.fromEntries([...consumed].map(([resource, amount]) => [resource, quantityFor(resource, amount)]));
      return { shown: { weightedShare: 0, admissionFairSharingStatus: { consumedResources, lastUpdate: rfc3339(nowMs) } }, againAfterMs: samplingSeconds * 1_000 };
    },
    forget: (key) => void known.delete(key),
  };
}

/** After a restart: what it was told to have used, and that it has used what it did then since. */
function toldBefore({ status }: LocalQueue, nowMs: number): Use {
  const { consumedResources = {}, lastUpdate } = status?.fairSharing?.admissionFairSharingStatus ?? {};
  const consumed = new Map(Object.entries(consumedResources).map(([resource, quantity]) => [resource, amountOf(resource, quantity)]));
  return { consumed, uses: totals(status?.flavorUsage ?? []), atMs: lastUpdate === undefined ? nowMs : Date.parse(lastUpdate) };
}

/** Half of what is between what was consumed and what is used is made good in each half-life. */
function decayed({ consumed, uses }: Use, seconds: number, halfLifeSeconds: number): ReadonlyMap<string, number> {
  if (halfLifeSeconds === 0) return new Map();
  const keep = 2 ** (-seconds / halfLifeSeconds);
  return new Map([...new Set([...consumed.keys(), ...uses.keys()])].map((resource) => [resource, (consumed.get(resource) ?? 0) * keep + (uses.get(resource) ?? 0) * (1 - keep)]));
}

function totals(usage: readonly FlavorUsage[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { name, total } of usage.flatMap(({ resources }) => resources)) sums.set(name, (sums.get(name) ?? 0) + amountOf(name, total));
  return sums;
}
