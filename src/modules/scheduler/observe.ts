/** Keeps the scheduler's Cluster and queue in step with the caches, and tells the queue what may help a waiting pod. */
import { isDeepStrictEqual } from 'node:util';
import { Namespace } from '../../api/core/namespace.ts';
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { Service } from '../../api/core/service.ts';
import { isPodTerminal } from '../../api/pod-readiness.ts';
import type { CacheEvent, Caches } from '../../sdk/index.ts';
import type { Cluster } from './framework/cluster.ts';
import type { ClusterEvent, NodeChange } from './framework/cluster-event.ts';
import { podInfoOf, type PodInfo } from './framework/pod-info.ts';
import type { SchedulingQueue } from './framework/queue.ts';

export interface Observer {
  cluster: Cluster;
  queue: SchedulingQueue;
  /** Whether a profile is responsible for pods of this schedulerName. */
  isOurs(schedulerName: string): boolean;
  /** Called when the queue may have something to do. */
  changed(): void;
}

/** Gives the way to stop. */
export function observe(caches: Caches, observer: Observer): () => void {
  const { cluster, queue } = observer;
  const wake = (event: ClusterEvent): void => {
    queue.wake(event);
    observer.changed();
  };
  const stops = [
    caches.of(Namespace).subscribe(({ type, key, object }) => {
      cluster.setNamespace(key, type === 'deleted' ? undefined : (object.metadata.labels ?? {}));
      wake({ type: 'namespace-changed', name: key });
    }),
    caches.of(Node).subscribe((event) => observeNode(event, cluster, wake)),
    caches.of(Service).subscribe(({ type, object: { metadata, spec } }) => cluster.services.set(metadata.namespace ?? '', metadata.name ?? '', type === 'deleted' ? undefined : spec?.selector)),
    caches.of(Pod).subscribe((event) => observePod(event, observer, wake)),
  ];
  return () => stops.forEach((stop) => stop());
}

function observeNode({ type, key, object }: CacheEvent<Node>, cluster: Cluster, wake: (event: ClusterEvent) => void): void {
  if (type === 'deleted') {
    cluster.removeNode(key);
    return wake({ type: 'node-removed', name: key });
  }
  const before = cluster.node(key);
  if (before?.node === undefined) return wake({ type: 'node-added', node: cluster.setNode(object) });
  const changed = changeOf(before.node, object);
  if (changed === undefined) return void (before.node = object); // a heartbeat
  const node = cluster.setNode(object);
  if (changed.labels || changed.taints || changed.allocatable) wake({ type: 'node-changed', node, changed });
}

/** Undefined when nothing that matters to scheduling is different. */
function changeOf(before: Node, after: Node): NodeChange | undefined {
  const labels = !isDeepStrictEqual(before.metadata.labels, after.metadata.labels);
  const taints = before.spec?.unschedulable !== after.spec?.unschedulable || !isDeepStrictEqual(before.spec?.taints, after.spec?.taints);
  const allocatable = !isDeepStrictEqual(before.status?.allocatable, after.status?.allocatable);
  const images = !isDeepStrictEqual(before.status?.images, after.status?.images);
  return labels || taints || allocatable || images ? { labels, taints, allocatable } : undefined;
}

function observePod({ type, object: pod }: CacheEvent<Pod>, observer: Observer, wake: (event: ClusterEvent) => void): void {
  const { cluster, queue } = observer;
  const uid = pod.metadata.uid ?? '';
  if (type === 'deleted' || isPodTerminal(pod)) {
    queue.remove(uid);
    const nominated = cluster.withdrawNomination(uid);
    const gone = cluster.removePod(uid);
    if (gone !== undefined) wake({ type: 'pod-removed', pod: gone });
    else if (nominated !== undefined) wake({ type: 'pod-removed', pod: nominated, wasNominated: true });
    return;
  }
  if (pod.spec?.nodeName) {
    queue.remove(uid);
    return observePlaced(pod, cluster, wake);
  }
  if (cluster.placed(uid) !== undefined) return observeAssumed(pod, observer, wake);
  if (pod.metadata.deletionTimestamp !== undefined || !observer.isOurs(pod.spec?.schedulerName ?? 'default-scheduler')) return queue.remove(uid);
  const info = podInfoOf(pod);
  const freed = followNomination(info, cluster);
  queue.set(info);
  if (freed === undefined) observer.changed();
  else wake({ type: 'pod-removed', pod: freed, wasNominated: true });
}

/** The binding is under way. What is to go gives its room back at once: it may wait for volumes for long, and will not be bound. Source: upstream, handleAssumedPodDeletion. */
function observeAssumed({ metadata: { uid = '', deletionTimestamp } }: Pod, { cluster, queue }: Observer, wake: (event: ClusterEvent) => void): void {
  if (deletionTimestamp === undefined) return;
  queue.remove(uid);
  const gone = cluster.removePod(uid);
  if (gone !== undefined) wake({ type: 'pod-removed', pod: gone });
}

/** Gives the pod as it was, when the room that was kept for it elsewhere is free now. Source: upstream, hasNominatedNodeNameChanged, updateNominatedPod. */
function followNomination(info: PodInfo, cluster: Cluster): PodInfo | undefined {
  const before = cluster.nomination(info.uid);
  const nodeName = info.pod.status?.nominatedNodeName;
  if (nodeName) cluster.nominate(info, nodeName);
  // It was nominated here a moment ago, and the API does not say so yet.
  else if (before !== undefined && !before.info.pod.status?.nominatedNodeName) cluster.nominate(info, before.nodeName);
  else cluster.withdrawNomination(info.uid);
  return before === undefined || cluster.nomination(info.uid)?.nodeName === before.nodeName ? undefined : before.info;
}

function observePlaced(pod: Pod, cluster: Cluster, wake: (event: ClusterEvent) => void): void {
  const before = cluster.placed(pod.metadata.uid ?? '')?.info;
  cluster.setPod(pod);
  const after = cluster.placed(pod.metadata.uid ?? '')?.info;
  if (after === undefined || after === before) return;
  if (before === undefined) wake({ type: 'pod-placed', pod: after });
  else if (isSmaller(after, before)) wake({ type: 'pod-shrunk', pod: after });
  else if (!isDeepStrictEqual(before.labels, after.labels)) wake({ type: 'pod-relabelled', pod: after });
}

function isSmaller({ requests: after }: PodInfo, { requests: before }: PodInfo): boolean {
  return after.cpuMillis < before.cpuMillis || after.memoryBytes < before.memoryBytes;
}
