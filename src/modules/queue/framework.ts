/** What is suspended until its Workload is admitted, and then runs where that says: Jobs and their like. Source: Kueue, jobframework. */
import { equalJson } from '../../api/json.ts';
import { WORKLOAD_PRIORITY_SOURCE } from '../../api/kueue/conversion.ts';
import { JOB_UID, PRIORITY_CLASS } from '../../api/kueue/names.ts';
import type { PodSet } from '../../api/kueue/types.ts';
import { Workload } from '../../api/kueue/workload.ts';
import type { Kind } from '../../api/kind.ts';
import type { Json, KubeObject } from '../../api/meta.ts';
import { controllerReference } from '../../api/owner.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { keyOf, watching, type Caches, type Controller, type ReconcileContext } from '../../sdk/index.ts';
import { conditionOf, is, isReserved } from './conditions.ts';
import { amountOf } from './demand.ts';
import { finish, release, setPodsReady } from './owned.ts';
import { isTold, longestRun, priorityOf, queueNameOf, toldBy, workloadFor, workloadName, workloadsOf, type Order } from './owner.ts';
import { countOf, replacesKeyOf, scaledSets, sliceAfter, slicesInOrder } from './slices.ts';
import { withoutRepeatedEnv } from './pod-sets.ts';
import { lacksClass, namingClass } from './priority-classes.ts';
import { prebuiltIn, prebuiltNameOf, waitsForPrebuilt } from './prebuilt.ts';
import { startInfoOf, type StartInfo } from './start-info.ts';
import { createView } from './view.ts';

/** What a kind of jobs says of itself. Its functions take objects as they are and give new ones. */
export interface Integration<T extends KubeObject> {
  readonly kind: Kind<T>;
  /** How the names of its Workloads begin. */
  readonly prefix: string;
  /** Kinds that its functions read beside it. */
  readonly reads?: readonly Kind[];
  /** Whether queues have to do with it. */
  isOurs(job: T): boolean;
  /** Throws Error where that cannot be told yet. */
  podSetsOf(job: T, caches: Caches): PodSet[];
  /** The PriorityClass of the whole, which goes before those of its pods. */
  priorityClassOf?(job: T): string | undefined;
  isSuspended(job: T): boolean;
  suspended(job: T): T;
  /** It may be scaled while it runs, since its further pods wait at a gate. */
  isElastic?(job: T): boolean;
  /** Pods of it are there. */
  isActive(job: T): boolean;
  endOf(job: T): { failed: boolean; message: string } | undefined;
  /** All of its pods are ready, or have succeeded. */
  isReady(job: T, workload: Workload, caches: Caches): boolean;
  /** Pods that it does not need any more. */
  reclaimableOf(job: T, caches: Caches): { name: string; count: number }[];
  /** Still suspended, with what its flavors add, where that must be there before it runs. */
  prepared?(job: T, workload: Workload, infoOf: (set: string) => StartInfo, caches: Caches): T;
  /** Runs, with what its flavors add. */
  started(job: T, workload: Workload, infoOf: (set: string) => StartInfo, caches: Caches): T;
  /** Suspended, with templates as the Workload remembers them. */
  restored(job: T, workload: Workload, caches: Caches): T;
  /** What must be done before templates may change. */
  beforeRestore?(job: T, context: ReconcileContext): Promise<T>;
}

/** Until it can be told whose part a job is. */
const UNKNOWN_MS = 5_000;

/** `isPart`: whether it waits with a parent that is in a queue, and needs no turn of its own; undefined where that cannot be told now. */
export function jobControllerOf<T extends KubeObject>(integration: Integration<T>, order: Order, isPart: (job: T) => Promise<boolean | undefined>): Controller<T> {
  const work = new Work(integration, order);
  return {
    name: `queued-${integration.kind.plural}`,
    for: integration.kind,
    owns: [Workload],
    watches: [watching(Workload, waitsForPrebuilt(integration.kind)), namingClass(integration.kind)],
    reads: integration.reads ?? [],
    async reconcile(_key, job, context) {
      if (job === undefined || queueNameOf(job) === undefined || job.metadata.deletionTimestamp !== undefined || !integration.isOurs(job)) return undefined;
      const part = await isPart(job);
      if (part === undefined) return { requeueAfterMs: UNKNOWN_MS };
      if (part) return undefined;
      await work.reconcile(job, context);
      return undefined;
    },
  };
}

class Work<T extends KubeObject> {
  readonly #of: Integration<T>;
  readonly #order: Order;

  constructor(integration: Integration<T>, order: Order) {
    this.#of = integration;
    this.#order = order;
  }

  async reconcile(job: T, context: ReconcileContext): Promise<void> {
    const isPrebuilt = prebuiltNameOf(job) !== undefined;
    const [workload, ...more] = isPrebuilt ? await prebuiltIn(this.#of.kind, job, context) : slicesInOrder(workloadsOf(context.caches, job.metadata.uid ?? ''));
    const slice = workload === undefined ? undefined : more.find((each) => replacesKeyOf(each) === keyOf(workload));
    for (const each of more.filter((one) => one !== slice)) await this.#remove(job, each, context);
    const end = this.#of.endOf(job);
    if (workload === undefined) {
      if (end !== undefined) return;
      if (!this.#of.isSuspended(job)) await this.#suspend(job, 'The job waits in a queue', context);
      if (!isPrebuilt) await this.#create(job, context);
      return this.#order.forget(job);
    }
    if (is(workload, 'Finished')) return;
    if (end !== undefined) {
      for (const each of slice === undefined ? [workload] : [workload, slice]) await finish(each, end.failed ? 'Failed' : 'Succeeded', end.message || (end.failed ? 'Job failed' : 'Job finished successfully'), job, context);
      return;
    }
    if (slice !== undefined) return this.#exchange(job, workload, slice, context);
    if (is(workload, 'Evicted') && isReserved(workload)) return this.#evict(job, workload, context);
    if (!isPrebuilt && isReserved(workload) && this.#isResized(job, workload, context.caches)) return this.#isElastic(job, workload) ? this.#scale(job, workload, context) : this.#replace(job, workload, context);
    if (isReserved(workload) && (await this.#reprioritize(job, workload, context))) return;
    if (is(workload, 'Admitted') && isReserved(workload)) return this.#of.isSuspended(job) ? this.#start(job, workload, context) : this.#watchOver(job, workload, context);
    if (!this.#of.isSuspended(job)) return void (await this.#suspend(job, 'Not admitted by cluster queue', context));
    if (isReserved(workload)) return;
    if (!isPrebuilt) return this.#update(job, workload, context);
    if (!equalJson(shapeOf(this.#podSetsOf(job, context.caches)), shapeOf(workload.spec.podSets))) await finish(workload, 'OutOfSync', 'The prebuilt workload is out of sync with its user job', job, context);
  }

  #podSetsOf(job: T, caches: Caches): PodSet[] {
    return withoutRepeatedEnv(this.#of.podSetsOf(job, caches));
  }

  async #create(job: T, context: ReconcileContext): Promise<void> {
    if (lacksClass(job, context)) return;
    const { client, caches, events } = context;
    const name = workloadName(this.#of.prefix, job.metadata);
    const wanted = workloadFor({ name, owner: job, references: [controllerReference(this.#of.kind, job)], podSets: this.#podSetsOf(job, caches), priorityClass: this.#of.priorityClassOf?.(job), submittedAt: this.#order.of(job), labels: { [JOB_UID]: job.metadata.uid ?? '' } }, caches);
    await client.create(Workload, wanted);
    events.event(job, 'Normal', 'CreatedWorkload', `Created Workload: ${job.metadata.namespace}/${name}`);
  }

  /** Whether it would take more or less than its Workload has: it was scaled since. */
  #isResized(job: T, { spec, status }: Workload, caches: Caches): boolean {
    return this.#podSetsOf(job, caches).some(({ name, count }) => {
      const [set, assignment] = [spec.podSets.find((each) => each.name === name), status?.admission?.podSetAssignments.find((each) => each.name === name)];
      const had = this.#of.isSuspended(job) || assignment === undefined ? set?.count : countOf({ spec }, assignment);
      return had !== undefined && had !== count;
    });
  }

  /** Where its pods are placed by topology, a job that is scaled waits anew. */
  #isElastic(job: T, { status }: Workload): boolean {
    return !this.#of.isSuspended(job) && this.#of.isElastic?.(job) === true && status?.admission?.podSetAssignments.every(({ topologyAssignment }) => topologyAssignment === undefined) === true;
  }

  /** Fewer pods give back what they had at once; more wait as a slice, while the others run. */
  async #scale(job: T, workload: Workload, context: ReconcileContext): Promise<void> {
    const podSets = scaledSets(workload, this.#podSetsOf(job, context.caches));
    if (!isWider(podSets, workload.spec.podSets)) return void (await context.client.update(Workload, { ...workload, spec: { ...workload.spec, podSets } }));
    const { name, uid, generation } = job.metadata;
    const slice = sliceAfter(workload, { name: workloadName(this.#of.prefix, { name, uid: `${uid}/${generation}` }), podSets, submittedAt: `${new Date(context.clock.nowMs()).toISOString().slice(0, -1)}000Z` });
    await context.client.create(Workload, slice);
    context.events.event(job, 'Normal', 'CreatedWorkload', `Created Workload: ${slice.metadata.namespace}/${slice.metadata.name}`);
  }

  /** Source: Kueue, workloadslicing EnsureWorkloadSlices, with two slices. */
  async #exchange(job: T, workload: Workload, slice: Workload, context: ReconcileContext): Promise<void> {
    if (isReserved(slice)) return finish(workload, 'WorkloadSliceReplaced', `Replaced to accommodate a workload (UID: ${slice.metadata.uid}, JobUID: ${job.metadata.uid}) due to workload slice aggregation`, job, context);
    if (is(workload, 'Evicted') || !isReserved(workload)) return this.#giveUp(job, workload, context);
    const podSets = scaledSets(slice, this.#podSetsOf(job, context.caches));
    if (!isWider(podSets, workload.spec.podSets)) await this.#remove(job, slice, context);
    else if (!equalJson(shapeOf(podSets), shapeOf(slice.spec.podSets))) await context.client.update(Workload, { ...slice, spec: { ...slice.spec, podSets } });
    await this.#watchOver(job, workload, context);
  }

  /** The job stops, and waits as what it wants to be now: its slice asks for all of it then. */
  async #giveUp(job: T, workload: Workload, context: ReconcileContext): Promise<void> {
    const now = this.#of.isSuspended(job) ? job : await this.#suspend(job, conditionOf(workload, 'Evicted')?.message ?? 'Not admitted by cluster queue', context);
    if (this.#of.isActive(now)) return;
    await finish(workload, 'OutOfSync', 'The workload slice is out of sync with its parent job', await this.#restore(now, workload, context), context);
  }

  /** It stops and waits anew, with a Workload of its new size and in its old place. Source: Kueue, jobframework ensureOneWorkload (NoMatchingWorkload). */
  async #replace(job: T, workload: Workload, context: ReconcileContext): Promise<void> {
    const now = this.#of.isSuspended(job) ? job : await this.#suspend(job, 'No matching Workload; its parallelism was changed', context);
    if (this.#of.isActive(now)) return;
    await this.#restore(now, workload, context);
    await this.#remove(job, workload, context);
  }

  async #remove(job: T, { metadata }: Workload, { client, events }: ReconcileContext): Promise<void> {
    await ifThere(client.delete(Workload, metadata.name ?? '', { namespace: metadata.namespace, preconditions: { uid: metadata.uid } }));
    events.event(job, 'Normal', 'DeletedWorkload', `Deleted not matching Workload: ${metadata.namespace}/${metadata.name}`);
  }

  /** A suspended job may be changed, or go to another queue, and say other things of itself. */
  async #update(job: T, workload: Workload, context: ReconcileContext): Promise<void> {
    if (lacksClass(job, context)) return;
    const { client, caches } = context;
    const podSets = this.#podSetsOf(job, caches);
    const { maximumExecutionTimeSeconds: longest, ...rest } = workload.spec;
    const spec: Workload['spec'] = { ...rest, ...longestRun(job), queueName: queueNameOf(job), ...priorityOf(job, podSets, caches, this.#of.priorityClassOf?.(job)), podSets };
    const told = toldBy(job);
    const annotations = Object.entries(workload.metadata.annotations ?? {});
    const saysSo = spec.maximumExecutionTimeSeconds === longest && equalJson(Object.fromEntries(annotations.filter(([key]) => isTold(key))), told);
    const same = saysSo && spec.queueName === workload.spec.queueName && (spec.priority ?? 0) === (workload.spec.priority ?? 0) && (spec.priorityClassName ?? '') === (workload.spec.priorityClassName ?? '') && equalJson(shapeOf(podSets), shapeOf(workload.spec.podSets));
    if (same) return;
    await client.update(Workload, { ...workload, metadata: { ...workload.metadata, annotations: { ...Object.fromEntries(annotations.filter(([key]) => !isTold(key))), ...told } }, spec });
  }

  /** One that runs may be given another WorkloadPriorityClass. Gives whether it was. Source: Kueue, jobframework UpdateWorkloadPriority. */
  async #reprioritize(job: T, workload: Workload, context: ReconcileContext): Promise<boolean> {
    const { client, caches, events } = context;
    const { priorityClassName: before = '', priorityClassSource: source = '' } = workload.spec;
    // What it has already it keeps, though that class be gone.
    if (source !== WORKLOAD_PRIORITY_SOURCE || before === '' || job.metadata.labels?.[PRIORITY_CLASS] === before || lacksClass(job, context)) return false;
    const wanted = priorityOf(job, workload.spec.podSets, caches, this.#of.priorityClassOf?.(job));
    if (wanted.priorityClassSource !== source || wanted.priorityClassName === before) return false;
    await client.update(Workload, { ...workload, spec: { ...workload.spec, ...wanted } });
    events.event(job, 'Normal', 'UpdatedWorkload', `Updated workload priority class: ${keyOf(workload)}`);
    return true;
  }

  /** Lets the job run: with the labels of its flavors, and as many pods at a time as were admitted. */
  async #start(job: T, workload: Workload, context: ReconcileContext): Promise<void> {
    const view = createView(context.caches);
    const infoOf = (set: string): StartInfo => startInfoOf(workload, set, view);
    const ready = this.#of.prepared === undefined ? job : await context.client.update(this.#of.kind, this.#of.prepared(job, workload, infoOf, context.caches));
    await context.client.update(this.#of.kind, this.#of.started(ready, workload, infoOf, context.caches));
    context.events.event(job, 'Normal', 'Started', `Admitted by clusterQueue ${workload.status?.admission?.clusterQueue}`);
  }

  /** While it runs: whether its pods are ready, and which of them it does not need any more. */
  async #watchOver(job: T, workload: Workload, context: ReconcileContext): Promise<void> {
    const next = { ...setPodsReady(workload, this.#of.isReady(job, workload, context.caches), context.clock.nowMs()) };
    const reclaimable = this.#of.reclaimableOf(job, context.caches);
    if (!equalJson(reclaimable, (workload.status?.reclaimablePods ?? []) as Json)) next.reclaimablePods = reclaimable;
    if (!equalJson(next as Json, (workload.status ?? {}) as Json)) await context.client.update(Workload, { ...workload, status: next }, { subresource: 'status' });
  }

  /** Suspends the job and makes it as it was; when the last of its pods has ended, its quota is free. */
  async #evict(job: T, workload: Workload, context: ReconcileContext): Promise<void> {
    const { reason = 'Evicted', message = '' } = conditionOf(workload, 'Evicted') ?? {};
    let now = job;
    if (!this.#of.isSuspended(now)) now = await this.#suspend(now, message, context);
    if (this.#of.isActive(now)) return;
    now = await this.#restore(now, workload, context);
    await release(workload, reason, message, now, context);
  }

  async #suspend(job: T, why: string, { client, events }: ReconcileContext): Promise<T> {
    const next = await client.update(this.#of.kind, this.#of.suspended(job));
    events.event(job, 'Normal', 'Stopped', why);
    return next;
  }

  /** The Workload remembers how the templates were. */
  async #restore(job: T, workload: Workload, context: ReconcileContext): Promise<T> {
    if (equalJson(this.#of.restored(job, workload, context.caches) as unknown as Json, job as unknown as Json)) return job;
    const ready = (await this.#of.beforeRestore?.(job, context)) ?? job;
    return context.client.update(this.#of.kind, this.#of.restored(ready, workload, context.caches));
  }
}

function isWider(podSets: readonly PodSet[], than: readonly PodSet[]): boolean {
  return podSets.some(({ name, count }) => count > (than.find((each) => each.name === name)?.count ?? 0));
}

/** What of the pod sets makes a difference to a queue; the rest is as the door left it. */
function shapeOf(podSets: readonly PodSet[]): Json {
  return podSets.map(({ name, count, minCount, topologyRequest, template: { spec } }) => ({
    name, count, minCount: minCount ?? null, topology: (topologyRequest ?? null) as unknown as Json, nodeSelector: spec?.nodeSelector ?? {}, tolerations: (spec?.tolerations ?? []) as unknown as Json, affinity: (spec?.affinity ?? null) as unknown as Json,
    containers: (spec?.containers ?? []).map(({ name: container, resources, image }) => ({ container, image: image ?? '', requests: amountsOf(resources?.requests), limits: amountsOf(resources?.limits) })),
  }));
}

/** Custom resources keep quantities as they were written, a number even. */
function amountsOf(quantities: Readonly<Record<string, string>> = {}): Json {
  return Object.fromEntries(Object.entries(quantities).map(([resource, quantity]) => [resource, amountOf(resource, quantity)]));
}
