/** On which nodes a DaemonSet runs, and its pod for one of them (upstream: NodeShouldRunDaemonPod, daemonset_util.go). Pure. */
import { DaemonSet, TEMPLATE_GENERATION } from '../../../api/apps/daemon-set.ts';
import type { Node, Pod, PodSpec, Toleration } from '../../../api/generated/core-v1.ts';
import { requiredNodes } from '../../../api/node-selection.ts';
import { controllerReference } from '../../../api/owner.ts';
import { untolerated } from '../../../api/tolerations.ts';
import { REVISION_HASH } from '../history.ts';

const GENERATION_LABEL = 'pod-template-generation';

/** What every daemon pod bears beside what its template says. */
const TOLERATED: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const TOLERATED_ON_HOST: Toleration = { key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' };

export interface Suitability {
  /** A pod is made there. */
  shouldRun: boolean;
  /** A pod that is there may stay. */
  mayStay: boolean;
}

const NO: Suitability = { shouldRun: false, mayStay: false };

/** Judges nodes for one set: what is the same for all is worked out once. */
export function suitability(set: DaemonSet): (node: Node) => Suitability {
  const spec = set.spec?.template.spec;
  const required = requiredNodes(spec);
  const tolerations = tolerationsOf(spec);
  return ({ metadata, spec: node }) => {
    const name = metadata.name ?? '';
    if (spec?.nodeName && spec.nodeName !== name) return NO;
    if (required?.({ name, labels: metadata.labels ?? {} }) === false) return NO;
    const hard = (node?.taints ?? []).filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');
    if (untolerated(hard, tolerations) === undefined) return { shouldRun: true, mayStay: true };
    return { shouldRun: false, mayStay: untolerated(hard.filter(({ effect }) => effect === 'NoExecute'), tolerations) === undefined };
  };
}

function tolerationsOf(spec: PodSpec | undefined): Toleration[] {
  const own = spec?.tolerations ?? [];
  const added = spec?.hostNetwork === true ? [...TOLERATED, TOLERATED_ON_HOST] : TOLERATED;
  return [...own, ...added.filter((each) => !own.some(({ key, effect, operator }) => key === each.key && effect === each.effect && operator === each.operator))];
}

/** The pod of the set for a node: affinity ties it, and the scheduler binds it. */
export function podForNode(set: DaemonSet, nodeName: string, hash: string): Pod {
  const template = structuredClone(set.spec!.template);
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const generation = set.metadata.annotations?.[TEMPLATE_GENERATION];
  const spec: PodSpec = { containers: [], ...template.spec };
  spec.tolerations = tolerationsOf(spec);
  const { affinity = {} } = spec;
  const only = { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In' as const, values: [nodeName] }] }] };
  spec.affinity = { ...affinity, nodeAffinity: { ...affinity.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: only } };
  return {
    apiVersion: 'v1', kind: 'Pod',
    metadata: {
      generateName: `${set.metadata.name}-`, namespace: set.metadata.namespace,
      labels: { ...labels, ...(generation === undefined ? {} : { [GENERATION_LABEL]: generation }), [REVISION_HASH]: hash },
      ...(annotations === undefined ? {} : { annotations }), ...(finalizers === undefined ? {} : { finalizers }), ownerReferences: [controllerReference(DaemonSet, set)],
    },
    spec,
  };
}

/** Where a pod is, or will be bound. */
export function nodeOf({ spec }: Pod): string | undefined {
  if (spec?.nodeName) return spec.nodeName;
  for (const { matchFields = [] } of spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []) {
    const named = matchFields.find(({ key, operator, values }) => key === 'metadata.name' && operator === 'In' && values?.length === 1);
    if (named !== undefined) return named.values![0];
  }
  return undefined;
}

/** Of the template as it is, by its revision or its generation. */
export function isPodUpdated({ metadata }: Pod, set: DaemonSet, hash: string): boolean {
  const generation = set.metadata.annotations?.[TEMPLATE_GENERATION];
  return metadata.labels?.[REVISION_HASH] === hash || (generation !== undefined && metadata.labels?.[GENERATION_LABEL] === generation);
}
