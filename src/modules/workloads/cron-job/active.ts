/** What a CronJob's status says of its jobs, and which finished ones are too many (upstream: syncCronJob, cleanupFinishedJobs). Pure. */
import type { CronJob, CronJobStatus, Job } from '../../../api/generated/batch-v1.ts';
import type { ObjectReference } from '../../../api/generated/core-v1.ts';
import { isJobCondition, isJobFinished } from '../../../api/batch/job-status-validation.ts';

export interface Tally {
  status: CronJobStatus;
  events: { type: 'Normal' | 'Warning'; reason: string; message: string }[];
  /** Named as active, and not among the jobs. */
  missing: ObjectReference[];
}

/** Takes finished jobs from the active ones, and notes the last success. */
export function tallyJobs({ status }: CronJob, jobs: readonly Job[]): Tally {
  let active = status?.active ?? [];
  let { lastSuccessfulTime } = status ?? {};
  const events: Tally['events'] = [];
  for (const job of jobs) {
    const { name = '', uid } = job.metadata;
    const isListed = active.some((each) => each.uid === uid);
    if (!isListed && !isJobFinished(job)) events.push({ type: 'Warning', reason: 'UnexpectedJob', message: `Saw a job that the controller did not create or forgot: ${name}` });
    if (isListed && isJobFinished(job)) {
      active = active.filter((each) => each.uid !== uid);
      events.push({ type: 'Normal', reason: 'SawCompletedJob', message: `Saw completed job: ${name}, condition: ${isJobCondition(job, 'Complete') ? 'Complete' : 'Failed'}` });
    }
    const end = job.status?.completionTime;
    if (isJobCondition(job, 'Complete') && end && (lastSuccessfulTime === undefined || end > lastSuccessfulTime)) lastSuccessfulTime = end;
  }
  const known = new Set(jobs.map(({ metadata }) => metadata.uid));
  return { status: cronJobStatus({ ...status, active, lastSuccessfulTime }), events, missing: active.filter(({ uid }) => !known.has(uid)) };
}

/** Without what is empty, as Go writes it. */
export function cronJobStatus({ active = [], lastScheduleTime, lastSuccessfulTime }: CronJobStatus): CronJobStatus {
  return {
    ...(active.length === 0 ? {} : { active }), ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }), ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
  };
}

/** Finished jobs beyond the limits of the history, the oldest first. */
export function excessJobs({ spec }: CronJob, jobs: readonly Job[]): Job[] {
  const beyond = (type: string, limit: number | undefined): Job[] => {
    const ended = jobs.filter((each) => isJobCondition(each, type) && each.metadata.deletionTimestamp === undefined).sort(byStart);
    return limit === undefined ? [] : ended.slice(0, Math.max(0, ended.length - limit));
  };
  return [...beyond('Complete', spec?.successfulJobsHistoryLimit), ...beyond('Failed', spec?.failedJobsHistoryLimit)];
}

function byStart(left: Job, right: Job): number {
  const [a, b] = [left.status?.startTime ?? '9', right.status?.startTime ?? '9'];
  return a < b ? -1 : a > b ? 1 : (left.metadata.name ?? '') < (right.metadata.name ?? '') ? -1 : 1;
}

export function referenceTo({ metadata }: Job): ObjectReference {
  return { kind: 'Job', namespace: metadata.namespace, name: metadata.name, uid: metadata.uid, apiVersion: 'batch/v1', resourceVersion: metadata.resourceVersion };
}
