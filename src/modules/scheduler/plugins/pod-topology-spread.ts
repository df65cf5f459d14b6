/** PodTopologySpread: pods of one sort spread over zones, nodes or any topology (core/v1 TopologySpreadConstraint). */
import type { TopologySpreadConstraint } from '../../../api/generated/core-v1.ts';
import type { Cluster, CountByNode } from '../framework/cluster.ts';
import { isNodeEvent } from '../framework/cluster-event.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { MOST_SCORE, rejection, type NodeTest, type Plugin, type Scorer } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import { matcherOfSelector, type LabelMatcher } from '../../../api/selector.ts';
import { requiredNodes } from '../../../api/node-selection.ts';
import { untolerated } from '../../../api/tolerations.ts';

const TOO_SKEWED = rejection('PodTopologySpread', "node(s) didn't match pod topology spread constraints");
const NO_LABEL = rejection('PodTopologySpread', "node(s) didn't match pod topology spread constraints (missing required label)", { unresolvable: true });
const HOSTNAME = 'kubernetes.io/hostname';

/** What pods of a controller or of a Service get that say nothing themselves (upstream: System defaulting). */
const SYSTEM_DEFAULTS: readonly DefaultConstraint[] = [{ topologyKey: HOSTNAME, maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' }, { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' }];

/** A constraint of pods of a controller or of a Service that have none of their own. */
export type DefaultConstraint = Pick<TopologySpreadConstraint, 'topologyKey' | 'maxSkew' | 'whenUnsatisfiable'>;

interface Spread {
  topologyKey: string;
  maxSkew: number;
  minDomains: number;
  byNode: CountByNode;
  matchesSelf: boolean;
  isEligible(node: NodeInfo): boolean;
}

/** `defaults`: instead of upstream's. */
export const podTopologySpread = (defaultConstraints: readonly DefaultConstraint[] = SYSTEM_DEFAULTS): Plugin => ({
  name: 'PodTopologySpread',
  filter(pod, cluster) {
    const spreads = hasConstraints(pod) ? spreadsOf(pod, cluster, 'DoNotSchedule') : defaultSpreads(pod, cluster, defaultConstraints, 'DoNotSchedule');
    return spreads.length === 0 ? undefined : testOf(spreads, cluster);
  },
  score(pod, cluster, feasible) {
    const own = spreadsOf(pod, cluster, 'ScheduleAnyway');
    if (own.length > 0) return scorerOf(own, feasible, { requireAll: true });
    const defaults = hasConstraints(pod) ? [] : defaultSpreads(pod, cluster, defaultConstraints, 'ScheduleAnyway');
    // With upstream's defaults nodes without a zone still spread by name. Source: upstream, requireAllTopologies.
    return defaults.length === 0 ? undefined : scorerOf(defaults, feasible, { requireAll: defaultConstraints !== SYSTEM_DEFAULTS });
  },
  wakesFor: (event, pod) => isNodeEvent(event) || event.type === 'node-removed' || ('pod' in event && event.pod.namespace === pod.namespace),
});

function hasConstraints({ pod }: PodInfo): boolean {
  return (pod.spec?.topologySpreadConstraints?.length ?? 0) > 0;
}

function spreadsOf(pod: PodInfo, cluster: Cluster, when: TopologySpreadConstraint['whenUnsatisfiable']): Spread[] {
  const constraints = pod.pod.spec?.topologySpreadConstraints;
  if (constraints === undefined) return [];
  return constraints.filter((each) => each.whenUnsatisfiable === when).map((each) => spreadOf(pod, cluster, each));
}

function spreadOf(pod: PodInfo, cluster: Cluster, constraint: TopologySpreadConstraint): Spread {
  const expressions = (constraint.matchLabelKeys ?? []).filter((key) => pod.labels[key] !== undefined).map((key) => ({ key, operator: 'In' as const, values: [pod.labels[key] ?? ''] }));
  const base = constraint.labelSelector;
  const selector = matcherOfSelector(base === undefined ? undefined : { ...base, matchExpressions: [...(base.matchExpressions ?? []), ...expressions] });
  const byNode = base === undefined ? NOWHERE : countOfSelector(pod, cluster, selector);
  const required = constraint.nodeAffinityPolicy === 'Ignore' ? undefined : requiredNodes(pod.pod.spec);
  const honorsTaints = constraint.nodeTaintsPolicy === 'Honor';
  return {
    topologyKey: constraint.topologyKey, maxSkew: constraint.maxSkew, minDomains: constraint.minDomains ?? 1, byNode, matchesSelf: selector.matches(pod.labels),
    isEligible: (node) => required?.(node) !== false && (!honorsTaints || untolerated(node.hardTaints, pod.pod.spec?.tolerations) === undefined),
  };
}

const NOWHERE: CountByNode = new Map();

/** Pods of its namespace by node, without those that are to go. */
function countOfSelector({ namespace }: PodInfo, cluster: Cluster, selector: LabelMatcher): CountByNode {
  return cluster.countOf(`spread|${namespace}|${selector.toString()}`, (info) => info.namespace === namespace && info.pod.metadata.deletionTimestamp === undefined && selector.matches(info.labels));
}

function defaultSpreads(pod: PodInfo, cluster: Cluster, constraints: readonly DefaultConstraint[], when: DefaultConstraint['whenUnsatisfiable']): Spread[] {
  const wanted = constraints.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when);
  const byNode = wanted.length === 0 ? undefined : alikeByNode(pod, cluster);
  if (byNode === undefined) return [];
  const required = requiredNodes(pod.pod.spec);
  return wanted.map((each) => ({ ...each, minDomains: 1, byNode, matchesSelf: true, isEligible: (node) => required?.(node) !== false }));
}

/** The pods that are taken to be replicas of the same: those of its controller, else those of its Services. Source: upstream, helper.DefaultSelector. */
function alikeByNode(pod: PodInfo, cluster: Cluster): CountByNode | undefined {
  if (pod.controllerUid !== undefined) return cluster.countOfController(pod.controllerUid);
  const labels = cluster.services.selectorOf(pod.namespace, pod.labels);
  return labels === undefined ? undefined : countOfSelector(pod, cluster, matcherOfSelector({ matchLabels: { ...labels } }));
}

function testOf(spreads: readonly Spread[], cluster: Cluster): NodeTest {
  const domains = spreads.map((spread) => ({ spread, ...countDomains(spread, spreads, cluster) }));
  return (node) => {
    for (const { spread, counts, least } of domains) {
      const value = node.labels[spread.topologyKey];
      if (value === undefined) return NO_LABEL;
      if ((counts.get(value) ?? 0) + (spread.matchesSelf ? 1 : 0) - least > spread.maxSkew) return TOO_SKEWED;
    }
    return undefined;
  };
}

function countDomains(spread: Spread, all: readonly Spread[], cluster: Cluster): { counts: Map<string, number>; least: number } {
  const counts = new Map<string, number>();
  for (const node of cluster.nodes) {
    const value = node.labels[spread.topologyKey];
    if (value === undefined || !spread.isEligible(node) || all.some((each) => node.labels[each.topologyKey] === undefined)) continue;
    counts.set(value, (counts.get(value) ?? 0) + (spread.byNode.get(node) ?? 0));
  }
  let least = counts.size < spread.minDomains || counts.size === 0 ? 0 : Infinity;
  if (least > 0) for (const count of counts.values()) least = Math.min(least, count);
  return { counts, least };
}

/** Fewer pods in the node's domains are better; scarce domains weigh less (the logarithm is upstream's). */
function scorerOf(spreads: readonly Spread[], feasible: readonly NodeInfo[], { requireAll }: { requireAll: boolean }): Scorer {
  const lacks = (node: NodeInfo): boolean => requireAll && spreads.some((each) => node.labels[each.topologyKey] === undefined);
  const counted = requireAll ? feasible.filter((node) => !lacks(node)) : feasible;
  const judged = spreads.map((spread) => ({ spread, ...weigh(spread, counted, lacks) }));
  return {
    score(node) {
      if (lacks(node)) return IGNORED;
      let sum = 0;
      for (const { spread, weight, counts } of judged) {
        const value = node.labels[spread.topologyKey];
        if (value === undefined) continue;
        const count = counts === undefined ? (spread.byNode.get(node) ?? 0) : (counts.get(value) ?? 0);
        sum += count * weight + spread.maxSkew - 1;
      }
      return Math.round(sum);
    },
    normalize,
  };
}

/** Nodes without the topology get the worst score. */
const IGNORED = -1;

function weigh(spread: Spread, counted: readonly NodeInfo[], lacks: (node: NodeInfo) => boolean): { weight: number; counts: Map<string, number> | undefined } {
  if (spread.topologyKey === HOSTNAME) return { weight: Math.log(counted.length + 2), counts: undefined };
  // Nodes without the topology that are not left out are one domain of their own.
  const values = new Set<string>();
  for (const node of counted) values.add(node.labels[spread.topologyKey] ?? '');
  const counts = new Map<string, number>();
  for (const [node, count] of spread.byNode) {
    const value = node.labels[spread.topologyKey];
    if (value !== undefined && values.has(value) && !lacks(node) && spread.isEligible(node)) counts.set(value, (counts.get(value) ?? 0) + count);
  }
  return { weight: Math.log(values.size + 2), counts };
}

function normalize(scores: Float64Array, count: number): void {
  let most = 0;
  let least = Infinity;
  for (let index = 0; index < count; index++) {
    if (scores[index] === IGNORED) continue;
    most = Math.max(most, scores[index]!);
    least = Math.min(least, scores[index]!);
  }
  for (let index = 0; index < count; index++) {
    const score = scores[index]!;
    scores[index] = score === IGNORED ? 0 : most === 0 ? MOST_SCORE : Math.floor((MOST_SCORE * (most + least - score)) / most);
  }
}
