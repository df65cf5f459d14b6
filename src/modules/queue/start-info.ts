/** What the flavors that a Workload got add to its pods. */
import type { Toleration } from '../../api/generated/core-v1.ts';
import type { TopologyAssignment, Workload } from '../../api/kueue/types.ts';
import { CLUSTER_QUEUE_LABEL, LOCAL_QUEUE_LABEL, POD_SET_LABEL, TOPOLOGY_LABEL, WORKLOAD_ANNOTATION } from '../../api/kueue/names.ts';
import type { View } from './view.ts';

export interface StartInfo {
  count: number;
  nodeSelector: Record<string, string>;
  tolerations: Toleration[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Where the pods go, in a flavor with a topology. */
  topology?: TopologyAssignment;
}

/** Of one set of pods: the labels and tolerations of its flavors, what admission checks add, and by which queues they were let go. */
export function startInfoOf({ metadata, spec, status }: Workload, setName: string, { flavorOf }: Pick<View, 'flavorOf'>): StartInfo {
  const assignment = status?.admission?.podSetAssignments.find(({ name }) => name === setName);
  const count = assignment?.count ?? spec.podSets.find(({ name }) => name === setName)?.count ?? 1;
  const info: StartInfo = { count, nodeSelector: {}, tolerations: [], labels: queueLabels(spec.queueName, status?.admission?.clusterQueue, setName), annotations: { [WORKLOAD_ANNOTATION]: metadata.name ?? '' } };
  if (assignment?.topologyAssignment !== undefined) {
    info.topology = assignment.topologyAssignment;
    info.labels[TOPOLOGY_LABEL] = 'true';
  }
  for (const name of new Set(Object.values(assignment?.flavors ?? {}))) {
    const { nodeLabels = {}, tolerations = [] } = flavorOf(name)?.spec ?? {};
    Object.assign(info.nodeSelector, nodeLabels);
    info.tolerations.push(...tolerations);
  }
  for (const { podSetUpdates = [] } of status?.admissionChecks ?? []) {
    for (const update of podSetUpdates.filter(({ name }) => name === setName)) {
      Object.assign(info.nodeSelector, update.nodeSelector);
      Object.assign(info.labels, update.labels);
      Object.assign(info.annotations, update.annotations);
      info.tolerations.push(...(update.tolerations ?? []));
    }
  }
  return info;
}

/** Names may be longer than labels. */
function queueLabels(localQueue = '', clusterQueue = '', setName: string): Record<string, string> {
  return Object.fromEntries([[LOCAL_QUEUE_LABEL, localQueue], [CLUSTER_QUEUE_LABEL, clusterQueue], [POD_SET_LABEL, setName]].filter(([, name = '']) => name !== '' && name.length <= 63));
}
