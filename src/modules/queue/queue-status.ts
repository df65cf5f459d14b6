/** The status of ClusterQueues and LocalQueues: how much of each flavor is reserved and used, how many wait. Source: Kueue, core/clusterqueue_controller and localqueue_controller. */
import { withCondition } from '../../api/conditions.ts';
import { equalJson } from '../../api/json.ts';
import { ClusterQueue, Cohort } from '../../api/kueue/cluster-queue.ts';
import { AdmissionCheck, LocalQueue, ResourceFlavor } from '../../api/kueue/local-queue.ts';
import type { Condition, FlavorUsage } from '../../api/kueue/types.ts';
import { Topology } from '../../api/kueue/topology.ts';
import { Workload } from '../../api/kueue/workload.ts';
import type { Json } from '../../api/meta.ts';
import { rfc3339 } from '../../base/clock.ts';
import { keyOf, watching, type Caches, type Controller } from '../../sdk/index.ts';
import { activityOf, localActivityOf, type Activity } from './activity.ts';
import { is, isReserved } from './conditions.ts';
import { createConsumption } from './consumption.ts';
import type { UseSharing } from './configuration.ts';
import { keptPartOf } from './slices.ts';
import { amountOf, quantityFor } from './demand.ts';
import { keepWhileUsed } from './in-use.ts';
import { sharesByUse } from './settings.ts';
import { createView } from './view.ts';

const BY_QUEUE = 'local-queue';
const BY_CLUSTER_QUEUE = 'admitted-in';
/** Of a LocalQueue's status. */
const MOST_FLAVORS = 16;

/** With fair sharing: in thousandths. */
export type ShareOf = (kind: 'ClusterQueue' | 'Cohort', name: string) => number | undefined;

/** Of cohorts it is told what they have of what others lend them. */
export const cohortStatus = (shareOf: ShareOf): Controller<Cohort> => ({
  name: 'cohort-status',
  for: Cohort,
  watches: [watching(ClusterQueue, (_queue, caches) => caches.of(Cohort).list().map(keyOf))],
  async reconcile(name, cohort, { client }) {
    const weightedShare = cohort === undefined ? undefined : shareOf('Cohort', name);
    if (cohort === undefined || weightedShare === undefined || cohort.status?.fairSharing?.weightedShare === weightedShare) return;
    await client.update(Cohort, { ...cohort, status: { ...cohort.status, fairSharing: { weightedShare } } }, { subresource: 'status' });
  },
});

/** `hasTopologies`: whether the cluster serves them; a definition of Kueue before 0.9 has none. */
export const clusterQueueStatus = (shareOf: ShareOf, { hasTopologies }: { hasTopologies: boolean }): Controller<ClusterQueue> => ({
  name: 'cluster-queue-status',
  for: ClusterQueue,
  watches: [
    watching(Workload, (workload, caches) => [workload.status?.admission?.clusterQueue, caches.of(LocalQueue).get(`${workload.metadata.namespace}/${workload.spec.queueName}`)?.spec?.clusterQueue].filter((each) => each !== undefined)),
    watching(LocalQueue, ({ spec }) => (spec?.clusterQueue === undefined ? [] : [spec.clusterQueue])),
    watching(ResourceFlavor, (_flavor, caches) => caches.of(ClusterQueue).list().map(keyOf)),
    watching(AdmissionCheck, (_check, caches) => caches.of(ClusterQueue).list().map(keyOf)),
    ...(hasTopologies ? [watching(Topology, (_topology, caches) => caches.of(ClusterQueue).list().map(keyOf))] : []),
  ],
  async reconcile(name, queue, { caches, client, clock }) {
    if (queue === undefined) return;
    const waiting = caches.of(LocalQueue).list().filter(({ spec }) => spec?.clusterQueue === name).flatMap((each) => waitingIn(caches, each));
    const reserving = inClusterQueue(caches, name).filter((each) => !is(each, 'Finished') && isReserved(each));
    if (await keepWhileUsed(ClusterQueue, queue, reserving.length > 0, client)) return;
    const admitted = reserving.filter((each) => is(each, 'Admitted'));
    const weightedShare = shareOf('ClusterQueue', name);
    const status = {
      ...queue.status, ...(weightedShare !== undefined && { fairSharing: { weightedShare } }), conditions: withActive(queue.status?.conditions, activityOf(queue, createView(caches)), clock.nowMs(), queue.metadata.generation),
      flavorsReservation: usageOf(queue, reserving, { borrowed: true }), flavorsUsage: usageOf(queue, admitted, { borrowed: true }),
      pendingWorkloads: waiting.length, reservingWorkloads: reserving.length, admittedWorkloads: admitted.length,
    };
    if (!equalJson(status as unknown as Json, (queue.status ?? null) as unknown as Json)) await client.update(ClusterQueue, { ...queue, status }, { subresource: 'status' });
  },
});

export function localQueueStatus(useSharing: UseSharing): Controller<LocalQueue> {
  const consumption = createConsumption(useSharing);
  return {
    name: 'local-queue-status',
    for: LocalQueue,
    watches: [
      watching(Workload, ({ metadata, spec }) => [`${metadata.namespace}/${spec.queueName}`]),
      watching(ClusterQueue, (queue, caches) => caches.of(LocalQueue).list().filter(({ spec }) => spec?.clusterQueue === queue.metadata.name).map(keyOf)),
      watching(ResourceFlavor, (flavor, caches) => caches.of(LocalQueue).list().filter(({ status }) => status?.flavors?.some(({ name }) => name === flavor.metadata.name) === true).map(keyOf)),
    ],
    async reconcile(key, localQueue, { caches, client, clock }) {
      if (localQueue === undefined) return consumption.forget(key);
      const all = inLocalQueue(caches, key);
      const queue = caches.of(ClusterQueue).get(localQueue.spec?.clusterQueue ?? '');
      const reserving = all.filter(isReserved);
      const admitted = reserving.filter((each) => is(each, 'Admitted'));
      const usage = (workloads: readonly Workload[]): FlavorUsage[] => (queue === undefined ? [] : usageOf(queue, workloads, { borrowed: false }));
      const flavorUsage = usage(admitted);
      const use = sharesByUse(queue?.spec) ? consumption.of(localQueue, flavorUsage, clock.nowMs()) : undefined;
      // What it used is told for as long as its queue shares by use.
      const { fairSharing: _before, ...before } = localQueue.status ?? {};
      const status = {
        ...before, conditions: withActive(localQueue.status?.conditions, localActivityOf(localQueue, createView(caches)), clock.nowMs(), localQueue.metadata.generation),
        flavorsReservation: usage(reserving), flavorUsage, pendingWorkloads: waitingIn(caches, localQueue).length, reservingWorkloads: reserving.length, admittedWorkloads: admitted.length,
        ...(queue !== undefined && { flavors: flavorsOf(queue, caches) }),
        ...(use !== undefined && { fairSharing: use.shown }),
      };
      if (!equalJson(status as unknown as Json, (localQueue.status ?? null) as unknown as Json)) await client.update(LocalQueue, { ...localQueue, status }, { subresource: 'status' });
      return use && { requeueAfterMs: use.againAfterMs };
    },
  };
}

/** A stopped LocalQueue queues nobody, and who is deactivated waits for nothing. */
function waitingIn(caches: Caches, queue: LocalQueue): readonly Workload[] {
  if ((queue.spec?.stopPolicy ?? 'None') !== 'None') return [];
  return inLocalQueue(caches, keyOf(queue)).filter((each) => !isReserved(each) && each.spec.active !== false);
}

/** What who may use only the LocalQueue can know of the flavors behind it. */
function flavorsOf({ spec }: ClusterQueue, caches: Caches): NonNullable<NonNullable<LocalQueue['status']>['flavors']> {
  return (spec?.resourceGroups ?? []).flatMap(({ flavors }) => flavors).slice(0, MOST_FLAVORS).map(({ name, resources }) => {
    const { nodeLabels, nodeTaints, topologyName } = caches.of(ResourceFlavor).get(name)?.spec ?? {};
    const levels = topologyName === undefined ? undefined : caches.of(Topology).get(topologyName)?.spec?.levels.map(({ nodeLabel }) => nodeLabel);
    return { name, resources: resources.map((each) => each.name), ...(nodeLabels !== undefined && { nodeLabels }), ...(nodeTaints !== undefined && { nodeTaints }), ...(levels !== undefined && { topology: { name: topologyName!, levels } }) };
  });
}

/** Those that are not over. */
function inLocalQueue(caches: Caches, key: string): readonly Workload[] {
  const cache = caches.of(Workload);
  cache.addIndex(BY_QUEUE, ({ metadata, spec, status }) => (status?.conditions?.some(({ type, status: value }) => type === 'Finished' && value === 'True') === true ? [] : [`${metadata.namespace}/${spec.queueName}`]));
  return cache.byIndex(BY_QUEUE, key);
}

function inClusterQueue(caches: Caches, name: string): readonly Workload[] {
  const cache = caches.of(Workload);
  cache.addIndex(BY_CLUSTER_QUEUE, ({ status }) => (status?.admission === undefined || status.conditions?.some(({ type, status: value }) => type === 'Finished' && value === 'True') === true ? [] : [status.admission.clusterQueue]));
  return cache.byIndex(BY_CLUSTER_QUEUE, name);
}

function withActive(conditions: readonly Condition[] = [], { active, reason, message }: Activity, nowMs: number, generation: number | undefined): Condition[] {
  return withCondition<Condition>(conditions, { type: 'Active', status: active ? 'True' : 'False', reason, message, ...(generation !== undefined && { observedGeneration: generation }) }, rfc3339(nowMs));
}

/** Of every flavor and resource of the queue, those that nobody uses included. */
function usageOf({ spec }: ClusterQueue, workloads: readonly Workload[], { borrowed }: { borrowed: boolean }): FlavorUsage[] {
  const used = new Map<string, number>();
  for (const workload of workloads) {
    for (const assignment of workload.status?.admission?.podSetAssignments ?? []) {
      const { flavors = {}, resourceUsage = {} } = assignment;
      const left = keptPartOf(workload, assignment);
      for (const [resource, quantity] of Object.entries(resourceUsage)) {
        const key = `${flavors[resource]}/${resource}`;
        used.set(key, (used.get(key) ?? 0) + amountOf(resource, quantity) * left);
      }
    }
  }
  return (spec?.resourceGroups ?? []).flatMap(({ flavors }) => flavors.map(({ name: flavor, resources }) => ({
    name: flavor,
    resources: resources.map(({ name, nominalQuota }) => {
      const total = used.get(`${flavor}/${name}`) ?? 0;
      return { name, total: quantityFor(name, total), ...(borrowed && { borrowed: quantityFor(name, spec?.cohort ? Math.max(0, total - amountOf(name, nominalQuota)) : 0) }) };
    }),
  })));
}
