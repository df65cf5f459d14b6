/** The conditions of a Workload, in Kueue's words. */
import type { AdmissionCheckState, Condition, Workload, WorkloadStatus } from '../../api/kueue/types.ts';
import { withCondition } from '../../api/conditions.ts';
import { rfc3339 } from '../../base/clock.ts';

/** The status with this condition; messages are cut to what the schema allows. */
export function withStatus(status: WorkloadStatus | undefined, type: string, value: 'True' | 'False', reason: string, message: string, now: { nowMs: number; generation?: number }): WorkloadStatus {
  const condition: Omit<Condition, 'lastTransitionTime'> = { type, status: value, reason, message: message.slice(0, 32_000), ...(now.generation !== undefined && { observedGeneration: now.generation }) };
  return { ...status, conditions: withCondition<Condition>(status?.conditions ?? [], condition, rfc3339(now.nowMs)) };
}

export function conditionOf({ status }: Pick<Workload, 'status'>, type: string): Condition | undefined {
  return status?.conditions?.find((each) => each.type === type);
}

export function is(workload: Pick<Workload, 'status'>, type: string): boolean {
  return conditionOf(workload, type)?.status === 'True';
}

/** It holds quota. */
export function isReserved(workload: Pick<Workload, 'status'>): boolean {
  return is(workload, 'QuotaReserved') && workload.status?.admission !== undefined;
}

/** When the condition last changed, in seconds since the epoch. */
export function sinceSeconds(workload: Workload, type: string): number | undefined {
  const at = Date.parse(conditionOf(workload, type)?.lastTransitionTime ?? '');
  return Number.isNaN(at) ? undefined : at / 1_000;
}

/**
 * Takes the workload's quota away, once nothing of it runs: it waits again. The time that it ran is remembered.
 * Source: Kueue, workload.UnsetQuotaReservationWithCondition.
 */
export function released(workload: Workload, reason: string, message: string, nowMs: number): WorkloadStatus {
  const { admission: _admission, admissionChecks, ...rest } = workload.status ?? {};
  const now = { nowMs, generation: workload.metadata.generation };
  let status: WorkloadStatus = withStatus(rest, 'QuotaReserved', 'False', reason, message, now);
  const admittedAt = is(workload, 'Admitted') ? sinceSeconds(workload, 'Admitted') : undefined;
  if (admittedAt !== undefined) {
    status = withStatus(status, 'Admitted', 'False', 'NoReservation', 'The workload has no reservation', now);
    status.accumulatedPastExexcutionTimeSeconds = (status.accumulatedPastExexcutionTimeSeconds ?? 0) + Math.max(0, Math.round(nowMs / 1_000 - admittedAt));
  }
  // Who is taken up again has its whole time anew.
  if (workload.spec.active === false) delete status.accumulatedPastExexcutionTimeSeconds;
  if (admissionChecks !== undefined) status.admissionChecks = admissionChecks.map((check) => resetCheck(check, nowMs));
  const { prediction: _prediction, ...bare } = status;
  return bare;
}

/** What it gave pods before is gone; whoever waits already goes on. Source: Kueue, workload/evict, resetChecksOnEviction. */
function resetCheck(check: AdmissionCheckState, nowMs: number): AdmissionCheckState {
  const { name, state, requeueAfterSeconds, retryCount = 0 } = check;
  if (state === 'Pending') return check;
  return { name, state: 'Pending', message: `Reset to Pending after eviction. Previously: ${state}`, lastTransitionTime: rfc3339(nowMs), ...(requeueAfterSeconds !== undefined && { requeueAfterSeconds }), ...(state === 'Retry' && { retryCount: retryCount + 1 }) };
}

/** Asks for the end of what runs of the workload. `cause`: what the reason is due to. Source: Kueue, workload.Evict. */
export function evicted(workload: Workload, reason: string, message: string, { nowMs, cause = '' }: { nowMs: number; cause?: string }): WorkloadStatus {
  const status = withStatus(workload.status, 'Evicted', 'True', reasonOf(reason, cause), message, { nowMs, generation: workload.metadata.generation });
  const before = status.schedulingStats?.evictions ?? [];
  const isSame = (each: (typeof before)[number]): boolean => each.reason === reason && each.underlyingCause === cause;
  return { ...status, schedulingStats: { evictions: [...before.filter((each) => !isSame(each)), { reason, underlyingCause: cause, count: (before.find(isSame)?.count ?? 0) + 1 }] } };
}

/** As conditions and events have it: only who was deactivated is told the cause there. */
export function reasonOf(reason: string, cause = ''): string {
  return cause === '' || reason !== 'Deactivated' ? reason : `${reason}DueTo${cause}`;
}
