/** The conditions of a JobSet, each with the event that tells of it. Pure. Source: kubernetes-sigs/jobset, updateCondition. */
import { rfc3339 } from '../../base/clock.ts';
import type { JobSetStatus } from '../../api/jobset/types.ts';

export interface Told { readonly type: 'Normal' | 'Warning'; readonly reason: string; readonly message: string }

/** What a reconcile makes of a status, and what it says when that is written. */
export interface Draft { readonly status: JobSetStatus; readonly told: readonly Told[] }

interface Wanted extends Told { readonly condition: string; readonly is?: 'True' | 'False' }

/** The time and words of a condition stay while it is as it was; one that is not there is not said to be false. */
export function withJobSetCondition({ status, told }: Draft, { condition, is = 'True', type, reason, message }: Wanted, nowMs: number): Draft {
  const before = status.conditions ?? [];
  const own = before.find((each) => each.type === condition);
  if (own?.status === is || (own === undefined && is === 'False')) return { status, told };
  const next = { type: condition, status: is, reason, message, lastTransitionTime: rfc3339(nowMs) };
  const other = is === 'True' ? EXCLUDES[condition] : undefined;
  const rest = before.map((each) => (each === own ? next : each.type === other && each.status === 'True' ? { ...each, status: 'False' as const } : each));
  return { status: { ...status, conditions: own === undefined ? [...rest, next] : rest }, told: [...told, { type, reason, message }] };
}

const EXCLUDES: Readonly<Record<string, string>> = { StartupPolicyInProgress: 'StartupPolicyCompleted', StartupPolicyCompleted: 'StartupPolicyInProgress' };

export const SUSPENDED: Wanted = { condition: 'Suspended', type: 'Normal', reason: 'SuspendedJobs', message: 'jobset is suspended' };
export const RESUMED: Wanted = { condition: 'Suspended', is: 'False', type: 'Normal', reason: 'ResumeJobs', message: 'jobset is resumed' };
export const COMPLETED: Wanted = { condition: 'Completed', type: 'Normal', reason: 'AllJobsCompleted', message: 'jobset completed successfully' };
export const STARTING: Wanted = { condition: 'StartupPolicyInProgress', type: 'Normal', reason: 'InOrderStartupPolicyInProgress', message: 'in order startup policy is in progress' };
export const STARTED: Wanted = { condition: 'StartupPolicyCompleted', type: 'Normal', reason: 'InOrderStartupPolicyCompleted', message: 'in order startup policy has completed' };
export const failed = (reason: string, message: string): Wanted => ({ condition: 'Failed', type: 'Warning', reason, message });
