/** Jobs in queues: each gets a Workload, is suspended until that is admitted, and then runs where and as wide as it was admitted. Source: Kueue, jobframework and jobs/job. */
import { Job } from '../../api/batch/job.ts';
import { isJobCondition, isJobFinished } from '../../api/batch/job-status-validation.ts';
import type { PodTemplateSpec } from '../../api/generated/core-v1.ts';
import { equalJson } from '../../api/json.ts';
import { COMPLETIONS_EQUAL_PARALLELISM, JOB_UID, MAIN, MIN_PARALLELISM, TOPOLOGY_GATE } from '../../api/kueue/names.ts';
import type { PodSet } from '../../api/kueue/types.ts';
import { Workload } from '../../api/kueue/workload.ts';
import type { Json } from '../../api/meta.ts';
import { controllerReference } from '../../api/owner.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { watching, type Controller, type ReconcileContext } from '../../sdk/index.ts';
import { conditionOf, is, isReserved } from './conditions.ts';
import { finish, release, setPodsReady } from './owned.ts';
import { priorityOf, queueNameOf, workloadFor, workloadName, workloadsOf, type Order } from './owner.ts';
import { prebuiltIn, prebuiltNameOf, waitsForPrebuilt } from './prebuilt.ts';
import { startInfoOf } from './start-info.ts';
import { topologyRequestOf } from './pod-sets.ts';
import { COMPLETION_INDEX } from './topology-pods.ts';
import { createView } from './view.ts';

/** Labels that the Job's controller adds to its template. */
const MANAGED_LABELS = ['job-name', 'controller-uid', 'batch.kubernetes.io/job-name', 'batch.kubernetes.io/controller-uid'];

export function jobController(order: Order): Controller<Job> {
  return {
    name: 'queued-jobs',
    for: Job,
    owns: [Workload],
    watches: [watching(Workload, waitsForPrebuilt)],
    async reconcile(_key, job, context) {
      if (job === undefined || queueNameOf(job) === undefined || job.metadata.deletionTimestamp !== undefined || (job.spec?.managedBy ?? 'kubernetes.io/job-controller') !== 'kubernetes.io/job-controller') return;
      await reconcile(job, order, context);
    },
  };
}

async function reconcile(job: Job, order: Order, context: ReconcileContext): Promise<void> {
  const isPrebuilt = prebuiltNameOf(job) !== undefined;
  const [workload, ...others] = isPrebuilt ? await prebuiltIn(job, context) : workloadsOf(context.caches, job.metadata.uid ?? '');
  for (const { metadata } of others) await ifThere(context.client.delete(Workload, metadata.name ?? '', { namespace: metadata.namespace }));
  if (workload === undefined) {
    if (isJobFinished(job)) return;
    if (job.spec?.suspend !== true) await suspend(job, 'The job waits in a queue', context);
    if (!isPrebuilt) await create(job, order.of(job), context);
    return order.forget(job);
  }
  if (is(workload, 'Finished')) return;
  if (isJobFinished(job)) {
    const failed = isJobCondition(job, 'Failed');
    const message = job.status?.conditions?.find(({ type, status }) => (type === 'Failed' || type === 'Complete') && status === 'True')?.message;
    return finish(workload, failed ? 'Failed' : 'Succeeded', message || (failed ? 'Job failed' : 'Job finished successfully'), job, context);
  }
  if (is(workload, 'Evicted') && isReserved(workload)) return evict(job, workload, context);
  if (!isPrebuilt && isReserved(workload) && isResized(job, workload)) return replace(job, workload, context);
  if (is(workload, 'Admitted') && isReserved(workload)) {
    if (job.spec?.suspend === true) return start(job, workload, context);
    return watchOver(job, workload, context);
  }
  if (job.spec?.suspend !== true) return void (await suspend(job, 'Not admitted by cluster queue', context));
  if (isReserved(workload)) return;
  if (!isPrebuilt) return update(job, workload, context);
  if (!equalJson(shapeOf(podSetsOf(job)), shapeOf(workload.spec.podSets))) await finish(workload, 'OutOfSync', 'The prebuilt workload is out of sync with its user job', job, context);
}

async function create(job: Job, submittedAt: string, { client, caches, events }: ReconcileContext): Promise<void> {
  const name = workloadName('job', job.metadata);
  const wanted = workloadFor({ name, owner: job, references: [controllerReference(Job, job)], podSets: podSetsOf(job), submittedAt, labels: { [JOB_UID]: job.metadata.uid ?? '' } }, caches);
  await client.create(Workload, wanted);
  events.event(job, 'Normal', 'CreatedWorkload', `Created Workload: ${job.metadata.namespace}/${name}`);
}

/** Whether it would take more or less than its Workload has: its parallelism was changed since. */
function isResized(job: Job, { spec, status }: Workload): boolean {
  const had = job.spec?.suspend === true ? spec.podSets[0]?.count : status?.admission?.podSetAssignments[0]?.count;
  return had !== undefined && had !== podsCount(job);
}

/** It stops and waits anew, with a Workload of its new size and in its old place. Source: Kueue, jobframework ensureOneWorkload (NoMatchingWorkload). */
async function replace(job: Job, workload: Workload, context: ReconcileContext): Promise<void> {
  const now = job.spec?.suspend === true ? job : await suspend(job, 'No matching Workload; its parallelism was changed', context);
  if ((now.status?.active ?? 0) > 0) return;
  await restore(now, workload, context);
  await ifThere(context.client.delete(Workload, workload.metadata.name ?? '', { namespace: workload.metadata.namespace, preconditions: { uid: workload.metadata.uid } }));
}

/** A suspended job may be changed, or go to another queue. */
async function update(job: Job, workload: Workload, { client, caches }: ReconcileContext): Promise<void> {
  const podSets = podSetsOf(job);
  const spec: Workload['spec'] = { ...workload.spec, queueName: queueNameOf(job), ...priorityOf(job, podSets, caches), podSets };
  const same = spec.queueName === workload.spec.queueName && (spec.priority ?? 0) === (workload.spec.priority ?? 0) && equalJson(shapeOf(podSets), shapeOf(workload.spec.podSets));
  if (!same) await client.update(Workload, { ...workload, spec });
}

/** What of the pod sets makes a difference to a queue; the rest is as the door left it. */
function shapeOf(podSets: readonly PodSet[]): Json {
  return podSets.map(({ name, count, minCount, topologyRequest, template: { spec } }) => ({
    name, count, minCount: minCount ?? null, topology: (topologyRequest ?? null) as unknown as Json, nodeSelector: spec?.nodeSelector ?? {}, tolerations: (spec?.tolerations ?? []) as unknown as Json, affinity: (spec?.affinity ?? null) as unknown as Json,
    containers: (spec?.containers ?? []).map(({ name: container, resources, image }) => ({ container, image: image ?? '', resources: (resources ?? {}) as unknown as Json })),
  }));
}

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

/** Lets the job run: with the labels of its flavors, and as many pods at a time as were admitted. */
async function start(job: Job, workload: Workload, context: ReconcileContext): Promise<void> {
  const info = startInfoOf(workload, MAIN, createView(context.caches));
  const next = structuredClone(job);
  const { template } = next.spec!;
  next.spec!.suspend = false;
  if (workload.spec.podSets[0]?.minCount !== undefined) widen(next, info.count);
  merge(template, info);
  await context.client.update(Job, next);
  context.events.event(job, 'Normal', 'Started', `Admitted by clusterQueue ${workload.status?.admission?.clusterQueue}`);
}

function widen(job: Job, count: number): void {
  job.spec!.parallelism = count;
  if (job.metadata.annotations?.[COMPLETIONS_EQUAL_PARALLELISM] === 'true') job.spec!.completions = count;
}

function merge(template: PodTemplateSpec, { nodeSelector, tolerations, labels, annotations, topology }: ReturnType<typeof startInfoOf>): void {
  const spec = template.spec!;
  if (topology !== undefined) spec.schedulingGates = [...(spec.schedulingGates ?? []).filter(({ name }) => name !== TOPOLOGY_GATE), { name: TOPOLOGY_GATE }];
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
  if (tolerations.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...tolerations];
  if (Object.keys(labels).length > 0) template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, ...labels } };
  if (Object.keys(annotations).length > 0) template.metadata = { ...template.metadata, annotations: { ...template.metadata?.annotations, ...annotations } };
}

/** While it runs: whether its pods are ready, and which of them it does not need any more. */
async function watchOver(job: Job, workload: Workload, context: ReconcileContext): Promise<void> {
  const { succeeded = 0, ready = 0 } = job.status ?? {};
  const wide = workload.status?.admission?.podSetAssignments[0]?.count ?? podsCount(job);
  const next = setPodsReady(workload, succeeded + ready >= wide, context.clock.nowMs());
  const { parallelism = 1, completions } = job.spec ?? {};
  const remaining = (completions ?? parallelism) - succeeded;
  const reclaimable = parallelism > 1 && succeeded > 0 && remaining < parallelism ? [{ name: MAIN, count: parallelism - remaining }] : [];
  if (!equalJson(reclaimable, (workload.status?.reclaimablePods ?? []) as Json)) next.reclaimablePods = reclaimable;
  if (!equalJson(next as Json, (workload.status ?? {}) as Json)) await context.client.update(Workload, { ...workload, status: next }, { subresource: 'status' });
}

/** Suspends the job and makes it as it was; when the last of its pods has ended, its quota is free. */
async function evict(job: Job, workload: Workload, context: ReconcileContext): Promise<void> {
  const { reason = 'Evicted', message = '' } = conditionOf(workload, 'Evicted') ?? {};
  let now = job;
  if (now.spec?.suspend !== true) now = await suspend(now, message, context);
  if ((now.status?.active ?? 0) > 0) return;
  now = await restore(now, workload, context);
  await release(workload, reason, message, now, context);
}

async function suspend(job: Job, why: string, { client, events }: ReconcileContext): Promise<Job> {
  const next = await client.update(Job, { ...job, spec: { ...job.spec!, suspend: true } });
  events.event(job, 'Normal', 'Stopped', why);
  return next;
}

/** The Workload remembers how the template was. A template may change only of a job that has no start time. */
async function restore(job: Job, workload: Workload, { client }: ReconcileContext): Promise<Job> {
  const set = workload.spec.podSets[0];
  if (set === undefined) return job;
  const before = structuredClone(set.template);
  for (const label of MANAGED_LABELS) {
    const value = job.spec!.template.metadata?.labels?.[label];
    if (value !== undefined) ((before.metadata ??= {}).labels ??= {})[label] = value;
  }
  const next = structuredClone(job);
  const { nodeSelector, tolerations, schedulingGates } = before.spec ?? {};
  next.spec!.template.spec = withOrWithout(next.spec!.template.spec!, { nodeSelector, tolerations, schedulingGates });
  if (set.minCount !== undefined) widen(next, set.count);
  next.spec!.template.metadata = withOrWithout({ ...next.spec!.template.metadata }, { labels: before.metadata?.labels, annotations: before.metadata?.annotations });
  if (equalJson(next.spec as unknown as Json, job.spec as unknown as Json)) return job;
  if (job.status?.startTime !== undefined) {
    const { startTime: _startTime, ...status } = job.status;
    next.metadata = (await client.update(Job, { ...job, status }, { subresource: 'status' })).metadata;
  }
  return client.update(Job, next);
}

function withOrWithout<T extends object>(object: T, fields: Partial<T>): T {
  const next = { ...object, ...fields };
  for (const key of Object.keys(fields) as (keyof T)[]) if (fields[key] === undefined) delete next[key];
  return next;
}

