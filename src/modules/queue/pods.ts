/** Pods in queues, alone or in groups: they wait at a scheduling gate until the Workload that stands for them is admitted. Source: Kueue, jobs/pod. */
import { Pod } from '../../api/core/pod.ts';
import { isPodReady } from '../../api/pod-readiness.ts';
import { equalJson } from '../../api/json.ts';
import { ADMISSION_GATE, ADMISSION_GATED_BY, FAST_ADMISSION, IS_GROUP_WORKLOAD, MANAGED, POD_GROUP, POD_GROUP_TOTAL, PREBUILT, PRIORITY_CLASS, RETRIABLE_IN_GROUP, SERVING } from '../../api/kueue/names.ts';
import { Workload } from '../../api/kueue/workload.ts';
import type { Json, OwnerReference } from '../../api/meta.ts';
import { controllerOf, controllerReference } from '../../api/owner.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { splitKey, watching, type Caches, type Controller, type ReconcileContext } from '../../sdk/index.ts';
import { gatesOf } from './admission-gates.ts';
import { conditionOf, is, isReserved, withStatus } from './conditions.ts';
import { finish, release, setPodsReady } from './owned.ts';
import { priorityOf, queueNameOf, workloadFor, workloadName, type Order } from './owner.ts';
import { isGated } from './pod-rules.ts';
import { podSetsOf, setOf } from './pod-sets.ts';
import { lacksClass, namingClass } from './priority-classes.ts';
import { startInfoOf } from './start-info.ts';
import { byLabel, domainsFor, withoutGate, type DomainLabels } from './topology-pods.ts';
import { createView } from './view.ts';

const BY_WORKLOAD = 'queue-workload';
/** Of pods of a StatefulSet. */
const POD_INDEX = 'apps.kubernetes.io/pod-index';

export function isManaged({ metadata }: Pod): boolean {
  return metadata.labels?.[MANAGED] === 'true' && queueNameOf({ metadata }) !== undefined;
}

/** `namespace/name` of the Workload that stands for the pod. */
function workloadKeyOf({ metadata }: Pod): string {
  return `${metadata.namespace}/${metadata.labels?.[PREBUILT] ?? metadata.labels?.[POD_GROUP] ?? workloadName('pod', metadata)}`;
}

function podsOf(caches: Caches, key: string): Pod[] {
  const cache = caches.of(Pod);
  cache.addIndex(BY_WORKLOAD, (pod) => (isManaged(pod) ? [workloadKeyOf(pod)] : []));
  return cache.byIndex(BY_WORKLOAD, key).toSorted((left, right) => (left.metadata.creationTimestamp ?? '').localeCompare(right.metadata.creationTimestamp ?? '') || (left.metadata.name ?? '').localeCompare(right.metadata.name ?? ''));
}

export function podController(order: Order): Controller<Workload> {
  return {
    name: 'queued-pods',
    for: Workload,
    watches: [watching(Pod, (pod) => (isManaged(pod) ? [workloadKeyOf(pod)] : [])), namingClass(Pod, (pod) => (isManaged(pod) ? [workloadKeyOf(pod)] : []))],
    writes: [Pod],
    async reconcile(key, workload, context) {
      const pods = podsOf(context.caches, key);
      if (pods.length > 0) await reconcile(key, workload, pods, { order, context });
    },
  };
}

const isOver = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';
const hasSucceeded = ({ status }: Pod): boolean => status?.phase === 'Succeeded';
const isKept = ({ metadata }: Pod): boolean => metadata.finalizers?.includes(MANAGED) === true;
const isLeaving = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;

interface How { order: Order; context: ReconcileContext }

async function reconcile(key: string, workload: Workload | undefined, pods: readonly Pod[], { order, context }: How): Promise<void> {
  const total = totalOf(pods);
  const living = pods.filter((each) => !isOver(each) && !isLeaving(each));
  // Of a group that is taken away whole nobody comes in the place of others.
  if (workload === undefined || is(workload, 'Finished') || pods.every(isLeaving)) await letGo(pods, context);
  if (workload === undefined) {
    const lost = living.filter((each) => !isGated(each) && each.spec?.nodeName !== undefined);
    // Whoever deletes the Workload of running pods has them stopped; so does Kueue.
    if (lost.length > 0) return remove(lost, 'Its Workload was deleted', context);
    if (pods[0]!.metadata.labels?.[PREBUILT] === undefined && living.length >= (saysTrue(living, FAST_ADMISSION) ? 1 : total)) await create(key, living.slice(0, total), { total, order, context });
    return;
  }
  if (is(workload, 'Finished')) return;
  const done = doneOf(workload, pods);
  const ended = endOf(pods, total, sumOf(done));
  if (ended !== undefined) return finish(workload, ended, ended === 'Succeeded' ? 'Pods succeeded' : 'Pods failed', pods[0]!, context);
  if (is(workload, 'Evicted') && isReserved(workload)) return evict(workload, pods, context);
  const owned = await tellAbsent(await follow(await own(workload, living, context), living, context), pods, total - living.length - sumOf(done), context);
  if (!is(owned, 'Admitted') || !isReserved(owned)) return;
  const [within, excess] = [living.slice(0, roomFor(done, total)), living.slice(roomFor(done, total)).filter(isGated)];
  for (const { pod, set, domain } of placesOf(owned, within)) await open(pod, owned, { set, domain, context });
  await remove(excess, 'Excess pod: its group has as many as it says', context, 'ExcessPodDeleted');
  if (total > 1 && !saysTrue(pods, SERVING)) await keep(pods, context);
  await watchOver(owned, pods, { total, done }, context);
}

/** How many of each set have succeeded. */
type Done = ReadonlyMap<string, number>;

function doneOf(workload: Workload, pods: readonly Pod[]): Done {
  return new Map(workload.spec.podSets.map(({ name, count }) => [name, Math.min(count, pods.filter((pod) => hasSucceeded(pod) && setOf(pod, workload)?.name === name).length)] as const));
}

/** One that has succeeded is kept, though it be deleted, until its group has ended: it counts for that. In a group that serves another one takes its place. Source: Kueue, the finalizer of pods. */
async function keep(pods: readonly Pod[], { client }: ReconcileContext): Promise<void> {
  for (const pod of pods.filter((each) => hasSucceeded(each) && !isLeaving(each) && !isKept(each))) await ifThere(client.update(Pod, { ...pod, metadata: { ...pod.metadata, finalizers: [...(pod.metadata.finalizers ?? []), MANAGED] } }));
}

async function letGo(pods: readonly Pod[], { client }: ReconcileContext): Promise<void> {
  for (const pod of pods.filter(isKept)) await ifThere(client.update(Pod, { ...pod, metadata: { ...pod.metadata, finalizers: pod.metadata.finalizers?.filter((each) => each !== MANAGED) } }));
}

function sumOf(done: Done): number {
  return [...done.values()].reduce((sum, each) => sum + each, 0);
}

/** Pods that have succeeded need no place in their group any more. */
function roomFor(done: Done, total: number): number {
  return Math.max(0, total - sumOf(done));
}

function saysTrue(pods: readonly Pod[], annotation: string): boolean {
  return pods.some(({ metadata }) => metadata.annotations?.[annotation] === 'true');
}

/** The Workload of a group belongs to its pods, those included that were made later, in the place of others; so it goes with the last of them. */
async function own(workload: Workload, living: readonly Pod[], { client }: ReconcileContext): Promise<Workload> {
  const { ownerReferences = [] } = workload.metadata;
  const missing = living.filter(({ metadata }) => !ownerReferences.some(({ uid }) => uid === metadata.uid));
  if (missing.length === 0 || controllerOf(workload) !== undefined) return workload;
  return client.update(Workload, { ...workload, metadata: { ...workload.metadata, ownerReferences: [...ownerReferences.filter(({ kind, uid }) => kind !== 'Pod' || living.some(({ metadata }) => metadata.uid === uid)), ...missing.map(referenceTo)] } });
}

/** Who waits may go to another queue, and be more or less important there. Source: Kueue, jobframework, the pending Workload's queueName. */
async function follow(workload: Workload, living: readonly Pod[], context: ReconcileContext): Promise<Workload> {
  const { client, caches } = context;
  const waiting = living.find(isGated);
  if (waiting === undefined || isReserved(workload) || lacksClass(waiting, context)) return workload;
  const { queueName, priorityClassName, podSets } = workload.spec;
  const wanted = waiting.metadata.labels?.[PRIORITY_CLASS] === undefined ? {} : priorityOf(waiting, podSets, caches);
  const isSame = queueNameOf(waiting) === queueName && (wanted.priorityClassName ?? priorityClassName) === priorityClassName && gatesOf(waiting) === gatesOf(workload);
  if (isSame) return workload;
  const { [ADMISSION_GATED_BY]: _before, ...annotations } = workload.metadata.annotations ?? {};
  const gates = gatesOf(waiting);
  return client.update(Workload, { ...workload, metadata: { ...workload.metadata, annotations: { ...annotations, ...(gates !== undefined && { [ADMISSION_GATED_BY]: gates }) } }, spec: { ...workload.spec, queueName: queueNameOf(waiting), ...wanted } });
}

const WAITING_FOR_REPLACEMENT = 'WaitingForReplacementPods';

/** Whether a group lacks pods that it had. What serves is made pod by pod anyway. Source: Kueue, jobs/pod waitingForReplacementPodsCondition. */
async function tellAbsent(workload: Workload, pods: readonly Pod[], absent: number, { client, clock }: ReconcileContext): Promise<Workload> {
  const before = conditionOf(workload, WAITING_FOR_REPLACEMENT);
  const lacks = absent > 0 && absent < Infinity;
  if (pods[0]?.metadata.labels?.[POD_GROUP] === undefined || saysTrue(pods, SERVING) || pods.every(isLeaving) || (before === undefined && !lacks)) return workload;
  // With fast admission the others may be yet to come.
  if (before === undefined && saysTrue(pods, FAST_ADMISSION) && !pods.some((each) => isOver(each) || isLeaving(each))) return workload;
  const eviction = is(workload, 'Evicted') ? conditionOf(workload, 'Evicted') : undefined;
  const { reason = 'PodsFailed', message = 'Some Failed pods need replacement' } = eviction ?? (before?.status === 'True' ? before : {});
  const now = { nowMs: clock.nowMs(), generation: workload.metadata.generation };
  const status = lacks ? withStatus(workload.status, WAITING_FOR_REPLACEMENT, 'True', reason, message, now) : withStatus(workload.status, WAITING_FOR_REPLACEMENT, 'False', 'PodsReady', 'No pods need replacement', now);
  const after = conditionOf({ status }, WAITING_FOR_REPLACEMENT);
  const isSame = before !== undefined && before.status === after?.status && before.reason === after.reason && before.message === after.message;
  return isSame ? workload : client.update(Workload, { ...workload, status }, { subresource: 'status' });
}

function referenceTo({ metadata }: Pod): OwnerReference {
  return { apiVersion: 'v1', kind: 'Pod', name: metadata.name ?? '', uid: metadata.uid ?? '' };
}

async function remove(pods: readonly Pod[], why: string, { client, events }: ReconcileContext, reason = 'Stopped'): Promise<void> {
  for (const pod of pods) {
    await ifThere(client.delete(Pod, pod.metadata.name ?? '', { namespace: pod.metadata.namespace, preconditions: { uid: pod.metadata.uid } }));
    events.event(pod, 'Normal', reason, why);
  }
}

/** The size of the group; one for a pod alone. */
function totalOf(pods: readonly Pod[]): number {
  const [first] = pods;
  if (first?.metadata.labels?.[POD_GROUP] === undefined) return 1;
  const total = Math.max(...pods.map(({ metadata }) => Number(metadata.annotations?.[POD_GROUP_TOTAL])));
  return Number.isInteger(total) && total > 0 ? total : Infinity;
}

/** A failed pod of a group may be replaced, unless the group says that it may not. */
function endOf(pods: readonly Pod[], total: number, succeeded: number): 'Succeeded' | 'Failed' | undefined {
  if (saysTrue(pods, SERVING)) return undefined;
  if (succeeded >= total) return 'Succeeded';
  if (pods.some((each) => !isOver(each)) || !pods.some(({ status }) => status?.phase === 'Failed')) return undefined;
  const isGroup = pods[0]?.metadata.labels?.[POD_GROUP] !== undefined;
  return !isGroup || pods.some(({ metadata }) => metadata.annotations?.[RETRIABLE_IN_GROUP] === 'false') ? 'Failed' : undefined;
}

async function create(key: string, pods: readonly Pod[], { total, order, context }: How & { total: number }): Promise<void> {
  const { namespace, name } = splitKey(key);
  const [first] = pods;
  if (lacksClass(first!, context)) return;
  const isGroup = first!.metadata.labels?.[POD_GROUP] !== undefined;
  const references = isGroup ? pods.map(referenceTo) : [controllerReference(Pod, first!)];
  const submittedAt = pods.map((pod) => order.of(pod)).sort().at(-1)!;
  const wanted = workloadFor({ name, owner: first!, references, podSets: podSetsOf(pods, total), submittedAt, ...(isGroup && { annotations: { [IS_GROUP_WORKLOAD]: 'true' } }) }, context.caches);
  await context.client.create(Workload, wanted);
  for (const pod of pods) order.forget(pod);
  context.events.event(first!, 'Normal', 'CreatedWorkload', `Created Workload: ${namespace}/${name}`);
}

interface Place { readonly pod: Pod; readonly set: string; readonly domain?: DomainLabels | undefined }

/** Pods at the gate that may go, each with its set and, in a flavor with a topology, its domain. */
function placesOf(workload: Workload, pods: readonly Pod[]): Place[] {
  const sets = Map.groupBy(pods, (pod) => setOf(pod, workload)?.name);
  return [...sets].flatMap(([set, members]): Place[] => {
    const waiting = members.filter(isGated);
    if (set === undefined) return [];
    const topology = workload.status?.admission?.podSetAssignments.find(({ name }) => name === set)?.topologyAssignment;
    if (topology === undefined) return waiting.map((pod) => ({ pod, set }));
    const number = workload.spec.podSets.find(({ name }) => name === set)?.topologyRequest?.podIndexLabel ?? POD_INDEX;
    const domains = domainsFor(topology, waiting, members.filter((each) => !isGated(each) && !isOver(each)), byLabel(number));
    return waiting.map((pod, index) => ({ pod, set, domain: domains[index] })).filter(({ domain }) => domain !== undefined);
  });
}

/** Takes the gate away. What flavors add goes in at once, since later it may not change. */
async function open(pod: Pod, workload: Workload, { set, domain, context: { client, caches, events } }: Omit<Place, 'pod'> & { context: ReconcileContext }): Promise<void> {
  const { nodeSelector, tolerations, labels, annotations } = startInfoOf(workload, set, createView(caches));
  const next = withoutGate(pod, ADMISSION_GATE, { ...nodeSelector, ...domain });
  const spec = next.spec!;
  if (tolerations.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...tolerations];
  if (Object.keys(labels).length > 0) next.metadata.labels = { ...next.metadata.labels, ...labels };
  if (Object.keys(annotations).length > 0) next.metadata.annotations = { ...next.metadata.annotations, ...annotations };
  await ifThere(client.update(Pod, next));
  events.event(pod, 'Normal', 'Started', `Admitted by clusterQueue ${workload.status?.admission?.clusterQueue}`);
}

async function watchOver(workload: Workload, pods: readonly Pod[], { total, done }: { total: number; done: Done }, { client, clock }: ReconcileContext): Promise<void> {
  const up = sumOf(done) + pods.filter((pod) => !hasSucceeded(pod) && isPodReady(pod) && !isLeaving(pod)).length;
  const status = setPodsReady(workload, up >= total, clock.nowMs());
  const next = { ...status };
  const reclaimable = [...done].map(([name, count]) => ({ name, count })).filter(({ count }) => count > 0);
  if (total > 1 && !equalJson(reclaimable, (workload.status?.reclaimablePods ?? []) as Json)) next.reclaimablePods = reclaimable;
  if (!equalJson(next as unknown as Json, (workload.status ?? {}) as Json)) await client.update(Workload, { ...workload, status: next }, { subresource: 'status' });
}

/** Pods cannot be suspended: they are deleted, all but those that wait anyway. Who made them may make them again, and they wait anew. Source: Kueue, jobs/pod Stop. */
async function evict(workload: Workload, pods: readonly Pod[], context: ReconcileContext): Promise<void> {
  const { reason = 'Evicted', message = '' } = conditionOf(workload, 'Evicted') ?? {};
  const living = pods.filter((each) => !isOver(each) && !isGated(each));
  await remove(living.filter((each) => !isLeaving(each)), message, context);
  if (living.length === 0) await release(workload, reason, message, pods[0]!, context);
}
