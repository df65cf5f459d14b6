/** LeaderWorkerSets in queues: each group, a leader and its workers, waits as one, and serves until it is scaled away. Source: Kueue, jobs/leaderworkerset. */
import { Pod } from '../../../api/core/pod.ts';
import type { PodTemplateSpec } from '../../../api/generated/core-v1.ts';
import { LeaderWorkerSet, type ForeignObject } from '../../../api/kueue/frameworks.ts';
import { IS_GROUP_WORKLOAD, MAIN, MANAGED, POD_GROUP, POD_GROUP_TOTAL, PREBUILT, QUEUE_NAME, ROLE_HASH, SUSPENDING_PARENT } from '../../../api/kueue/names.ts';
import type { PodSet } from '../../../api/kueue/types.ts';
import { Workload } from '../../../api/kueue/workload.ts';
import { isPodTerminal } from '../../../api/pod-readiness.ts';
import { ifThere } from '../../../sdk/if-there.ts';
import { watching, type Controller, type ReconcileContext } from '../../../sdk/index.ts';
import { lacksClass, namingClass } from '../priority-classes.ts';
import { queueNameOf, workloadFor, workloadName, workloadsOf, type Order } from '../owner.ts';
import { topologyRequestOf } from '../pod-sets.ts';
import { at, countAt } from './fields.ts';
import { podSetOf } from './integration.ts';

/** How its pods say what suspends them. */
export const FRAMEWORK_NAME = 'leaderworkerset.x-k8s.io/leaderworkerset';
const [SET_NAME, GROUP_INDEX, WORKER_INDEX, LEADER_NAME] = ['name', 'group-index', 'worker-index', 'leader-name'].map((name) => `leaderworkerset.sigs.k8s.io/${name}`) as [string, string, string, string];
export const TEMPLATE = ['spec', 'leaderWorkerTemplate'] as const;
const BY_SET = 'queue-leader-worker-set';

const sizeOf = (set: ForeignObject): number => countAt(set, [...TEMPLATE, 'size']) ?? 1;
const hasLeader = (set: ForeignObject): boolean => at(set, [...TEMPLATE, 'leaderTemplate']) !== undefined;

/** Of one group. Labels are not told, since pods of LeaderWorkerSets get theirs later. */
function groupSetsOf(set: ForeignObject): PodSet[] {
  const of = (name: string, field: string, count: number, numbers = {}): PodSet => {
    const template = at(set, [...TEMPLATE, field]) as PodTemplateSpec;
    const topologyRequest = topologyRequestOf(template.metadata?.annotations, numbers);
    return { ...podSetOf({ name, count, template: { spec: template.spec! } }), ...(topologyRequest !== undefined && { topologyRequest }) };
  };
  const numbers = { podIndexLabel: WORKER_INDEX };
  if (!hasLeader(set)) return [of(MAIN, 'workerTemplate', sizeOf(set), numbers)];
  return [of('leader', 'leaderTemplate', 1), ...(sizeOf(set) > 1 ? [of('worker', 'workerTemplate', sizeOf(set) - 1, numbers)] : [])];
}

/** While more groups than it should have are there for the time of an update, these count, too. Source: Kueue, filterWorkloads. */
export function groupsOf(set: ForeignObject): number {
  const replicas = countAt(set, ['spec', 'replicas']) ?? 1;
  const [surge, there] = [at(set, ['spec', 'rolloutStrategy', 'rollingUpdateConfiguration', 'maxSurge']), countAt(set, ['status', 'replicas']) ?? 0];
  const isUpdating = surge !== undefined && surge !== 0 && surge !== '0%' && (countAt(set, ['status', 'updatedReplicas']) ?? 0) < replicas;
  return isUpdating ? Math.max(replicas, there) : replicas;
}

export const groupName = ({ metadata: { name, uid } }: ForeignObject, index: number | string): string => workloadName(LeaderWorkerSet.kind, { name: `${name}-${index}`, uid });

const setKeyOf = ({ metadata }: Pod): string[] => (metadata.annotations?.[SUSPENDING_PARENT] === FRAMEWORK_NAME && metadata.labels?.[SET_NAME] !== undefined ? [`${metadata.namespace}/${metadata.labels[SET_NAME]}`] : []);

export function leaderWorkerSetController(order: Order): Controller<ForeignObject> {
  return {
    name: 'queued-leaderworkersets',
    for: LeaderWorkerSet,
    watches: [watching(Workload, ({ metadata }) => (metadata.ownerReferences ?? []).filter(({ kind }) => kind === LeaderWorkerSet.kind).map(({ name }) => `${metadata.namespace}/${name}`)), watching(Pod, setKeyOf), namingClass(LeaderWorkerSet)],
    writes: [Workload, Pod],
    async reconcile(key, set, context) {
      if (set === undefined || queueNameOf(set) === undefined || set.metadata.deletionTimestamp !== undefined) return;
      await makeGroups(set, order, context);
      const cache = context.caches.of(Pod);
      cache.addIndex(BY_SET, setKeyOf);
      for (const pod of cache.byIndex(BY_SET, key)) await join(pod, set, context);
    },
  };
}

/** A Workload for each group that there should be, and none for others. */
async function makeGroups(set: ForeignObject, order: Order, { client, caches, events }: ReconcileContext): Promise<void> {
  const { name = '', namespace, uid = '' } = set.metadata;
  const there = workloadsOf(caches, uid);
  const wanted = Array.from({ length: groupsOf(set) }, (_, index) => groupName(set, index));
  const references = [{ apiVersion: `${LeaderWorkerSet.group}/${LeaderWorkerSet.version}`, kind: LeaderWorkerSet.kind, name, uid }];
  for (const each of wanted.filter((one) => !there.some(({ metadata }) => metadata.name === one))) {
    if (lacksClass(set, { caches, events })) break;
    await client.create(Workload, workloadFor({ name: each, owner: set, references, podSets: groupSetsOf(set), submittedAt: order.of(set), annotations: { [IS_GROUP_WORKLOAD]: 'true' } }, caches));
    events.event(set, 'Normal', 'CreatedWorkload', `Created Workload: ${namespace}/${each}`);
  }
  for (const { metadata } of there.filter((each) => !wanted.includes(each.metadata.name ?? ''))) await ifThere(client.delete(Workload, metadata.name ?? '', { namespace, preconditions: { uid: metadata.uid } }));
}

/** The pod learns of which group and set it is once its operator has told its number: until then it waits at its gate. */
async function join(pod: Pod, set: ForeignObject, { client }: ReconcileContext): Promise<void> {
  const { labels = {}, annotations = {}, deletionTimestamp } = pod.metadata;
  const index = labels[GROUP_INDEX];
  if (labels[QUEUE_NAME] !== undefined || index === undefined || deletionTimestamp !== undefined || isPodTerminal(pod)) return;
  const group = groupName(set, index);
  const role = !hasLeader(set) ? MAIN : annotations[LEADER_NAME] === undefined ? 'leader' : 'worker';
  const metadata = {
    ...pod.metadata, labels: { ...labels, [MANAGED]: 'true', [QUEUE_NAME]: queueNameOf(set)!, [POD_GROUP]: group, [PREBUILT]: group },
    annotations: { ...annotations, [POD_GROUP_TOTAL]: String(sizeOf(set)), [ROLE_HASH]: role },
  };
  await ifThere(client.update(Pod, { ...pod, metadata }));
}
