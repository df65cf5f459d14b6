/** What all of an allocation have in common, as OpenCost's AllocationProperties. Pure. */
import type { Grouping } from './grouping.ts';
import { annotationsOf, CLUSTER, labelsOf, namespaceLabelsOf, TEXTS, type Subject } from './subject.ts';

export type Properties = Readonly<Record<string, string | readonly string[] | Readonly<Record<string, string>>>>;

/** Of one pod or container. What it was grouped by stands there too: the others of its group have it. */
export function propertiesOf(groupings: readonly Grouping[], subject: Subject, cluster = CLUSTER): Properties {
  const { pod } = subject;
  const [labels, annotations, namespaceLabels] = [labelsOf(subject), annotationsOf(subject), namespaceLabelsOf(subject)];
  const queues = groupings.filter(({ name }) => name === 'queue' || name === 'clusterQueue').map(({ name, read }) => [name, read(subject)]);
  const names = { cluster, node: TEXTS.node(subject), container: subject.container, controller: TEXTS.controllerName(subject), controllerKind: TEXTS.controllerKind(subject), namespace: subject.namespace, pod: TEXTS.pod(subject) };
  return {
    ...Object.fromEntries([...Object.entries(names), ...queues].filter(([, value]) => value !== undefined)), ...(pod?.services !== undefined && { services: pod.services }),
    ...(size(labels) > 0 && { labels }), ...(size(annotations) > 0 && { annotations }), ...(size(namespaceLabels) > 0 && { namespaceLabels }),
  };
}

/** Of both. Labels and annotations that differ go only if `metadata` asks for those that do not; else all of them go. Source: OpenCost, AllocationProperties.Intersection. */
export function intersection(left: Properties, right: Properties, { metadata }: { metadata: boolean }): Properties {
  const isInOne = left['namespace'] === right['namespace'];
  return Object.fromEntries(Object.entries(left).flatMap(([key, value]): [string, Properties[string]][] => {
    const other = right[key];
    if (typeof value === 'string') return value === other ? [[key, value]] : [];
    if (key === 'namespaceLabels') return isInOne ? [[key, value]] : [];
    if (key === 'services' || !metadata || !isInOne || typeof other !== 'object') return [];
    const shared = Object.entries(value as Record<string, string>).filter(([name, text]) => (other as Record<string, string>)[name] === text);
    return shared.length === 0 ? [] : [[key, Object.fromEntries(shared)]];
  }));
}

function size(texts: object): number {
  return Object.keys(texts).length;
}
