/** visibility.kueue.x-k8s.io: who waits in a ClusterQueue or a LocalQueue, in which place. Source: Kueue, apis/visibility and pkg/visibility/storage. */
import { ApiError } from '../../api/errors.ts';
import { LocalQueue } from '../../api/kueue/local-queue.ts';
import { ClusterQueue } from '../../api/kueue/cluster-queue.ts';
import type { Workload } from '../../api/kueue/types.ts';
import { Workload as WorkloadKind } from '../../api/kueue/workload.ts';
import { keyOf, type Caches, type ModuleContext, type Route, type RouteResource } from '../../sdk/index.ts';
import { is, isReserved } from './conditions.ts';
import { submittedAt } from './demand.ts';

const GROUP = 'visibility.kueue.x-k8s.io';
const VERSIONS = ['v1beta1', 'v1beta2'] as const;
/** Of one answer, where the asker says nothing; and at most. */
const LIMIT = 1_000;
const MOST = 100_000;

const RESOURCES: readonly RouteResource[] = [
  { name: 'clusterqueues', singularName: 'clusterqueue', namespaced: false, kind: 'ClusterQueue', verbs: [] },
  { name: 'clusterqueues/pendingworkloads', singularName: '', namespaced: false, kind: 'PendingWorkloadsSummary', verbs: ['get'] },
  { name: 'localqueues', singularName: 'localqueue', namespaced: true, kind: 'LocalQueue', verbs: [] },
  { name: 'localqueues/pendingworkloads', singularName: '', namespaced: true, kind: 'PendingWorkloadsSummary', verbs: ['get'] },
];

/** All that wait in a ClusterQueue, in order; those that could not be let in as things are come last. Undefined where there is no such queue. */
export type PendingIn = (clusterQueue: string) => readonly Workload[] | undefined;

/** `inOrder`: the keys of those that the policy has, first the next. */
export function pendingOf(clusterQueue: string, inOrder: readonly string[], caches: Caches): Workload[] {
  const workloads = caches.of(WorkloadKind);
  const first = inOrder.map((key) => workloads.get(key)).filter((each) => each !== undefined && !isReserved(each)) as Workload[];
  const told = new Set(first);
  const locals = new Set(caches.of(LocalQueue).list().filter(({ spec }) => spec?.clusterQueue === clusterQueue).map(keyOf));
  const others = workloads.list().filter((each) => locals.has(`${each.metadata.namespace}/${each.spec.queueName}`) && !told.has(each) && !isReserved(each) && !is(each, 'Finished') && each.spec.active !== false);
  return [...first, ...others.sort((left, right) => submittedAt(left) - submittedAt(right))];
}

export function visibilityRoutes({ caches }: Pick<ModuleContext, 'caches'>, pendingIn: PendingIn): Route[] {
  return VERSIONS.map((version) => {
    const apiVersion = `${GROUP}/${version}`;
    return {
      path: `/apis/${apiVersion}`,
      resources: RESOURCES,
      handle({ rest, url: { searchParams }, response }) {
        if (response === undefined) throw new ApiError('BadRequest', 'a summary is no stream that a connection could be upgraded for');
        const body = rest === '' ? { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersion, resources: RESOURCES } : { kind: 'PendingWorkloadsSummary', apiVersion, metadata: {}, items: items(rest, searchParams) };
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(body));
        return Promise.resolve();
      },
    };
  });

  function items(rest: string, query: URLSearchParams): object[] {
    const [, namespace, plural, name = ''] = /^(?:namespaces\/([^/]+)\/)?(clusterqueues|localqueues)\/([^/]+)\/pendingworkloads$/.exec(rest) ?? [];
    if (plural === undefined || (plural === 'localqueues') !== (namespace !== undefined)) throw new ApiError('NotFound', `there is no /apis/${GROUP}/VERSION/${rest}; there are clusterqueues/NAME/pendingworkloads and namespaces/NAMESPACE/localqueues/NAME/pendingworkloads`);
    const queue = plural === 'localqueues' ? caches.of(LocalQueue).get(`${namespace}/${name}`)?.spec?.clusterQueue : caches.of(ClusterQueue).get(name)?.metadata.name;
    const pending = queue === undefined ? undefined : pendingIn(queue);
    if (pending === undefined) throw new ApiError('NotFound', `${plural.slice(0, -1)}.${GROUP} "${name}" not found`);
    return placesIn(pending).filter(({ workload }) => namespace === undefined || isOf(workload, namespace, name)).slice(countOf(query, 'offset', 0)).slice(0, countOf(query, 'limit', LIMIT)).map(summaryOf);
  }
}

interface Placed { workload: Workload; inClusterQueue: number; inLocalQueue: number }

function placesIn(pending: readonly Workload[]): Placed[] {
  const counts = new Map<string, number>();
  return pending.map((workload, inClusterQueue) => {
    const key = `${workload.metadata.namespace}/${workload.spec.queueName}`;
    const inLocalQueue = counts.get(key) ?? 0;
    counts.set(key, inLocalQueue + 1);
    return { workload, inClusterQueue, inLocalQueue };
  });
}

function isOf({ metadata, spec }: Workload, namespace: string, queueName: string): boolean {
  return metadata.namespace === namespace && spec.queueName === queueName;
}

function summaryOf({ workload: { metadata, spec }, inClusterQueue, inLocalQueue }: Placed): object {
  const { name, namespace, creationTimestamp, ownerReferences } = metadata;
  return {
    metadata: { name, namespace, creationTimestamp, ...(ownerReferences !== undefined && { ownerReferences }) }, priority: spec.priority ?? 0, localQueueName: spec.queueName ?? '',
    positionInClusterQueue: inClusterQueue, positionInLocalQueue: inLocalQueue,
  };
}

function countOf(query: URLSearchParams, key: 'limit' | 'offset', otherwise: number): number {
  const text = query.get(key);
  if (text === null || text === '') return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw new ApiError('BadRequest', `${key}=${JSON.stringify(text)}: write a whole number`);
  return Math.min(MOST, Number(text));
}
