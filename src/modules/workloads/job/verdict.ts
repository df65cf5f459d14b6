/** Whether a job has failed or met its success policy, and its conditions (upstream: syncJob). Pure. */
import { countCommon, countIndexes, parseIndexes, type Indexes } from '../../../api/batch/indexes.ts';
import type { Job, JobCondition } from '../../../api/generated/batch-v1.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { isPodFailed, judgeFailure } from './failure-policy.ts';
import { completionsOf, type JobView } from './view.ts';

/** FailureTarget or SuccessCriteriaMet: what the job ends as, once its pods have ended. */
export type Verdict = JobCondition & { type: 'FailureTarget' | 'SuccessCriteriaMet' };

export function jobVerdict(view: JobView): Verdict | undefined {
  return knownVerdict(view) ?? policyVerdict(view) ?? limitVerdict(view) ?? indexVerdict(view);
}

/** What was decided stays decided. */
function knownVerdict({ job }: JobView): Verdict | undefined {
  for (const type of ['SuccessCriteriaMet', 'FailureTarget'] as const) {
    const found = job.status?.conditions?.find((each) => each.type === type && each.status === 'True');
    if (found !== undefined) return found as Verdict;
  }
  return undefined;
}

function policyVerdict({ job, pods, nowMs }: JobView): Verdict | undefined {
  const policy = job.spec?.podFailurePolicy;
  if (policy === undefined) return undefined;
  for (const pod of pods) {
    const message = isPodFailed(pod, job) ? judgeFailure(policy, pod).message : undefined;
    if (message !== undefined) return verdict('FailureTarget', 'PodFailurePolicy', message, nowMs);
  }
  return undefined;
}

function limitVerdict(view: JobView): Verdict | undefined {
  const { job, failed, nowMs } = view;
  if (failed > (job.spec?.backoffLimit ?? 6) || restartsTooOften(view)) return verdict('FailureTarget', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit', nowMs);
  const leftMs = untilDeadlineMs(job, nowMs);
  return leftMs !== undefined && leftMs <= 0 ? verdict('FailureTarget', 'DeadlineExceeded', 'Job was active longer than specified deadline', nowMs) : undefined;
}

/** Ms until activeDeadlineSeconds are over; undefined for jobs without it, or not started. */
export function untilDeadlineMs({ spec, status }: Job, nowMs: number): number | undefined {
  if (spec?.activeDeadlineSeconds === undefined || spec.suspend === true || !status?.startTime) return undefined;
  return Date.parse(status.startTime) + Number(spec.activeDeadlineSeconds) * 1000 - nowMs;
}

/** With restartPolicy OnFailure the restarts of containers are the failures. */
function restartsTooOften({ job, pods }: JobView): boolean {
  if (job.spec?.template.spec?.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue;
    for (const { restartCount } of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) restarts += restartCount;
  }
  const limit = job.spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

function indexVerdict({ job, indexes, nowMs }: JobView): Verdict | undefined {
  if (indexes === undefined) return undefined;
  const completions = completionsOf(job);
  const failed = countIndexes(indexes.failed ?? []);
  const most = job.spec?.maxFailedIndexes;
  if (most !== undefined && failed > most) return verdict('FailureTarget', 'MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes', nowMs);
  if (failed > 0 && failed + countIndexes(indexes.succeeded) >= completions) return verdict('FailureTarget', 'FailedIndexes', 'Job has failed indexes', nowMs);
  const met = metRule(job, indexes.succeeded);
  return met === undefined ? undefined : verdict('SuccessCriteriaMet', 'SuccessPolicy', `Matched rules at index ${met}`, nowMs);
}

/** The first rule of the success policy that is met. None is before anything has succeeded, and a rule that names no index below `completions` never is. */
function metRule(job: Job, succeeded: Indexes): number | undefined {
  if (succeeded.length === 0) return undefined;
  const met = job.spec?.successPolicy?.rules?.findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && countIndexes(succeeded) >= succeededCount;
    const wanted = parseIndexes(succeededIndexes, completionsOf(job));
    const have = countCommon(succeeded, wanted);
    return wanted.length > 0 && (have === countIndexes(wanted) || (succeededCount !== undefined && have >= succeededCount));
  });
  return met === undefined || met < 0 ? undefined : met;
}

/** All completions are there and no pod is active: the job is done. */
export function isJobComplete({ job, succeeded }: JobView, active: number): boolean {
  if (active > 0) return false;
  return job.spec?.completions === undefined ? succeeded > 0 : succeeded >= job.spec.completions;
}

export function completed(nowMs: number): Verdict {
  return verdict('SuccessCriteriaMet', 'CompletionsReached', 'Reached expected number of succeeded pods', nowMs);
}

function verdict(type: Verdict['type'], reason: string, message: string, nowMs: number): Verdict {
  return { ...jobCondition(type, 'True', reason, message, nowMs), type };
}

export function jobCondition(type: string, status: 'True' | 'False', reason: string, message: string, nowMs: number): JobCondition {
  const time = rfc3339(nowMs);
  return { type, status, lastProbeTime: time, lastTransitionTime: time, ...(reason === '' ? {} : { reason }), ...(message === '' ? {} : { message }) };
}

/** Sets a condition; one that is not there is not added as False. */
export function withJobCondition(conditions: readonly JobCondition[], added: JobCondition): JobCondition[] {
  const current = conditions.find((each) => each.type === added.type);
  if (current === undefined) return added.status === 'False' ? [...conditions] : [...conditions, added];
  if (current.status === added.status && current.reason === added.reason && current.message === added.message) return [...conditions];
  return conditions.map((each) => (each === current ? added : each));
}
