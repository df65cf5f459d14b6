/** What a PodDisruptionBudget allows, from its pods (upstream: disruption.go). Pure. */
import { withCondition } from '../../api/conditions.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '../../api/generated/policy-v1.ts';
import type { Condition } from '../../api/meta.ts';
import { isPodReady } from '../../api/pod-readiness.ts';
import { rfc3339 } from '../../base/clock.ts';

/** An evicted pod that is still not deleted after this long is taken to stay. */
export const DELETION_TIMEOUT_MS = 120_000;

/** Sizes of the controllers of the pods, each once; undefined where one cannot be found. */
export interface Scales {
  total: number;
  /** Pods that nobody controls. */
  unmanaged: string[];
}

export interface Expected {
  expectedPods: number;
  desiredHealthy: number;
  unmanaged: string[];
}

/** `scales` is asked only when the budget is a share, or counts what may be missing. */
export async function expectedOf({ spec }: PodDisruptionBudget, pods: readonly Pod[], scales: () => Promise<Scales>): Promise<Expected> {
  const { minAvailable, maxUnavailable } = spec ?? {};
  if (maxUnavailable !== undefined) {
    const { total, unmanaged } = await scales();
    return { expectedPods: total, desiredHealthy: Math.max(0, total - share(maxUnavailable, total)), unmanaged };
  }
  if (typeof minAvailable === 'string') {
    const { total, unmanaged } = await scales();
    return { expectedPods: total, desiredHealthy: share(minAvailable, total), unmanaged };
  }
  return minAvailable === undefined ? { expectedPods: 0, desiredHealthy: 0, unmanaged: [] } : { expectedPods: pods.length, desiredHealthy: minAvailable, unmanaged: [] };
}

/** Percentages are rounded up. */
function share(value: number | string, total: number): number {
  return typeof value === 'number' ? value : Math.ceil(((Number.parseInt(value, 10) || 0) * total) / 100);
}

export interface Disrupted {
  /** Pods that were evicted and are not deleted yet, with the time. */
  pods: Record<string, string>;
  /** Pods that were expected to be deleted, and were not. */
  spared: Pod[];
  waitMs: number | undefined;
}

export function disruptedOf({ status }: PodDisruptionBudget, pods: readonly Pod[], nowMs: number): Disrupted {
  const disrupted: Disrupted = { pods: {}, spared: [], waitMs: undefined };
  for (const pod of pods) {
    const name = pod.metadata.name ?? '';
    const atTime = status?.disruptedPods?.[name];
    if (atTime === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    const leftMs = Date.parse(atTime) + DELETION_TIMEOUT_MS - nowMs;
    if (leftMs < 0) disrupted.spared.push(pod);
    else {
      disrupted.pods[name] = atTime;
      disrupted.waitMs = Math.min(disrupted.waitMs ?? Infinity, leftMs + 1);
    }
  }
  return disrupted;
}

export function budgetStatus(budget: PodDisruptionBudget, pods: readonly Pod[], { expectedPods, desiredHealthy }: Expected, { disrupted, nowMs }: { disrupted: Disrupted; nowMs: number }): PodDisruptionBudgetStatus {
  const currentHealthy = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined && disrupted.pods[pod.metadata.name ?? ''] === undefined && isPodReady(pod)).length;
  const disruptionsAllowed = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  const observedGeneration = budget.metadata.generation ?? 0;
  return {
    disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods, ...(observedGeneration === 0 ? {} : { observedGeneration }),
    ...(Object.keys(disrupted.pods).length === 0 ? {} : { disruptedPods: disrupted.pods }),
    conditions: allowedCondition(budget, disruptionsAllowed > 0 ? { status: 'True', reason: 'SufficientPods' } : { status: 'False', reason: 'InsufficientPods' }, nowMs),
  };
}

/** Fails safe: nothing may be evicted while it cannot be told what is there. */
export function failedStatus(budget: PodDisruptionBudget, message: string, nowMs: number): PodDisruptionBudgetStatus {
  const none = { currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  return { ...none, ...budget.status, disruptionsAllowed: 0, conditions: allowedCondition(budget, { status: 'False', reason: 'SyncFailed', message }, nowMs) };
}

export function allowedCondition({ metadata, status }: PodDisruptionBudget, { status: is, reason, message = '' }: { status: 'True' | 'False'; reason: string; message?: string }, nowMs: number): Condition[] {
  return withCondition<Condition>(status?.conditions ?? [], { type: 'DisruptionAllowed', status: is, observedGeneration: metadata.generation, reason, message }, rfc3339(nowMs));
}
