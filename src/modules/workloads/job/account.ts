/**
 * Counts ended pods without losing or counting one twice (upstream: trackJobStatusAndRemoveFinalizers): first the status names them as
 * uncounted, then they lose their finalizer, then the counters go up and the names go. Pure; the writes between are the caller's.
 */
import { formatIndexes, hasIndex, withIndexes } from '../../../api/batch/indexes.ts';
import type { JobStatus } from '../../../api/generated/batch-v1.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { isPodFailed, judgeFailure } from './failure-policy.ts';
import { jobCondition, withJobCondition, type Verdict } from './verdict.ts';
import { completionIndex, isIndexed, isOfValidIndex, type JobView } from './view.ts';

/** At most so many uids stand in the status (upstream: MaxUncountedPods). */
const MOST_UNCOUNTED = 500;

export interface Accounting {
  /** To be written before the finalizers are removed. */
  status: JobStatus;
  untrack: Pod[];
  /** There are more pods to count than fit: the job cannot end in this round. */
  partial: boolean;
}

/** `status` is that of the job with everything but the counts of ended pods. */
export function accountEnded(view: JobView, status: JobStatus, verdict: Verdict | undefined): Accounting {
  const tracked = new Set(view.tracked.map(({ metadata }) => metadata.uid ?? ''));
  const next = settleUncounted(status, (uid) => tracked.has(uid));
  const uncounted = { succeeded: [...(next.uncountedTerminatedPods?.succeeded ?? [])], failed: [...(next.uncountedTerminatedPods?.failed ?? [])] };
  const newIndexes: number[] = [];
  const untrack: Pod[] = [];
  let partial = false;
  for (const pod of inOrderOfIndex(view)) {
    const isFailed = isPodFailed(pod, view.job);
    if (!mayUntrack(view, pod, { isFailed, verdict })) continue;
    untrack.push(pod);
    countPod(view, pod, { isFailed, verdict, uncounted, newIndexes });
    partial = newIndexes.length + uncounted.succeeded.length + uncounted.failed.length >= MOST_UNCOUNTED;
    if (partial) break;
  }
  next.uncountedTerminatedPods = compact(uncounted);
  if (view.indexes !== undefined) {
    const { counted, failed } = view.indexes;
    const completed = withIndexes(counted, newIndexes);
    next.completedIndexes = formatIndexes(completed);
    next.succeeded = completed.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    if (failed !== undefined) next.failedIndexes = formatIndexes(failed);
  }
  if (verdict !== undefined) next.conditions = withJobCondition(next.conditions ?? [], verdict);
  return { status: next, untrack, partial };
}

interface Counting {
  isFailed: boolean;
  verdict: Verdict | undefined;
  uncounted: { succeeded: string[]; failed: string[] };
  newIndexes: number[];
}

function countPod({ job, indexes }: JobView, pod: Pod, { isFailed, verdict, uncounted, newIndexes }: Counting): void {
  const uid = pod.metadata.uid ?? '';
  if (pod.status?.phase === 'Succeeded' && !uncounted.failed.includes(uid)) {
    const index = completionIndex(pod);
    if (!isIndexed(job)) {
      if (!uncounted.succeeded.includes(uid)) uncounted.succeeded.push(uid);
    } else if (index !== undefined && isOfValidIndex(pod, job) && !hasIndex(indexes?.counted ?? [], index) && !newIndexes.includes(index)) newIndexes.push(index);
    return;
  }
  // When the job has failed, every pod that has not ended counts as failed.
  if (!isFailed && verdict?.type !== 'FailureTarget') return;
  if (uncounted.failed.includes(uid) || !isOfValidIndex(pod, job)) return;
  if (judgeFailure(job.spec?.podFailurePolicy, pod).counted) uncounted.failed.push(uid);
}

/** The finalizer may go when the pod has ended, or the job has; but a failed pod whose index waits for its successor keeps it. */
function mayUntrack({ job, indexes }: JobView, pod: Pod, { isFailed, verdict }: Pick<Counting, 'isFailed' | 'verdict'>): boolean {
  if (job.metadata.deletionTimestamp !== undefined || verdict !== undefined || pod.status?.phase === 'Succeeded') return true;
  return isFailed && indexes?.toReplace.get(completionIndex(pod) ?? -1) !== pod;
}

function inOrderOfIndex({ tracked, indexes }: JobView): readonly Pod[] {
  return indexes === undefined ? tracked : tracked.toSorted((left, right) => (completionIndex(left) ?? -1) - (completionIndex(right) ?? -1));
}

/** Counts the uncounted pods of which `isTracked` is false, and takes their names away. */
export function settleUncounted(status: JobStatus, isTracked: (uid: string) => boolean): JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const left = { succeeded: succeeded.filter(isTracked), failed: failed.filter(isTracked) };
  const next: JobStatus = { ...status, uncountedTerminatedPods: compact(left) };
  if (succeeded.length > left.succeeded.length) next.succeeded = (status.succeeded ?? 0) + succeeded.length - left.succeeded.length;
  if (failed.length > left.failed.length) next.failed = (status.failed ?? 0) + failed.length - left.failed.length;
  return next;
}

function compact({ succeeded, failed }: { succeeded: string[]; failed: string[] }): NonNullable<JobStatus['uncountedTerminatedPods']> {
  return { ...(succeeded.length > 0 ? { succeeded } : {}), ...(failed.length > 0 ? { failed } : {}) };
}

/** The status with Complete or Failed, once everything is counted and has ended; undefined when that is not so yet. */
export function finishedStatus(status: JobStatus, verdict: Verdict, nowMs: number): JobStatus | undefined {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  if (succeeded.length + failed.length > 0 || (status.terminating ?? 0) > 0 || (status.active ?? 0) > 0) return undefined;
  const isComplete = verdict.type === 'SuccessCriteriaMet';
  const last = jobCondition(isComplete ? 'Complete' : 'Failed', 'True', verdict.reason ?? '', verdict.message ?? '', nowMs);
  return { ...status, conditions: withJobCondition(status.conditions ?? [], last), ...(isComplete ? { completionTime: rfc3339(nowMs) } : {}) };
}

/** Go leaves zero counts and empty texts out of the JSON, all but those that are pointers, and so do we. */
export function withoutZeros(status: JobStatus): JobStatus {
  const counts = { ...status } as Record<string, unknown>;
  for (const name of ['active', 'succeeded', 'failed', 'completedIndexes']) if (counts[name] === 0 || counts[name] === '') delete counts[name];
  if ((counts['conditions'] as unknown[] | undefined)?.length === 0) delete counts['conditions'];
  return counts as JobStatus;
}
