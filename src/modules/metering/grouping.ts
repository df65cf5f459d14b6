/** By what bills and allocations are put together. Pure. */
import { ALIASES, aliasReader, annotationsOf, CLUSTER, keyReader, labelsOf, TEXTS, type Read, type Subject } from './subject.ts';

export interface Grouping {
  name: string;
  read(subject: Subject): string;
}

const UNALLOCATED = '__unallocated__';
/** Kueue's labels: the queue that let a pod go, or that it names itself. */
const QUEUE_LABELS = ['kueue.x-k8s.io/local-queue-name', 'kueue.x-k8s.io/queue-name'] as const;
const CLUSTER_QUEUE_LABEL = 'kueue.x-k8s.io/cluster-queue-name';

const NAMED: Readonly<Record<string, Read>> = {
  namespace: TEXTS.namespace, node: TEXTS.node, pod: TEXTS.pod, container: TEXTS.container, queue: queueOf, clusterQueue: ({ pod }) => pod?.labels?.[CLUSTER_QUEUE_LABEL],
  controller: controllerOf, controllerNamespace: (subject) => controllerOf(subject, { inNamespace: true }), controllerKind: TEXTS.controllerKind,
  deployment: ofKind('Deployment'), statefulset: ofKind('StatefulSet'), daemonset: ofKind('DaemonSet'), job: ofKind('Job', 'CronJob'),
  // A pod of several Services is the first one's.
  service: ({ pod }) => pod?.services?.[0],
  ...Object.fromEntries(Object.keys(ALIASES).map((alias) => [alias, aliasReader(alias)])),
};

/** `deployment:web`; of the namespace, too, where that does not stand beside it. Source: OpenCost, GenerateKey. */
function controllerOf(subject: Subject, { inNamespace = false } = {}): string | undefined {
  const [kind, name] = [TEXTS.controllerKind(subject), TEXTS.controllerName(subject)];
  return name === undefined ? undefined : [kind, ...(inNamespace ? [subject.namespace] : []), name].join(':');
}

function ofKind(...kinds: readonly string[]): Read {
  return ({ pod }) => (kinds.some((kind) => pod?.owner?.startsWith(`${kind}/`) === true) ? pod?.owner?.slice(pod.owner.indexOf('/') + 1) : undefined);
}

function queueOf({ namespace, pod }: Subject): string | undefined {
  const name = QUEUE_LABELS.map((label) => pod?.labels?.[label]).find((each) => each !== undefined);
  return name === undefined ? undefined : `${namespace}/${name}`;
}

/** `namespace,label:app`, in any case; `all` puts all together, and nothing is every container by itself. Throws RangeError with what can be written. */
export function groupingsOf(text: string, cluster = CLUSTER): Grouping[] {
  const named: typeof NAMED = { cluster: () => cluster, ...NAMED };
  const names = (text.trim() || 'cluster,node,namespace,pod,container').split(',').map((each) => each.trim()).filter((each) => each !== '');
  if (names.length === 1 && names[0] === 'all') return [];
  return names.map((each) => {
    const [, map, key = ''] = /^(label|annotation):\s*(.+)$/.exec(each) ?? [];
    const name = map === undefined ? Object.keys(named).find((known) => known.toLowerCase() === each.toLowerCase()) : `${map}:${key}`;
    if (name === undefined) throw new RangeError(`${JSON.stringify(each)} is nothing to group by: write ${Object.keys(named).join(', ')}, label:NAME, annotation:NAME or all`);
    const read = map !== undefined ? keyReader(map === 'label' ? labelsOf : annotationsOf, key) : name === 'controllerNamespace' && names.some((other) => other.toLowerCase() === 'namespace') ? controllerOf : named[name]!;
    return { name, read: (subject) => read(subject) ?? UNALLOCATED };
  });
}

/** The key of several groupings has slashes between. */
export function keyOf(groupings: readonly Grouping[], subject: Subject): string {
  return groupings.map(({ read }) => read(subject)).join('/');
}

export function asksForContainers(groupings: readonly Grouping[]): boolean {
  return groupings.some(({ name }) => name === 'container');
}
