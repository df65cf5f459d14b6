/** The CronJob controller: makes a Job when its schedule comes, once for each time. */
import { isDeepStrictEqual } from 'node:util';
import { CronJob } from '../../../api/batch/cron-job.ts';
import type { Schedule } from '../../../api/batch/cron-schedule.ts';
import { Job } from '../../../api/batch/job.ts';
import { isApiError } from '../../../api/errors.ts';
import type { CronJobStatus } from '../../../api/generated/batch-v1.ts';
import type { ObjectReference } from '../../../api/generated/core-v1.ts';
import { isControlledBy } from '../../../api/owner.ts';
import { rfc3339 } from '../../../base/clock.ts';
import type { Controller, ReconcileContext, ReconcileResult } from '../../../sdk/index.ts';
import { controlledBy, writeStatus } from '../dependents.ts';
import { isTerminating, messageOf } from '../pod-control.ts';
import { cronJobStatus, excessJobs, referenceTo, tallyJobs } from './active.ts';
import { dueTime, scheduleOf, untilNextMs } from './due.ts';
import { jobName, jobOfTime } from './job.ts';

export const cronJobController: Controller<CronJob> = {
  name: 'cronjob',
  eventSource: 'cronjob-controller',
  for: CronJob,
  owns: [Job],
  reconcile: (_key, cronJob, context) => reconcile(cronJob, context),
};

async function reconcile(cronJob: CronJob | undefined, context: ReconcileContext): Promise<ReconcileResult | void> {
  if (cronJob === undefined) return;
  const jobs = controlledBy(context.caches.of(Job), cronJob);
  const tally = tallyJobs(cronJob, jobs);
  let { status } = tally;
  // An active job that the cache does not show may be younger than the cache.
  for (const missing of tally.missing) {
    if (await exists(missing, context)) continue;
    status = without(status, missing);
    context.events.event(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${missing.name}`);
  }
  const round = cronJob.metadata.deletionTimestamp === undefined ? await schedule({ ...cronJob, status }, context) : { status };
  if (!isDeepStrictEqual(round.status, cronJob.status)) {
    await writeStatus(context.client, CronJob, { ...cronJob, status: round.status });
    for (const { type, reason, message } of tally.events) context.events.event(cronJob, type, reason, message);
  }
  for (const job of excessJobs(cronJob, jobs)) await remove(cronJob, job, context);
  if (round.error !== undefined) throw round.error;
  return round.nextMs === undefined ? undefined : { requeueAfterMs: round.nextMs };
}

interface Round {
  status: CronJobStatus;
  nextMs?: number | undefined;
  error?: unknown;
}

async function schedule(cronJob: CronJob, context: ReconcileContext): Promise<Round> {
  const status = cronJob.status ?? {};
  if (cronJob.spec?.suspend === true) return { status };
  const nowMs = context.clock.nowMs();
  let parsed: Schedule;
  let due: ReturnType<typeof dueTime>;
  try {
    parsed = scheduleOf(cronJob);
    due = dueTime(cronJob, parsed, nowMs);
  } catch (error) {
    context.events.event(cronJob, 'Warning', 'InvalidSchedule', `invalid schedule: ${cronJob.spec?.schedule} : ${messageOf(error)}`);
    return { status };
  }
  const nextOf = (of: CronJobStatus): number | undefined => untilNextMs({ ...cronJob, status: of }, parsed, nowMs);
  if (due.atMs === undefined || isHandled(cronJob, due.atMs)) return { status, nextMs: nextOf(status) };
  if (due.tooManyMissed) context.events.event(cronJob, 'Warning', 'TooManyMissedTimes', 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew');
  const deadlineMs = Number(cronJob.spec?.startingDeadlineSeconds ?? Infinity) * 1000;
  if (due.atMs + deadlineMs < nowMs) {
    context.events.event(cronJob, 'Warning', 'MissSchedule', `Missed scheduled time to start a job: ${new Date(due.atMs).toUTCString().replace('GMT', 'UTC')}`);
    return { status, nextMs: nextOf(status) };
  }
  if (cronJob.spec?.concurrencyPolicy === 'Forbid' && (status.active?.length ?? 0) > 0) {
    context.events.event(cronJob, 'Normal', 'JobAlreadyActive', 'Not starting job because prior execution is running and concurrency policy is Forbid');
    return { status, nextMs: nextOf(status) };
  }
  const started = await start(cronJob, due.atMs, context);
  return { ...started, nextMs: nextOf(started.status) };
}

function isHandled(cronJob: CronJob, atMs: number): boolean {
  const name = jobName(cronJob, atMs);
  return cronJob.status?.active?.some((each) => each.name === name) === true || (cronJob.status?.lastScheduleTime !== undefined && Date.parse(cronJob.status.lastScheduleTime) === atMs);
}

async function start(cronJob: CronJob, atMs: number, context: ReconcileContext): Promise<Round> {
  let status = cronJob.status ?? {};
  if (cronJob.spec?.concurrencyPolicy === 'Replace') {
    for (const active of status.active ?? []) {
      await removeActive(cronJob, active, context);
      status = without(status, active);
    }
  }
  try {
    const job = await createJob(cronJob, atMs, context);
    if (job === undefined) return { status };
    return { status: cronJobStatus({ ...status, active: [...(status.active ?? []), referenceTo(job)], lastScheduleTime: rfc3339(atMs) }) };
  } catch (error) {
    return isTerminating(error) ? { status } : { status, error };
  }
}

/** A job of that name is this one, made before the status could be written; or a stranger's, and then there is nothing to note. */
async function createJob(cronJob: CronJob, atMs: number, { client, events }: ReconcileContext): Promise<Job | undefined> {
  const wanted = jobOfTime(cronJob, atMs);
  try {
    const job = await client.create(Job, wanted);
    events.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`);
    return job;
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) {
      if (!isTerminating(error)) events.event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`);
      throw error;
    }
    const existing = await client.get(Job, wanted.metadata.name ?? '', { namespace: cronJob.metadata.namespace });
    return isControlledBy(existing, cronJob) ? existing : undefined;
  }
}

function without(status: CronJobStatus, { uid }: ObjectReference): CronJobStatus {
  return cronJobStatus({ ...status, active: (status.active ?? []).filter((each) => each.uid !== uid) });
}

async function exists({ name = '', namespace, uid }: ObjectReference, { client }: ReconcileContext): Promise<boolean> {
  try {
    return (await client.get(Job, name, { namespace })).metadata.uid === uid;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return false;
    throw error;
  }
}

async function removeActive(cronJob: CronJob, { name = '', namespace, uid }: ObjectReference, context: ReconcileContext): Promise<void> {
  await remove(cronJob, { metadata: { name, namespace, uid } } as Job, context);
}

async function remove(cronJob: CronJob, { metadata }: Job, { client, events }: ReconcileContext): Promise<void> {
  const { name = '', namespace, uid } = metadata;
  try {
    await client.delete(Job, name, { namespace, preconditions: { uid }, propagationPolicy: 'Background' });
    events.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
  } catch (error) {
    if (isApiError(error, 'NotFound', 'Conflict')) return;
    events.event(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${messageOf(error)}`);
    throw error;
  }
}
