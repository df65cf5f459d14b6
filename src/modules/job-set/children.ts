/** The Jobs of a JobSet by how far they are. Pure. Source: kubernetes-sigs/jobset, getChildJobs and calculateReplicatedJobStatuses. */
import { isJobCondition } from '../../api/batch/job-status-validation.ts';
import type { Job } from '../../api/batch/job.ts';
import { JOB_INDEX, JOB_RESTART_ATTEMPT, REPLICATED_JOB_NAME, RESTART_ATTEMPT } from '../../api/jobset/names.ts';
import type { JobSet, JobSetStatus, ReplicatedJobStatus } from '../../api/jobset/types.ts';

export interface Children {
  readonly active: readonly Job[];
  readonly succeeded: readonly Job[];
  readonly failed: readonly Job[];
  /** Of attempts before: they go. */
  readonly previous: readonly Job[];
}

export const replicatedJobOf = ({ metadata }: Job): string => metadata.labels?.[REPLICATED_JOB_NAME] ?? '';
export const indexOf = ({ metadata }: Job): number => Number(metadata.labels?.[JOB_INDEX] ?? 0);
const attemptOf = ({ metadata }: Job, label: string): number => Number(metadata.labels?.[label] ?? 0) || 0;

export function childrenOf(jobs: readonly Job[], { status }: Pick<JobSet, 'status'>): Children {
  const current = (job: Job): boolean => attemptOf(job, RESTART_ATTEMPT) >= (status?.restarts ?? 0) && attemptOf(job, JOB_RESTART_ATTEMPT) >= restartsOfJob(status, replicatedJobOf(job), indexOf(job));
  const now = jobs.filter(current);
  const [failed, succeeded] = [now.filter((job) => isJobCondition(job, 'Failed')), now.filter((job) => isJobCondition(job, 'Complete'))];
  return { active: now.filter((job) => !failed.includes(job) && !succeeded.includes(job)), succeeded, failed, previous: jobs.filter((job) => !current(job)) };
}

/** How often this one Job was begun anew by itself. */
export function restartsOfJob(status: JobSetStatus | undefined, replicatedJob: string, index: number): number {
  return status?.replicatedJobsStatus?.find(({ name }) => name === replicatedJob)?.jobRestarts?.[index] ?? 0;
}

/** One for each replicatedJob, in their order. */
export function statusesOf({ spec, status }: JobSet, { active, succeeded, failed }: Children): ReplicatedJobStatus[] {
  return (spec?.replicatedJobs ?? []).map(({ name }) => {
    const own = (jobs: readonly Job[]): readonly Job[] => jobs.filter((job) => replicatedJobOf(job) === name);
    const { jobRestarts, jobRestartsCountTowardsMax } = status?.replicatedJobsStatus?.find((each) => each.name === name) ?? {};
    const running = own(active);
    return {
      name, ready: running.filter(isReady).length, succeeded: own(succeeded).length, failed: own(failed).length,
      active: running.filter((job) => (job.status?.active ?? 0) > 0 && job.metadata.deletionTimestamp === undefined).length, suspended: running.filter((job) => job.spec?.suspend === true).length,
      ...(jobRestarts !== undefined && { jobRestarts }), ...(jobRestartsCountTowardsMax !== undefined && { jobRestartsCountTowardsMax }),
    };
  });
}

/** As many pods are ready, or have succeeded, as run at a time. */
function isReady({ spec, status }: Job): boolean {
  return (status?.succeeded ?? 0) + (status?.ready ?? 0) >= Math.min(spec?.parallelism ?? 1, spec?.completions ?? Infinity);
}
