/** What the failure of a Job does to its JobSet. Pure. Source: kubernetes-sigs/jobset, failure_policy.go, and the actions' words in jobset_types.go. */
import type { Job } from '../../api/batch/job.ts';
import { compile } from '../../api/schema/regular-expression.ts';
import type { FailurePolicyAction, FailurePolicyRule, JobSet, JobSetStatus, ReplicatedJobStatus } from '../../api/jobset/types.ts';
import { indexOf, replicatedJobOf } from './children.ts';
import { failed, withJobSetCondition, type Draft } from './conditions.ts';

/** `jobs`: those that failed, one at least. */
export function afterFailure(jobSet: JobSet, jobs: readonly Job[], draft: Draft, nowMs: number): Draft {
  const policy = jobSet.spec?.failurePolicy;
  const first = firstFailed(jobs)!;
  if (policy === undefined) return fail(draft, 'FailedJobs', 'jobset failed due to one or more job failures', first, nowMs);
  const { action, job } = matchOf(policy.rules ?? [], jobs) ?? { action: 'RestartJobSet' as const, job: first };
  if (action === 'FailJobSet') return fail(draft, 'FailJobSetFailurePolicyAction', 'applying FailJobSet failure policy action', job, nowMs);
  const counts = action === 'RestartJobSet' || action === 'RestartJob';
  if (counts && countedRestarts(draft.status) >= (policy.maxRestarts ?? 0)) return fail(draft, 'ReachedMaxRestarts', 'jobset failed due to reaching max number of restarts', job, nowMs);
  const isWhole = action === 'RestartJobSet' || action === 'RestartJobSetAndIgnoreMaxRestarts';
  const status = isWhole ? withRestart(draft.status, counts) : withJobRestart(draft.status, job, counts);
  return { status, told: [...draft.told, { type: 'Warning', reason: `${action}FailurePolicyAction`, message: withJob(`applying ${action} failure policy action`, job) }] };
}

/** The first rule that any of them matches, with the earliest of those that do. */
function matchOf(rules: readonly FailurePolicyRule[], jobs: readonly Job[]): { action: FailurePolicyAction; job: Job } | undefined {
  for (const rule of rules) {
    const job = firstFailed(jobs.filter((each) => matches(rule, each)));
    if (job !== undefined) return { action: rule.action, job };
  }
  return undefined;
}

function matches({ onJobFailureReasons = [], onJobFailureMessagePatterns = [], targetReplicatedJobs = [] }: FailurePolicyRule, job: Job): boolean {
  const { reason = '', message = '' } = failureOf(job) ?? {};
  return (onJobFailureReasons.length === 0 || onJobFailureReasons.includes(reason))
    && (onJobFailureMessagePatterns.length === 0 || onJobFailureMessagePatterns.some((each) => compile(each)?.test(message) === true))
    && (targetReplicatedJobs.length === 0 || targetReplicatedJobs.includes(replicatedJobOf(job)));
}

const failureOf = ({ status }: Job) => status?.conditions?.find(({ type, status: is }) => type === 'Failed' && is === 'True');

function firstFailed(jobs: readonly Job[]): Job | undefined {
  return jobs.toSorted((left, right) => Date.parse(failureOf(left)?.lastTransitionTime ?? '') - Date.parse(failureOf(right)?.lastTransitionTime ?? ''))[0];
}

function fail(draft: Draft, reason: string, message: string, job: Job, nowMs: number): Draft {
  const { status, told } = withJobSetCondition(draft, failed(reason, withJob(message, job)), nowMs);
  return { status: { ...status, terminalState: 'Failed' }, told };
}

function withJob(message: string, { metadata }: Job): string {
  return `${message} (first failed job: ${metadata.name})`;
}

/** Those of the whole set and of single Jobs count together. */
function countedRestarts({ restartsCountTowardsMax = 0, replicatedJobsStatus = [] }: JobSetStatus): number {
  return restartsCountTowardsMax + replicatedJobsStatus.flatMap((each) => each.jobRestartsCountTowardsMax ?? []).reduce((sum, each) => sum + each, 0);
}

function withRestart(status: JobSetStatus, counts: boolean): JobSetStatus {
  return { ...status, restarts: (status.restarts ?? 0) + 1, ...(counts && { restartsCountTowardsMax: (status.restartsCountTowardsMax ?? 0) + 1 }) };
}

function withJobRestart(status: JobSetStatus, job: Job, counts: boolean): JobSetStatus {
  const raise = (list: readonly number[] = []): number[] => {
    const next = Array.from({ length: Math.max(list.length, indexOf(job) + 1) }, (_, index) => list[index] ?? 0);
    next[indexOf(job)]! += 1;
    return next;
  };
  const raised = (each: ReplicatedJobStatus): ReplicatedJobStatus => ({ ...each, jobRestarts: raise(each.jobRestarts), ...(counts && { jobRestartsCountTowardsMax: raise(each.jobRestartsCountTowardsMax) }) });
  return { ...status, replicatedJobsStatus: (status.replicatedJobsStatus ?? []).map((each) => (each.name === replicatedJobOf(job) ? raised(each) : each)) };
}
