/** Which pods a job wants made and which deleted (upstream: manageJob). Pure. */
import { lowestOutside, withIndexes } from '../../../api/batch/indexes.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { podsToDelete } from '../replica-set/deletion-order.ts';
import { indexBackoffMs, jobBackoffMs } from './backoff.ts';
import { isPodFailed, replacesOnlyFailed } from './failure-policy.ts';
import { completionIndex, completionsOf, hasBackoffLimitPerIndex, isIndexed, type JobView } from './view.ts';

/** At most so many pods are made or deleted in one round (upstream: MaxPodCreateDeletePerSync). */
const BURST = 500;

export interface JobPlan {
  /** One entry a pod: its completion index, or undefined. */
  create: (number | undefined)[];
  remove: Pod[];
  /** The back-off: look again after this long. */
  waitMs?: number;
}

export function planJob(view: JobView): JobPlan {
  const { job, active } = view;
  if (job.spec?.suspend === true) return { create: [], remove: [...active] };
  const wanted = wantedActive(view);
  const remove = surplus(view, Math.max(0, active.length - wanted)).slice(0, BURST);
  if (remove.length > 0) return { create: [], remove };
  const missing = wanted - active.length - (replacesOnlyFailed(job) ? view.terminating : 0);
  return missing <= 0 ? { create: [], remove: [] } : { remove: [], ...creations(view, Math.min(missing, BURST)) };
}

function wantedActive({ job, active, succeeded }: JobView): number {
  const parallelism = job.spec?.parallelism ?? 1;
  if (job.spec?.completions === undefined) return succeeded > 0 ? active.length : parallelism;
  return Math.max(0, Math.min(parallelism, job.spec.completions - succeeded));
}

function creations(view: JobView, count: number): Pick<JobPlan, 'create' | 'waitMs'> {
  const { job, nowMs, indexes } = view;
  if (!hasBackoffLimitPerIndex(job)) {
    // Pods that were deleted because they were too many are tracked no more, and no failures.
    const failed = view.pods.filter((each) => each.status?.phase === 'Failed' || (isPodFailed(each, job) && view.tracked.includes(each)));
    const waitMs = jobBackoffMs(failed, view.pods.filter((each) => each.status?.phase === 'Succeeded'), nowMs);
    if (waitMs > 0) return { create: [], waitMs };
    return { create: isIndexed(job) ? pendingIndexes(view, count) : Array.from({ length: count }, () => undefined) };
  }
  const waits = pendingIndexes(view, count).map((index) => ({ index, waitMs: indexBackoffMs(indexes?.toReplace.get(index), nowMs) }));
  const due = waits.filter(({ waitMs }) => waitMs === 0).map(({ index }) => index);
  if (due.length === waits.length) return { create: due };
  return { create: due, waitMs: Math.min(...waits.filter(({ waitMs }) => waitMs > 0).map(({ waitMs }) => waitMs)) };
}

/** The lowest indexes that have neither ended nor a pod. */
function pendingIndexes({ job, pods, active, indexes }: JobView, count: number): number[] {
  const busy = replacesOnlyFailed(job) ? pods.filter((each) => each.metadata.deletionTimestamp !== undefined && each.status?.phase !== 'Failed' && each.status?.phase !== 'Succeeded') : [];
  const held = [...active, ...busy].map(completionIndex).filter((each) => each !== undefined);
  const failed = (indexes?.failed ?? []).flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, offset) => first + offset));
  return lowestOutside(withIndexes(indexes?.succeeded ?? [], [...held, ...failed]), count, completionsOf(job));
}

/** Pods to delete: those without a valid index or beside another of the same index, then as many as are too many. */
function surplus({ job, active, nowMs }: JobView, atLeast: number): Pod[] {
  const remove: Pod[] = [];
  let left = active;
  if (isIndexed(job)) {
    left = [];
    const seen = new Set<number>();
    for (const pod of [...active].sort((a, b) => readiness(b) - readiness(a) || text(a).localeCompare(text(b)))) {
      const index = completionIndex(pod);
      if (index === undefined || index >= completionsOf(job) || seen.has(index)) remove.push(pod);
      else {
        seen.add(index);
        left.push(pod);
      }
    }
  }
  if (remove.length < atLeast) remove.push(...podsToDelete(left, undefined, { count: atLeast - remove.length, nowMs }));
  return remove;
}

function readiness(pod: Pod): number {
  return pod.status?.phase === 'Running' ? 2 : pod.spec?.nodeName ? 1 : 0;
}

function text({ metadata }: Pod): string {
  return metadata.creationTimestamp ?? '';
}
