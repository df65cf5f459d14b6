/** What the pods of a job amount to, before anything is done (upstream: syncJob, the first half). Pure. */
import { countIndexes, hasIndex, parseIndexes, withIndexes, type Indexes } from '../../../api/batch/indexes.ts';
import { COMPLETION_INDEX, TRACKING } from '../../../api/batch/job-labels.ts';
import type { Job } from '../../../api/generated/batch-v1.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { isPodActive, isPodReady, isPodTerminal } from '../../../api/pod-readiness.ts';
import { finishedMs, indexFailures } from './backoff.ts';
import { isPodFailed, judgeFailure } from './failure-policy.ts';

export interface JobView {
  job: Job;
  pods: readonly Pod[];
  nowMs: number;
  active: Pod[];
  ready: number;
  terminating: number;
  /** With the tracking finalizer: their end has not been counted in whole. */
  tracked: Pod[];
  succeeded: number;
  failed: number;
  /** Set for Indexed jobs. */
  indexes?: {
    /** As in the status. */
    counted: Indexes;
    succeeded: Indexes;
    /** Set with backoffLimitPerIndex. */
    failed?: Indexes;
    /** The last failed pod of each index that has no pod now: it stays tracked until its successor carries its failures on. */
    toReplace: ReadonlyMap<number, Pod>;
  };
}

/** `pods` are its own; `untracked` are uids whose finalizer is gone already, though the cache may not show it. */
export function viewJob(job: Job, pods: readonly Pod[], { untracked, nowMs }: { untracked: ReadonlySet<string>; nowMs: number }): JobView {
  const active = pods.filter(isPodActive);
  const tracked = pods.filter((each) => isTracked(each) && !untracked.has(each.metadata.uid ?? ''));
  const { succeeded: uncountedSucceeded = [], failed: uncountedFailed = [] } = job.status?.uncountedTerminatedPods ?? {};
  const isNew = (pod: Pod, uncounted: readonly string[]): boolean => !uncounted.includes(pod.metadata.uid ?? '') && isOfValidIndex(pod, job);
  const newSucceeded = tracked.filter((each) => isNew(each, uncountedSucceeded) && each.status?.phase === 'Succeeded');
  const newFailed = tracked.filter((each) => isNew(each, uncountedFailed) && isPodFailed(each, job));
  const view: JobView = {
    job, pods, nowMs, active, tracked, ready: active.filter(isPodReady).length,
    terminating: pods.filter((each) => each.metadata.deletionTimestamp !== undefined && !isPodTerminal(each)).length,
    succeeded: (job.status?.succeeded ?? 0) + newSucceeded.length + uncountedSucceeded.length,
    failed: (job.status?.failed ?? 0) + newFailed.filter((each) => judgeFailure(job.spec?.podFailurePolicy, each).counted).length + uncountedFailed.length,
  };
  if (isIndexed(job)) addIndexes(view, newSucceeded);
  return view;
}

function addIndexes(view: JobView, newSucceeded: readonly Pod[]): void {
  const { job, nowMs, tracked } = view;
  const counted = parseIndexes(job.status?.completedIndexes, completionsOf(job));
  const succeeded = withIndexes(counted, newSucceeded.map((each) => completionIndex(each)!));
  view.succeeded = countIndexes(succeeded);
  view.indexes = { counted, succeeded, toReplace: new Map() };
  if (!hasBackoffLimitPerIndex(job)) return;
  const candidates = tracked.filter((each) => isOfValidIndex(each, job));
  const failed = withIndexes(parseIndexes(job.status?.failedIndexes, completionsOf(job)), candidates.filter((each) => failsIndex(each, job)).map((each) => completionIndex(each)!));
  view.indexes.failed = failed;
  const active = new Set(view.active.map(completionIndex));
  const toReplace = new Map<number, Pod>();
  for (const pod of candidates) {
    const index = completionIndex(pod)!;
    if (!isPodFailed(pod, job) || hasIndex(succeeded, index) || hasIndex(failed, index) || active.has(index)) continue;
    const last = toReplace.get(index);
    if (last === undefined || (total(last) <= total(pod) && finishedMs(pod, nowMs) >= finishedMs(last, nowMs))) toReplace.set(index, pod);
  }
  view.indexes.toReplace = toReplace;
}

function total(pod: Pod): number {
  const { counted, ignored } = indexFailures(pod);
  return counted + ignored;
}

function failsIndex(pod: Pod, job: Job): boolean {
  if (!isPodFailed(pod, job)) return false;
  const { counted, action } = judgeFailure(job.spec?.podFailurePolicy, pod);
  return action === 'FailIndex' || (counted && indexFailures(pod).counted >= (job.spec?.backoffLimitPerIndex ?? 0));
}

export function isTracked(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(TRACKING) === true;
}

export function isIndexed({ spec }: Job): boolean {
  return spec?.completionMode === 'Indexed';
}

export function hasBackoffLimitPerIndex({ spec }: Job): boolean {
  return spec?.completionMode === 'Indexed' && spec.backoffLimitPerIndex !== undefined;
}

export function completionsOf({ spec }: Job): number {
  return spec?.completions ?? 0;
}

/** The completion index of a pod; undefined when it has none that can be read. */
export function completionIndex(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[COMPLETION_INDEX];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Pods of Indexed jobs whose index is none are not counted. */
export function isOfValidIndex(pod: Pod, job: Job): boolean {
  return !isIndexed(job) || (completionIndex(pod) ?? Infinity) < completionsOf(job);
}
