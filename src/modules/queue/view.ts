/** What the module sees of the cluster, by its caches. */
import { Namespace } from '../../api/core/namespace.ts';
import { Cohort, ClusterQueue } from '../../api/kueue/cluster-queue.ts';
import { AdmissionCheck, LocalQueue, ResourceFlavor } from '../../api/kueue/local-queue.ts';
import { Topology } from '../../api/kueue/topology.ts';
import { Workload } from '../../api/kueue/workload.ts';
import { matcherOfSelector } from '../../api/selector.ts';
import type { Caches } from '../../sdk/index.ts';
import { activityOf, localActivityOf, type Known } from './activity.ts';
import { gatesOf } from './admission-gates.ts';
import { conditionOf, is } from './conditions.ts';

export type QueueOf =
  | { readonly queue: ClusterQueue; readonly localQueue: LocalQueue }
  /** Why the workload cannot wait in any queue. */
  | { readonly refusal: string; /** Of its condition; default Inadmissible. */ readonly reason?: 'AdmissionGated' };

export interface View extends Known {
  readonly caches: Caches;
  /** The queue in which the workload may wait for quota. */
  queueFor(workload: Workload, nowMs: number): QueueOf;
}

export function createView(caches: Caches): View {
  const known: Known = {
    flavorOf: (name) => caches.of(ResourceFlavor).get(name),
    checkOf: (name) => caches.of(AdmissionCheck).get(name),
    topologyOf: (name) => caches.of(Topology).get(name),
    queueOf: (name) => caches.of(ClusterQueue).get(name),
  };
  return {
    ...known, caches,
    queueFor(workload, nowMs) {
      const { metadata: { namespace = '' }, spec: { queueName = '', active }, status } = workload;
      if (active === false) return { refusal: 'The workload is deactivated' };
      const gates = gatesOf(workload);
      if (gates !== undefined) return { refusal: `Admission is gated by: ${gates}`, reason: 'AdmissionGated' };
      const localQueue = caches.of(LocalQueue).get(`${namespace}/${queueName}`);
      if (localQueue === undefined) return { refusal: `LocalQueue ${queueName} is terminating or missing` };
      const name = localQueue.spec?.clusterQueue ?? '';
      const queue = known.queueOf(name);
      if (queue === undefined) return { refusal: `ClusterQueue ${name} is terminating or missing` };
      const activity = activityOf(queue, known);
      if (!activity.active) return { refusal: `ClusterQueue ${name} is inactive: ${activity.message}` };
      const localActivity = localActivityOf(localQueue, known);
      if (!localActivity.active) return { refusal: `LocalQueue ${queueName} is inactive: ${localActivity.message}` };
      const { namespaceSelector } = queue.spec ?? {};
      if (namespaceSelector === undefined || namespaceSelector === null || !matcherOfSelector(namespaceSelector).matches(caches.of(Namespace).get(namespace)?.metadata.labels)) return { refusal: "Workload namespace doesn't match ClusterQueue selector" };
      if (Date.parse(status?.requeueState?.requeueAt ?? '') > nowMs) return { refusal: `The workload waits until ${status?.requeueState?.requeueAt} before it is queued again` };
      // Who was set back says first that it is back (life.ts), and is let in then.
      if (conditionOf(workload, 'Requeued')?.status === 'False') return { refusal: 'The workload is about to be queued again' };
      if (is(workload, 'Finished')) return { refusal: 'The workload is finished' };
      return { queue, localQueue };
    },
  };
}

export const VIEWED = [Namespace, Cohort, ClusterQueue, AdmissionCheck, LocalQueue, ResourceFlavor, Workload] as const;
