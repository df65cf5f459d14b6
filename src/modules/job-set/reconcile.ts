/** JobSets: makes their Jobs in their order, suspends and resumes them, and says how the whole ends. Source: kubernetes-sigs/jobset, jobset_controller.go. */
import { Job } from '../../api/batch/job.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { Service } from '../../api/core/service.ts';
import { equalJson } from '../../api/json.ts';
import { JobSet, jobSetEnd } from '../../api/jobset/job-set.ts';
import { CONTROLLER_NAME } from '../../api/jobset/names.ts';
import type { ReplicatedJob } from '../../api/jobset/types.ts';
import type { Json } from '../../api/meta.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { isApiError, type Caches, type Controller, type ReconcileContext, type ReconcileResult } from '../../sdk/index.ts';
import { childrenOf, replicatedJobOf, statusesOf, type Children } from './children.ts';
import { ensureClaims, ensureService } from './claims.ts';
import { COMPLETED, RESUMED, STARTED, STARTING, SUSPENDED, withJobSetCondition, type Draft } from './conditions.ts';
import { afterFailure } from './failure.ts';
import { hasHostnames, jobName, jobOf, subdomainOf } from './job.ts';
import { isDue, isInOrder, isStarted } from './order.ts';
import { resume } from './resume.ts';

const BY_OWNER = 'job-set-owner';

export const jobSetController: Controller<JobSet> = {
  name: 'job-sets',
  for: JobSet,
  owns: [Job, Service],
  reads: [PersistentVolumeClaim],
  async reconcile(_key, jobSet, context) {
    if (jobSet === undefined || jobSet.metadata.deletionTimestamp !== undefined || (jobSet.spec?.managedBy ?? CONTROLLER_NAME) !== CONTROLLER_NAME) return;
    return reconcile(jobSet, context);
  },
};

async function reconcile(jobSet: JobSet, context: ReconcileContext): Promise<ReconcileResult | void> {
  const children = childrenOf(jobsOf(jobSet, context.caches), jobSet);
  const draft: Draft = { status: { restarts: 0, ...jobSet.status, replicatedJobsStatus: statusesOf(jobSet, children) }, told: [] };
  if (jobSetEnd(jobSet) !== undefined) {
    await remove(children.active, context);
    await write(jobSet, draft, context);
    return expire(jobSet, context);
  }
  await remove(children.previous, context);
  await write(jobSet, await advance(jobSet, children, draft, context), context);
}

function jobsOf({ metadata }: JobSet, caches: Caches): readonly Job[] {
  const cache = caches.of(Job);
  cache.addIndex(BY_OWNER, (job) => (job.metadata.ownerReferences ?? []).filter((each) => each.controller === true && each.kind === JobSet.kind).map(({ uid }) => uid));
  return cache.byIndex(BY_OWNER, metadata.uid ?? '');
}

/** Pods go with their Job, and a Job is there until they have gone, so that nobody is made anew beside those before. */
async function remove(jobs: readonly Job[], { client }: ReconcileContext): Promise<void> {
  for (const { metadata } of jobs) {
    if (metadata.deletionTimestamp === undefined) await ifThere(client.delete(Job, metadata.name ?? '', { namespace: metadata.namespace, propagationPolicy: 'Foreground', preconditions: { uid: metadata.uid } }));
  }
}

async function write(jobSet: JobSet, { status, told }: Draft, { client, events }: ReconcileContext): Promise<void> {
  if (equalJson(status as unknown as Json, (jobSet.status ?? {}) as unknown as Json)) return;
  await client.update(JobSet, { ...jobSet, status }, { subresource: 'status' });
  for (const { type, reason, message } of told) events.event(jobSet, type, reason, message);
}

/** One step further; the status that is to be written. */
async function advance(jobSet: JobSet, children: Children, draft: Draft, context: ReconcileContext): Promise<Draft> {
  const nowMs = context.clock.nowMs();
  if (children.failed.length > 0) return afterFailure(jobSet, children.failed, draft, nowMs);
  if (children.succeeded.length > 0 && hasSucceeded(jobSet, children.succeeded)) {
    const { status, told } = withJobSetCondition(draft, COMPLETED, nowMs);
    return { status: { ...status, terminalState: 'Completed' }, told };
  }
  if (hasHostnames(jobSet)) await ensureService(jobSet, subdomainOf(jobSet), context);
  await ensureClaims(jobSet, context);
  const created = await create(jobSet, children, draft, context);
  if (jobSet.spec?.suspend === true) {
    for (const job of children.active) if (job.spec?.suspend !== true) await context.client.update(Job, { ...job, spec: { ...job.spec!, suspend: true } });
    return withJobSetCondition(created, SUSPENDED, nowMs);
  }
  return resumeAll(jobSet, children, created, context);
}

/** Source: kubernetes-sigs/jobset, success_policy.go. */
function hasSucceeded({ spec }: JobSet, succeeded: readonly Job[]): boolean {
  const { operator = 'All', targetReplicatedJobs: targets = [] } = spec?.successPolicy ?? {};
  const counts = (name: string): boolean => targets.length === 0 || targets.includes(name);
  const wanted = operator === 'Any' ? 1 : (spec?.replicatedJobs ?? []).filter(({ name }) => counts(name)).reduce((sum, { replicas = 1 }) => sum + replicas, 0);
  return succeeded.filter((job) => counts(replicatedJobOf(job))).length >= wanted;
}

/** What is missing; in order, each replicatedJob when those before it have started. */
async function create(jobSet: JobSet, children: Children, draft: Draft, context: ReconcileContext): Promise<Draft> {
  const { spec } = jobSet;
  const waitsInOrder = isInOrder(spec) && spec?.suspend !== true;
  const isBlocked = spec?.failurePolicy?.restartStrategy === 'BlockingRecreate' && children.previous.length > 0;
  const there = new Set(Object.values(children).flat().map(({ metadata }: Job) => metadata.name));
  const nowMs = context.clock.nowMs();
  for (const replicated of spec?.replicatedJobs ?? []) {
    if (!isDue(replicated, spec, draft.status)) continue;
    if (waitsInOrder && isStarted(replicated, draft.status)) continue;
    if (!isBlocked) await createOf(jobSet, replicated, there, context);
    if (waitsInOrder) return withJobSetCondition(draft, STARTING, nowMs);
  }
  return waitsInOrder ? withJobSetCondition(draft, STARTED, nowMs) : draft;
}

/** One that cannot be made keeps none of the others from it; of all that is wrong one event tells. */
async function createOf(jobSet: JobSet, replicated: ReplicatedJob, there: ReadonlySet<string | undefined>, { client, caches, events, signal }: ReconcileContext): Promise<void> {
  const failures: Error[] = [];
  for (let index = 0; index < (replicated.replicas ?? 1) && !signal.aborted; index++) {
    const name = jobName(jobSet, replicated, index);
    if (there.has(name)) continue;
    // One that is seen and is not among its own is somebody else's.
    const isTaken = caches.of(Job).get(`${jobSet.metadata.namespace}/${name}`) !== undefined;
    await client.create(Job, jobOf(jobSet, replicated, index)).catch((error: Error) => void ((isTaken || !isApiError(error, 'AlreadyExists')) && failures.push(error)));
  }
  const [first, ...more] = failures;
  if (first === undefined) return;
  events.event(jobSet, 'Warning', 'JobCreationFailed', more.length === 0 ? first.message : `${first.message}, and ${more.length} more`);
  throw first;
}

async function resumeAll(jobSet: JobSet, children: Children, draft: Draft, context: ReconcileContext): Promise<Draft> {
  const { spec } = jobSet;
  const nowMs = context.clock.nowMs();
  for (const replicated of spec?.replicatedJobs ?? []) {
    if (!isDue(replicated, spec, draft.status) || (isInOrder(spec) && isStarted(replicated, draft.status))) continue;
    for (const job of children.active) if (job.spec?.suspend === true && replicatedJobOf(job) === replicated.name) await resume(job, jobSet, replicated, context);
    if (isInOrder(spec)) return withJobSetCondition(draft, STARTING, nowMs);
  }
  return withJobSetCondition(draft, RESUMED, nowMs);
}

/** Source: kubernetes-sigs/jobset, ttl_after_finished.go. */
async function expire({ metadata, spec, status }: JobSet, { client, clock }: ReconcileContext): Promise<ReconcileResult | void> {
  if (spec?.ttlSecondsAfterFinished === undefined) return;
  const endedMs = Date.parse(jobSetEnd({ status })?.lastTransitionTime ?? '');
  const leftMs = endedMs + spec.ttlSecondsAfterFinished * 1_000 - clock.nowMs();
  if (leftMs > 0) return { requeueAfterMs: leftMs };
  await ifThere(client.delete(JobSet, metadata.name ?? '', { namespace: metadata.namespace, propagationPolicy: 'Foreground', preconditions: { uid: metadata.uid } }));
}
