/** The Job controller: runs pods until enough of them have succeeded, and counts each exactly once. */
import { isDeepStrictEqual } from 'node:util';
import { Job } from '../../../api/batch/job.ts';
import { JOB_CONTROLLER, JOB_LABELS, TRACKING } from '../../../api/batch/job-labels.ts';
import { isJobFinished } from '../../../api/batch/job-status-validation.ts';
import { Pod } from '../../../api/core/pod.ts';
import { isApiError } from '../../../api/errors.ts';
import type { JobStatus } from '../../../api/generated/batch-v1.ts';
import { controllerOf, controllerReference } from '../../../api/owner.ts';
import { isPodActive, isPodReady } from '../../../api/pod-readiness.ts';
import { matcherOfSelector } from '../../../api/selector.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { ifThere } from '../../../sdk/if-there.ts';
import { keyOf, splitKey, watching, type Caches, type Controller, type ReconcileContext, type ReconcileResult } from '../../../sdk/index.ts';
import { claim } from '../claims.ts';
import { controlledBy, orphansOf, settleClaims } from '../dependents.ts';
import { createPods, deletePods, expectationsOf } from '../pod-control.ts';
import { accountEnded, finishedStatus, settleUncounted, withoutZeros } from './account.ts';
import { jobMetrics, type RoundAction } from './metrics.ts';
import { planJob, type JobPlan } from './plan.ts';
import { podOfJob } from './pod.ts';
import { replacesOnlyFailed } from './failure-policy.ts';
import { untrack, untrackedOf } from './tracking.ts';
import { completed, isJobComplete, jobCondition, jobVerdict, untilDeadlineMs, withJobCondition, type Verdict } from './verdict.ts';
import { isTracked, viewJob, type JobView } from './view.ts';

export const jobController: Controller<Job> = {
  name: 'job',
  eventSource: 'job-controller',
  for: Job,
  owns: [Pod],
  watches: [watching(Pod, jobsOfOrphan)],
  async reconcile(key, job, context) {
    await releaseStrays(key, job, context);
    if (job === undefined || isJobFinished(job) || (job.spec?.managedBy ?? JOB_CONTROLLER) !== JOB_CONTROLLER) return;
    return reconcile(job, context);
  },
};

async function reconcile(job: Job, context: ReconcileContext): Promise<ReconcileResult | void> {
  const nowMs = context.clock.nowMs();
  const expectations = expectationsOf('job', context);
  const isSettled = expectations.satisfied(job.metadata.uid ?? '');
  const pods = await claimedPods(job, context);
  const started = withStart(job, nowMs);
  const view = viewJob(started, pods, { untracked: untrackedOf(context), nowMs });
  const fromMs = performance.now();
  let round: Round | undefined;
  let failed = true;
  try {
    round = await act(view, { isSettled }, context);
    await writeProgress(job, view, round, context);
    if (round.error !== undefined) throw round.error;
    failed = false;
  } finally {
    jobMetrics.round(job, { action: round?.action ?? 'reconciling', failed, seconds: (performance.now() - fromMs) / 1_000 });
  }
  const waits = [round.waitMs, untilDeadlineMs(started, nowMs)].filter((each) => each !== undefined);
  return waits.length === 0 ? undefined : { requeueAfterMs: Math.max(1, Math.min(...waits)) };
}

/** What one round did, and what it makes of the job. */
interface Round {
  action: RoundAction;
  active: number;
  ready: number;
  terminating: number;
  verdict?: Verdict;
  conditions: JobStatus['conditions'];
  startTime?: string | undefined;
  waitMs?: number;
  error?: unknown;
}

function withStart(job: Job, nowMs: number): Job {
  if (job.status?.startTime || job.spec?.suspend === true) return job;
  return { ...job, status: { ...job.status, startTime: rfc3339(nowMs) } };
}

async function act(view: JobView, { isSettled }: { isSettled: boolean }, context: ReconcileContext): Promise<Round> {
  const { job, active, ready, terminating, nowMs } = view;
  const round: Round = { action: isSettled ? 'tracking' : 'reconciling', active: active.length, ready, terminating, conditions: job.status?.conditions ?? [], startTime: job.status?.startTime };
  const verdict = jobVerdict(view);
  if (verdict !== undefined) {
    const { done, error } = await deletePods(job, active, undefined, context);
    // Pods that the cache does not show yet may be there: then the job cannot be said to have ended.
    if (done === active.length && isSettled) round.verdict = verdict;
    return { ...round, ...(done > 0 ? { action: 'pods_deleted' as const } : {}), active: active.length - done, ready: done === active.length ? 0 : ready, terminating: terminating + done, error };
  }
  const mayManage = isSettled && job.metadata.deletionTimestamp === undefined;
  if (mayManage) Object.assign(round, await manage(view, planJob(view), context));
  if (isJobComplete(view, round.active)) round.verdict = completed(nowMs);
  else if (mayManage) Object.assign(round, suspension(job, round, nowMs, context));
  return round;
}

async function manage(view: JobView, plan: JobPlan, context: ReconcileContext): Promise<Partial<Round>> {
  const { job, active, ready, terminating } = view;
  const expectations = expectationsOf('job', context);
  if (plan.remove.length > 0) {
    // Pods that are too many have not failed: they are let go of first.
    const { error: refused } = await untrack(plan.remove, context);
    if (refused !== undefined) return { error: refused };
    const { done, error } = await deletePods(job, plan.remove, expectations, context);
    return { action: 'pods_deleted', active: active.length - done, ready: Math.max(0, ready - plan.remove.filter(isPodReady).length), terminating: terminating + done, error };
  }
  if (plan.create.length === 0) return { waitMs: plan.waitMs };
  const { done, error } = await createPods(job, plan.create.map((index) => podOfJob(view, index)), expectations, context);
  jobMetrics.made(failedBefore(view) ? (replacesOnlyFailed(job) ? 'recreate_failed' : 'recreate_terminating_or_failed') : 'new', { done, wanted: plan.create.length });
  return { action: 'pods_created', active: active.length + done, error, waitMs: plan.waitMs };
}

/** Whether there is anything to make up for (upstream: recordJobPodsCreationTotal). */
function failedBefore({ failed, terminating }: JobView): boolean {
  return failed > 0 || terminating > 0;
}

function suspension(job: Job, { conditions = [] }: Round, nowMs: number, { events }: ReconcileContext): Partial<Round> {
  const isSuspended = job.spec?.suspend === true;
  // A suspended job has not started: its time runs anew when it is resumed.
  const started = isSuspended ? { startTime: undefined } : {};
  const next = withJobCondition(conditions, isSuspended ? jobCondition('Suspended', 'True', 'JobSuspended', 'Job suspended', nowMs) : jobCondition('Suspended', 'False', 'JobResumed', 'Job resumed', nowMs));
  if (isDeepStrictEqual(next, conditions)) return started;
  events.event(job, 'Normal', isSuspended ? 'Suspended' : 'Resumed', isSuspended ? 'Job suspended' : 'Job resumed');
  return isSuspended ? { conditions: next, ...started } : { conditions: next, startTime: rfc3339(nowMs) };
}

/** `stored` is the job as it was read, `view.job` with its start. */
async function writeProgress(stored: Job, view: JobView, round: Round, context: ReconcileContext): Promise<void> {
  const { active, ready, terminating, conditions, verdict } = round;
  const { startTime: _before, ...status } = stored.status ?? {};
  const startTime = round.startTime ?? startAtEnd(stored, round, view.nowMs);
  const base: JobStatus = { ...status, active, ready, terminating, conditions, ...(startTime === undefined ? {} : { startTime }) };
  const account = accountEnded(view, base, verdict);
  let latest = await writeStatus(stored, account.status, context);
  if (latest === undefined) return;
  const { done, error } = await untrack(account.untrack, context);
  const still = new Set(view.tracked.map(({ metadata }) => metadata.uid ?? '').filter((each) => !done.has(each)));
  let settled = settleUncounted(latest.status ?? {}, (uid) => still.has(uid));
  const finished = verdict === undefined || account.partial || error !== undefined ? undefined : finishedStatus(settled, verdict, view.nowMs);
  if (finished !== undefined) settled = finished;
  latest = await writeStatus(latest, settled, context);
  if (latest !== undefined) {
    jobMetrics.counted(stored, stored.status ?? {}, settled);
    for (const pod of account.untrack) if (done.has(pod.metadata.uid ?? '')) jobMetrics.judged(stored, pod);
  }
  if (finished !== undefined && latest !== undefined && verdict !== undefined) {
    jobMetrics.ended(stored, verdict);
    tellEnd(latest, verdict, context);
  }
  if (error !== undefined) throw error;
}

/** A job that ends while it is suspended has started then at the latest, unless nothing was asked of it. */
function startAtEnd({ spec }: Job, { verdict }: Round, nowMs: number): string | undefined {
  return verdict === undefined || spec?.completions === 0 ? undefined : rfc3339(nowMs);
}

/** Writes nothing that is so already; undefined when the job is gone. A job that changed meanwhile is refused: the next round sees it. */
async function writeStatus(job: Job, wanted: JobStatus, { client }: ReconcileContext): Promise<Job | undefined> {
  const status = withoutZeros(wanted);
  if (isDeepStrictEqual(status, job.status)) return job;
  return ifThere(client.update(Job, { ...job, status }, { subresource: 'status' }));
}

function tellEnd(job: Job, verdict: Verdict, { events }: ReconcileContext): void {
  if (verdict.type === 'FailureTarget') return events.event(job, 'Warning', verdict.reason ?? 'Failed', verdict.message ?? '');
  if (job.spec?.completions !== undefined && (job.status?.succeeded ?? 0) > job.spec.completions) events.event(job, 'Warning', 'TooManySucceededPods', 'Too many succeeded pods running after completion count reached');
  events.event(job, 'Normal', 'Completed', 'Job completed');
}

async function claimedPods(job: Job, context: ReconcileContext): Promise<Pod[]> {
  const pods = context.caches.of(Pod);
  const orphans = orphansOf(pods, job.metadata.namespace).filter(isPodActive);
  const claims = claim(job, job.spec?.selector, [...controlledBy(pods, job), ...orphans]);
  const owned = await settleClaims(context.client, claims, { kind: Pod, ownerKind: Job, owner: job, reference: controllerReference(Job, job) });
  if (claims.release.length > 0) await untrack(claims.release, context);
  // An adopted pod is tracked from now on.
  return Promise.all(owned.map((each) => (isTracked(each) || !claims.adopt.some(({ metadata }) => metadata.uid === each.metadata.uid) ? each : track(each, context))));
}

async function track({ metadata }: Pod, { client }: ReconcileContext): Promise<Pod> {
  return client.patch(Pod, metadata.name ?? '', { type: 'strategic', body: { metadata: { uid: metadata.uid ?? '', finalizers: [TRACKING] } } }, { namespace: metadata.namespace });
}

/** Pods that wait for a job which is gone, or is not theirs any more, are let go of: nobody will count them. */
async function releaseStrays(key: string, job: Job | undefined, context: ReconcileContext): Promise<void> {
  const strays = trackedFor(key, context.caches).filter((pod) => {
    const owner = controllerOf(pod);
    if (owner !== undefined) return owner.uid !== job?.metadata.uid;
    return job === undefined || isJobFinished(job) || !matcherOfSelector(job.spec?.selector).matches(pod.metadata.labels);
  });
  if (strays.length === 0 || (job === undefined && (await stillThere(key, context)))) return;
  const { error } = await untrack(strays, context);
  if (error !== undefined) throw error;
}

/** The cache may show a pod before its job. */
async function stillThere(key: string, { client }: ReconcileContext): Promise<boolean> {
  const { namespace, name } = splitKey(key);
  return client.get(Job, name, { namespace }).then(() => true, (error: unknown) => {
    if (isApiError(error, 'NotFound')) return false;
    throw error;
  });
}

/** Tracked pods by the key of the job that controls them, or made them. */
function trackedFor(key: string, caches: Caches): readonly Pod[] {
  const pods = caches.of(Pod);
  pods.addIndex('tracked-job', (pod) => {
    if (!isTracked(pod)) return [];
    const owner = controllerOf(pod);
    const name = owner === undefined ? pod.metadata.labels?.[JOB_LABELS.name[1]] : owner.kind === 'Job' ? owner.name : undefined;
    return name === undefined ? [] : [`${pod.metadata.namespace}/${name}`];
  });
  return pods.byIndex('tracked-job', key);
}

/** Jobs that may adopt a pod which nobody controls, and the one that let go of it. */
function jobsOfOrphan(pod: Pod, caches: Caches): string[] {
  if (controllerOf(pod) !== undefined) return [];
  const namespace = pod.metadata.namespace ?? '';
  const keys = caches.of(Job).list(namespace).filter((each) => matcherOfSelector(each.spec?.selector).matches(pod.metadata.labels)).map(keyOf);
  const name = pod.metadata.labels?.[JOB_LABELS.name[1]];
  if (isTracked(pod) && name !== undefined) keys.push(`${namespace}/${name}`);
  return keys;
}
