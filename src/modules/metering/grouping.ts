/** By what bills and allocations are put together. Pure. */
import type { MeteredPod } from '../../api/metering/usage-record.ts';

export interface Grouping {
  name: string;
  read(namespace: string, pod: MeteredPod | undefined): string;
}

const UNALLOCATED = '__unallocated__';
/** Kueue's labels: the queue that let a pod go, or that it names itself. */
const QUEUE_LABELS = ['kueue.x-k8s.io/local-queue-name', 'kueue.x-k8s.io/queue-name'] as const;
const CLUSTER_QUEUE_LABEL = 'kueue.x-k8s.io/cluster-queue-name';

/** What a cluster is called that has no name. */
export const CLUSTER = 'cluster';

const NAMED: Readonly<Record<string, (namespace: string, pod: MeteredPod | undefined) => string | undefined>> = {
  namespace: (namespace) => namespace, node: (_, pod) => pod?.node, pod: (_, pod) => pod?.name, queue: queueOf, clusterQueue: (_, pod) => pod?.labels?.[CLUSTER_QUEUE_LABEL],
  controller: (_, pod) => pod?.owner?.slice(pod.owner.indexOf('/') + 1), controllerKind: (_, pod) => pod?.owner?.slice(0, pod.owner.indexOf('/')).toLowerCase(),
  deployment: ofKind('Deployment'), statefulset: ofKind('StatefulSet'), daemonset: ofKind('DaemonSet'), job: ofKind('Job'),
};

function ofKind(kind: string): (namespace: string, pod: MeteredPod | undefined) => string | undefined {
  return (_, pod) => (pod?.owner?.startsWith(`${kind}/`) === true ? pod.owner.slice(kind.length + 1) : undefined);
}

function queueOf(namespace: string, pod: MeteredPod | undefined): string | undefined {
  const name = QUEUE_LABELS.map((label) => pod?.labels?.[label]).find((each) => each !== undefined);
  return name === undefined ? undefined : `${namespace}/${name}`;
}

/** `namespace,label:app`: throws RangeError with what can be written. */
export function groupingsOf(text: string, cluster = CLUSTER): Grouping[] {
  const named: typeof NAMED = { cluster: () => cluster, ...NAMED };
  return text.split(',').map((each) => {
    const name = each.trim();
    const label = /^label:(.+)$/.exec(name)?.[1];
    const read = label === undefined ? (Object.hasOwn(named, name) ? named[name] : undefined) : (_: string, pod: MeteredPod | undefined) => pod?.labels?.[label];
    if (read === undefined) throw new RangeError(`${JSON.stringify(name)} is nothing to group by: write ${Object.keys(named).join(', ')} or label:NAME`);
    return { name, read: (namespace, pod) => read(namespace, pod) ?? UNALLOCATED };
  });
}

/** The key of several groupings has slashes between; the properties name what all of the group have in common. */
export function keyOf(groupings: readonly Grouping[], namespace: string, pod: MeteredPod | undefined, cluster = CLUSTER): { key: string; properties: Record<string, unknown> } {
  const values = groupings.map(({ name, read }) => [name, read(namespace, pod)] as const);
  const labels = Object.fromEntries(values.filter(([name]) => name.startsWith('label:')).map(([name, value]) => [name.slice('label:'.length), value]));
  return { key: values.map(([, value]) => value).join('/'), properties: { cluster, ...Object.fromEntries(values.filter(([name]) => !name.startsWith('label:'))), ...(Object.keys(labels).length === 0 ? {} : { labels }) } };
}
