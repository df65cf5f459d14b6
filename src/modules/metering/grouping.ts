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

/** As Prometheus writes the name, and with it OpenCost: `app_kubernetes_io_name`. */
const prometheusName = (name: string): string => name.replace(/[^a-zA-Z0-9_]/g, '_');

/** Reads a label by its own name, else by the one that OpenCost has for it. */
export function labelReader(name: string): (pod: MeteredPod | undefined) => string | undefined {
  const wanted = prometheusName(name);
  return (pod) => {
    const { labels = {} } = pod ?? {};
    return Object.hasOwn(labels, name) ? labels[name] : Object.entries(labels).find(([key]) => prometheusName(key) === wanted)?.[1];
  };
}

/** `namespace,label:app`: throws RangeError with what can be written. */
export function groupingsOf(text: string, cluster = CLUSTER): Grouping[] {
  const named: typeof NAMED = { cluster: () => cluster, ...NAMED };
  return text.split(',').map((each) => {
    const name = each.trim();
    const label = /^label:(.+)$/.exec(name)?.[1];
    const labelled = label === undefined ? undefined : labelReader(label);
    const read: (typeof NAMED)[string] | undefined = labelled === undefined ? (Object.hasOwn(named, name) ? named[name] : undefined) : (_, pod) => labelled(pod);
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
