/** Jobs in queues: one set of pods, which may run narrower than it would like. Source: Kueue, jobs/job. */
import { isJobCondition, isJobFinished } from '../../api/batch/job-status-validation.ts';
import { Job } from '../../api/batch/job.ts';
import { COMPLETIONS_EQUAL_PARALLELISM, ELASTIC, MAIN, MIN_PARALLELISM } from '../../api/kueue/names.ts';
import type { PodSet } from '../../api/kueue/types.ts';
import { asksToBeElastic, isTrue } from './asks.ts';
import type { Integration } from './framework.ts';
import { topologyRequestOf } from './pod-sets.ts';
import { countOf } from './slices.ts';
import { merged, unmerged } from './templates.ts';
import { COMPLETION_INDEX } from './topology-pods.ts';

/** Labels that the Job's controller adds to its template. */
const MANAGED_LABELS = ['job-name', 'controller-uid', 'batch.kubernetes.io/job-name', 'batch.kubernetes.io/controller-uid'];

export const jobs: Integration<Job> = {
  kind: Job, prefix: 'job',
  isOurs: (job) => (job.spec?.managedBy ?? 'kubernetes.io/job-controller') === 'kubernetes.io/job-controller',
  podSetsOf,
  isSuspended: ({ spec }) => spec?.suspend === true,
  suspended: (job) => ({ ...job, spec: { ...job.spec!, suspend: true } }),
  isElastic: (job) => asksToBeElastic(job) && job.spec?.template.spec?.schedulingGates?.some(({ name }) => name === ELASTIC) === true,
  isActive: ({ status }) => (status?.active ?? 0) > 0,
  endOf(job) {
    if (!isJobFinished(job)) return undefined;
    const ended = job.status?.conditions?.find(({ type, status }) => (type === 'Failed' || type === 'Complete') && status === 'True');
    return { failed: isJobCondition(job, 'Failed'), message: ended?.message ?? '' };
  },
  isReady(job, workload) {
    const { succeeded = 0, ready = 0 } = job.status ?? {};
    const assignment = workload.status?.admission?.podSetAssignments[0];
    return succeeded + ready >= (assignment === undefined ? podsCount(job) : countOf(workload, assignment));
  },
  reclaimableOf({ spec, status }) {
    const { parallelism = 1, completions } = spec ?? {};
    const { succeeded = 0 } = status ?? {};
    const remaining = (completions ?? parallelism) - succeeded;
    return parallelism > 1 && succeeded > 0 && remaining < parallelism ? [{ name: MAIN, count: parallelism - remaining }] : [];
  },
  started(job, workload, infoOf) {
    const info = infoOf(MAIN);
    const next = { ...job, spec: { ...job.spec!, suspend: false, template: merged(job.spec!.template, info) } };
    return workload.spec.podSets[0]?.minCount === undefined ? next : widened(next, info.count);
  },
  restored(job, workload) {
    const set = workload.spec.podSets[0];
    if (set === undefined) return job;
    const next = { ...job, spec: { ...job.spec!, template: unmerged(job.spec!.template, set.template, MANAGED_LABELS) } };
    return set.minCount === undefined ? next : widened(next, set.count);
  },
  /** A template may change only of a job that has no start time. */
  async beforeRestore(job, { client }) {
    if (job.status?.startTime === undefined) return job;
    const { startTime: _startTime, ...status } = job.status;
    const { metadata } = await client.update(Job, { ...job, status }, { subresource: 'status' });
    return { ...job, metadata };
  },
};

function podSetsOf(job: Job): PodSet[] {
  const template = structuredClone(job.spec!.template);
  for (const label of MANAGED_LABELS) delete template.metadata?.labels?.[label];
  const least = Number(job.metadata.annotations?.[MIN_PARALLELISM]);
  const count = podsCount(job);
  const topologyRequest = topologyRequestOf(template.metadata?.annotations, job.spec?.completionMode === 'Indexed' ? { podIndexLabel: COMPLETION_INDEX } : {});
  return [{ name: MAIN, template, count, ...(topologyRequest !== undefined && { topologyRequest }), ...(Number.isInteger(least) && least > 0 && least <= count && { minCount: least }) }];
}

function podsCount({ spec }: Job): number {
  return Math.min(spec?.parallelism ?? 1, spec?.completions ?? Infinity);
}

function widened(job: Job, parallelism: number): Job {
  return { ...job, spec: { ...job.spec!, parallelism, ...(isTrue(job.metadata.annotations?.[COMPLETIONS_EQUAL_PARALLELISM] ?? '') && { completions: parallelism }) } };
}
