/** Pods of Jobs that are placed by topology: each waits at a gate until it is told to which domain it goes. Source: Kueue, tas topology_ungater. */
import { Pod } from '../../api/core/pod.ts';
import { POD_SET_LABEL, TOPOLOGY_GATE, WORKLOAD_ANNOTATION } from '../../api/kueue/names.ts';
import type { PodSet, PodSetAssignment, TopologyAssignment } from '../../api/kueue/types.ts';
import { Workload } from '../../api/kueue/workload.ts';
import { isPodTerminal } from '../../api/pod-readiness.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { watching, type Controller } from '../../sdk/index.ts';
import { is, isReserved } from './conditions.ts';

const BY_WORKLOAD = 'queue-topology-workload';
export const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index';

/** The labels that a pod asks of its node: those of its domain. */
export type DomainLabels = Readonly<Record<string, string>>;

const numberOf = ({ metadata }: Pod, label: string): number => Number(metadata.labels?.[label] ?? NaN);
export const byLabel = (label: string) => (pod: Pod): number => numberOf(pod, label);

/** The place of a pod in its set: by its number, and where the set is of several jobs by theirs first. Source: Kueue, tas topology_ungater (readRanksForLabels). */
export function rankIn({ count, topologyRequest }: Pick<PodSet, 'count' | 'topologyRequest'> = { count: 1 }): (pod: Pod) => number {
  const { podIndexLabel = COMPLETION_INDEX, subGroupIndexLabel, subGroupCount = 1 } = topologyRequest ?? {};
  if (subGroupIndexLabel === undefined || subGroupCount < 1) return byLabel(podIndexLabel);
  return (pod) => numberOf(pod, subGroupIndexLabel) * (count / subGroupCount) + numberOf(pod, podIndexLabel);
}

/** Pure: the domain of each of `waiting`, beside those that are in theirs. Who has a number goes where those with the numbers next to it go; one for whom none is left has none. */
export function domainsFor({ levels, domains }: TopologyAssignment, waiting: readonly Pod[], placed: readonly Pod[], rankOf: (pod: Pod) => number = byLabel(COMPLETION_INDEX)): (DomainLabels | undefined)[] {
  const labelsOf = (values: readonly string[]): DomainLabels => Object.fromEntries(levels.map((level, index) => [level, values[index] ?? '']));
  const inTurn = domains.flatMap(({ values, count }) => Array.from({ length: count }, () => labelsOf(values)));
  const indexes = waiting.map(rankOf);
  const isNumbered = indexes.every((each) => Number.isInteger(each) && each >= 0 && each < inTurn.length) && new Set(indexes).size === indexes.length;
  if (isNumbered && !placed.some((pod) => !isIn(pod.spec?.nodeSelector, inTurn[rankOf(pod)]))) return indexes.map((each) => inTurn[each]);
  for (const { spec } of placed) {
    const taken = inTurn.findIndex((each) => isIn(spec?.nodeSelector, each));
    if (taken >= 0) inTurn.splice(taken, 1);
  }
  return waiting.map((_, index) => inTurn[index]);
}

function isIn(selector: DomainLabels = {}, domain: DomainLabels | undefined): boolean {
  return domain !== undefined && Object.entries(domain).every(([key, value]) => selector[key] === value);
}

const isGatedByTopology = ({ spec }: Pod): boolean => spec?.schedulingGates?.some(({ name }) => name === TOPOLOGY_GATE) === true;

const workloadsOf = ({ metadata }: Pod): string[] => (metadata.annotations?.[WORKLOAD_ANNOTATION] === undefined ? [] : [`${metadata.namespace}/${metadata.annotations[WORKLOAD_ANNOTATION]}`]);

export const topologyPods: Controller<Workload> = {
  name: 'queued-topology-pods',
  for: Workload,
  watches: [watching(Pod, (pod) => (isGatedByTopology(pod) ? workloadsOf(pod) : []))],
  writes: [Pod],
  async reconcile(key, workload, { caches, client }) {
    if (workload === undefined || !is(workload, 'Admitted') || !isReserved(workload) || is(workload, 'Finished')) return;
    const cache = caches.of(Pod);
    cache.addIndex(BY_WORKLOAD, (pod) => (pod.metadata.deletionTimestamp !== undefined || isPodTerminal(pod) ? [] : workloadsOf(pod)));
    const pods = cache.byIndex(BY_WORKLOAD, key).toSorted((left, right) => (left.metadata.name ?? '').localeCompare(right.metadata.name ?? ''));
    for (const assignment of workload.status?.admission?.podSetAssignments ?? []) {
      const own = pods.filter(({ metadata }) => (metadata.labels?.[POD_SET_LABEL] ?? assignment.name) === assignment.name);
      for (const pod of pastGate(assignment, own, rankIn(workload.spec.podSets.find(({ name }) => name === assignment.name)))) await ifThere(client.update(Pod, pod));
    }
  },
};

/** Those at the gate that have a domain now, without the gate. */
function pastGate({ topologyAssignment }: PodSetAssignment, pods: readonly Pod[], rankOf: (pod: Pod) => number): Pod[] {
  const waiting = pods.filter(isGatedByTopology);
  if (topologyAssignment === undefined || waiting.length === 0) return [];
  const domains = domainsFor(topologyAssignment, waiting, pods.filter((each) => !isGatedByTopology(each)), rankOf);
  return waiting.flatMap((pod, index) => (domains[index] === undefined ? [] : [withoutGate(pod, TOPOLOGY_GATE, domains[index])]));
}

export function withoutGate(pod: Pod, gate: string, nodeSelector: DomainLabels): Pod {
  const next = structuredClone(pod);
  const spec = next.spec!;
  const gates = spec.schedulingGates?.filter(({ name }) => name !== gate) ?? [];
  if (gates.length > 0) spec.schedulingGates = gates;
  else delete spec.schedulingGates;
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...nodeSelector };
  return next;
}
