/** PodInfo: what the scheduler asks of a pod, worked out once. */
import type { Pod, PodAffinityTerm } from '../../../api/generated/core-v1.ts';
import { controllerOf } from '../../../api/owner.ts';
import { reservedRequests, type ResourceAmounts } from '../../../api/pod-requests.ts';
import { matcherOfSelector, type LabelMatcher, type Labels } from '../../../api/selector.ts';

/** Stand-ins for scoring when a container asks for nothing (upstream: DefaultMilliCPURequest, DefaultMemoryRequest). */
const UNSET = { cpuMillis: 100, memoryBytes: 200 * 1024 * 1024 };

export interface HostPort {
  /** `TCP/80`, without the address. */
  port: string;
  /** '0.0.0.0' is every address. */
  ip: string;
}

/** One term of inter-pod affinity, with the pod's own namespace and labels filled in. */
export interface AffinityTerm {
  topologyKey: string;
  namespaces: ReadonlySet<string>;
  namespaceSelector: LabelMatcher | undefined;
  selector: LabelMatcher;
  weight: number;
  /** Equal for equal terms: pods of one workload share one. */
  signature: string;
}

export interface PodAffinities {
  required: readonly AffinityTerm[];
  requiredAnti: readonly AffinityTerm[];
  preferred: readonly AffinityTerm[];
  preferredAnti: readonly AffinityTerm[];
}

export interface PodInfo {
  pod: Pod;
  uid: string;
  name: string;
  namespace: string;
  labels: Labels;
  priority: number;
  /** Of pods that are one of several replicas. */
  controllerUid: string | undefined;
  requests: ResourceAmounts;
  /** Requests with stand-ins for what is unset. */
  nonZeroCpuMillis: number;
  nonZeroMemoryBytes: number;
  hostPorts: readonly HostPort[];
  affinities: PodAffinities | undefined;
}

export function podInfoOf(pod: Pod): PodInfo {
  const nonZero = reservedRequests(pod, UNSET);
  const namespace = pod.metadata.namespace ?? '';
  return {
    pod, uid: pod.metadata.uid ?? `${namespace}/${pod.metadata.name}`, name: pod.metadata.name ?? '', namespace, labels: pod.metadata.labels ?? NO_LABELS,
    priority: pod.spec?.priority ?? 0, controllerUid: replicasUid(pod), requests: reservedRequests(pod),
    nonZeroCpuMillis: nonZero.cpuMillis, nonZeroMemoryBytes: nonZero.memoryBytes, hostPorts: hostPortsOf(pod), affinities: affinitiesOf(pod),
  };
}

/** Whose pods spread by default: not those of Jobs and DaemonSets. Source: upstream, helper.DefaultSelector. */
const REPLICATING: readonly string[] = ['ReplicaSet', 'StatefulSet', 'ReplicationController'];

function replicasUid(pod: Pod): string | undefined {
  const controller = controllerOf(pod);
  return controller !== undefined && REPLICATING.includes(controller.kind) ? controller.uid : undefined;
}

const NO_LABELS: Labels = {};
const NO_PORTS: readonly HostPort[] = [];

function hostPortsOf(pod: Pod): readonly HostPort[] {
  let ports: HostPort[] | undefined;
  for (const container of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? []).filter((each) => each.restartPolicy === 'Always')]) {
    for (const port of container.ports ?? []) {
      if (port.hostPort) (ports ??= []).push({ port: `${port.protocol ?? 'TCP'}/${port.hostPort}`, ip: port.hostIP || '0.0.0.0' });
    }
  }
  return ports ?? NO_PORTS;
}

function affinitiesOf(pod: Pod): PodAffinities | undefined {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  if (podAffinity === undefined && podAntiAffinity === undefined) return undefined;
  const plain = (terms: readonly PodAffinityTerm[] = []): AffinityTerm[] => terms.map((term) => termOf(pod, term, 1));
  return {
    required: plain(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAnti: plain(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: (podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((each) => termOf(pod, each.podAffinityTerm, each.weight)),
    preferredAnti: (podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((each) => termOf(pod, each.podAffinityTerm, each.weight)),
  };
}

function termOf(pod: Pod, term: PodAffinityTerm, weight: number): AffinityTerm {
  const isOwn = (term.namespaces?.length ?? 0) === 0 && term.namespaceSelector === undefined;
  const namespaces = new Set(isOwn ? [pod.metadata.namespace ?? ''] : term.namespaces);
  const namespaceSelector = term.namespaceSelector === undefined ? undefined : matcherOfSelector(term.namespaceSelector);
  const selector = matcherOfSelector(selectorWithKeys(pod, term));
  const signature = [term.topologyKey, weight, [...namespaces].join(), namespaceSelector?.toString() ?? '-', term.labelSelector === undefined ? '-' : selector.toString()].join('|');
  return { topologyKey: term.topologyKey, namespaces, namespaceSelector, selector, weight, signature };
}

function selectorWithKeys(pod: Pod, term: PodAffinityTerm): PodAffinityTerm['labelSelector'] {
  const labels = pod.metadata.labels ?? {};
  const same = (term.matchLabelKeys ?? []).filter((key) => labels[key] !== undefined).map((key) => ({ key, operator: 'In' as const, values: [labels[key] ?? ''] }));
  const other = (term.mismatchLabelKeys ?? []).filter((key) => labels[key] !== undefined).map((key) => ({ key, operator: 'NotIn' as const, values: [labels[key] ?? ''] }));
  if (term.labelSelector === undefined || same.length + other.length === 0) return term.labelSelector;
  return { ...term.labelSelector, matchExpressions: [...(term.labelSelector.matchExpressions ?? []), ...same, ...other] };
}
