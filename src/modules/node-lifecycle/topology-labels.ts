/** Pods bear the zone and the region of their node, so that the downward API can tell them (upstream: admission plugin PodTopologyLabels; Pods, "Pod topology labels"). */
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import type { Admission } from '../../sdk/index.ts';

const COPIED = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/** When a pod gets its node, or is made with one. What the pod said itself gives way. */
export const podTopologyLabels: Admission = {
  name: 'PodTopologyLabels',
  kinds: [Pod],
  operations: ['CREATE', 'UPDATE'],
  async admit({ operation, subresource, object }, { caches }) {
    const { spec, metadata } = object as Pod;
    if (!spec?.nodeName || !(subresource === 'binding' || (operation === 'CREATE' && !subresource))) return;
    const nodes = caches.of(Node);
    await nodes.ready();
    const labels = nodes.get(spec.nodeName)?.metadata.labels ?? {};
    for (const key of COPIED) if (labels[key] !== undefined) (metadata.labels ??= {})[key] = labels[key];
  },
};
