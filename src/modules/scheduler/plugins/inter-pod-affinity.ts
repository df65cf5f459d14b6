/** InterPodAffinity: near some pods, away from others, by topology. Existing pods' anti-affinity binds newcomers too. */
import type { Cluster, CountByNode, TermList } from '../framework/cluster.ts';
import { isNodeEvent } from '../framework/cluster-event.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { rejection, type Plugin, type Scorer } from '../framework/plugin.ts';
import type { AffinityTerm, PodInfo } from '../framework/pod-info.ts';
import { normalizeRange } from './normalize.ts';

const NO_FRIENDS = rejection('InterPodAffinity', "node(s) didn't match pod affinity rules", { unresolvable: true });
const FOES = rejection('InterPodAffinity', "node(s) didn't match pod anti-affinity rules");
const UNWELCOME = rejection('InterPodAffinity', "node(s) didn't satisfy existing pods anti-affinity rules");

export interface InterPodAffinityOptions {
  /** How much a required affinity of pods that are there counts as a preference, 0 to 100; default 1. */
  hardPodAffinityWeight?: number;
  /** Whether what pods that are there want does not count for a pod that prefers nothing itself; default false. */
  ignorePreferredTermsOfExistingPods?: boolean;
}

export const interPodAffinity = (options: InterPodAffinityOptions = {}): Plugin => ({
  name: 'InterPodAffinity',
  filter(pod, cluster) {
    const unwelcome = unwelcomeTest(pod, cluster);
    const friends = friendsTest(pod, cluster);
    const foes = domainTest(pod.affinities?.requiredAnti ?? [], cluster);
    if (unwelcome === undefined && friends === undefined && foes === undefined) return undefined;
    return (node) => {
      if (friends?.(node) === false) return NO_FRIENDS;
      if (foes?.(node) === true) return FOES;
      return unwelcome?.(node) === true ? UNWELCOME : undefined;
    };
  },
  score: (pod, cluster) => scorerOf(pod, cluster, options),
  wakesFor(event, pod) {
    if (isNodeEvent(event)) return event.type === 'node-added' || event.changed.labels;
    return event.type !== 'namespace-changed' && event.type !== 'node-removed' && (event.type !== 'pod-placed' || (pod.affinities?.required.length ?? 0) > 0);
  },
});

/** Values of a topology key that have at least one of the counted pods. */
function valuesOf(topologyKey: string, byNode: CountByNode): ReadonlySet<string> {
  const values = new Set<string>();
  for (const node of byNode.keys()) {
    const value = node.labels[topologyKey];
    if (value !== undefined) values.add(value);
  }
  return values;
}

function countOfTerm(term: AffinityTerm, cluster: Cluster): CountByNode {
  return cluster.countOf(`term|${term.signature}`, (info) => cluster.termMatches(term, info));
}

/** Whether the node is in a domain with a pod that one of the terms speaks of. */
function domainTest(terms: readonly AffinityTerm[], cluster: Cluster): ((node: NodeInfo) => boolean) | undefined {
  const domains = terms.map((term) => ({ key: term.topologyKey, values: valuesOf(term.topologyKey, countOfTerm(term, cluster)) })).filter((each) => each.values.size > 0);
  if (domains.length === 0) return undefined;
  return (node) => domains.some(({ key, values }) => values.has(node.labels[key] ?? '\0'));
}

function friendsTest(pod: PodInfo, cluster: Cluster): ((node: NodeInfo) => boolean) | undefined {
  const terms = pod.affinities?.required ?? [];
  if (terms.length === 0) return undefined;
  const domains = terms.map((term) => ({ key: term.topologyKey, values: valuesOf(term.topologyKey, friendsOf(terms, term, cluster)) }));
  // The first of its kind would wait for itself forever: it may go anywhere that has the topology.
  const isFirst = domains.every(({ values }) => values.size === 0) && terms.every((term) => cluster.termMatches(term, pod));
  return (node) => domains.every(({ key, values }) => (isFirst ? node.labels[key] !== undefined : values.has(node.labels[key] ?? '\0')));
}

/** A pod counts as a friend only when all terms speak of it. */
function friendsOf(terms: readonly AffinityTerm[], term: AffinityTerm, cluster: Cluster): CountByNode {
  if (terms.length === 1) return countOfTerm(term, cluster);
  const id = `terms|${terms.map((each) => each.signature).join('&')}`;
  return cluster.countOf(id, (info) => terms.every((each) => cluster.termMatches(each, info)));
}

function unwelcomeTest(pod: PodInfo, cluster: Cluster): ((node: NodeInfo) => boolean) | undefined {
  if (!cluster.hasTerms('requiredAnti')) return undefined;
  const domains: { key: string; values: ReadonlySet<string> }[] = [];
  for (const { term, byNode } of cluster.terms('requiredAnti')) {
    if (cluster.termMatches(term, pod)) domains.push({ key: term.topologyKey, values: valuesOf(term.topologyKey, byNode) });
  }
  if (domains.length === 0) return undefined;
  return (node) => domains.some(({ key, values }) => values.has(node.labels[key] ?? '\0'));
}

/** Sums of weights by topology key and value: of the pod's own preferences, and of those of the pods that are there. */
function scorerOf(pod: PodInfo, cluster: Cluster, { hardPodAffinityWeight = 1, ignorePreferredTermsOfExistingPods = false }: InterPodAffinityOptions): Scorer | undefined {
  if (ignorePreferredTermsOfExistingPods && !hasPreferences(pod)) return undefined;
  const sums = new Map<string, Map<string, number>>();
  const add = (key: string, byNode: CountByNode, weight: number): void => {
    for (const [node, count] of byNode) {
      const value = node.labels[key];
      if (value === undefined) continue;
      let values = sums.get(key);
      if (values === undefined) sums.set(key, (values = new Map()));
      values.set(value, (values.get(value) ?? 0) + weight * count);
    }
  };
  for (const term of pod.affinities?.preferred ?? []) add(term.topologyKey, countOfTerm(term, cluster), term.weight);
  for (const term of pod.affinities?.preferredAnti ?? []) add(term.topologyKey, countOfTerm(term, cluster), -term.weight);
  for (const [list, sign] of EXISTING) {
    const factor = list === 'required' ? hardPodAffinityWeight : sign;
    if (factor === 0) continue;
    for (const { term, byNode } of cluster.terms(list)) if (cluster.termMatches(term, pod)) add(term.topologyKey, byNode, factor * term.weight);
  }
  if (sums.size === 0) return undefined;
  const entries = [...sums];
  return { score: (node) => entries.reduce((sum, [key, values]) => sum + (values.get(node.labels[key] ?? '\0') ?? 0), 0), normalize: normalizeRange };
}

function hasPreferences({ affinities }: PodInfo): boolean {
  return (affinities?.preferred.length ?? 0) + (affinities?.preferredAnti.length ?? 0) > 0;
}

/** Required affinity of existing pods counts as a preference (upstream: hardPodAffinityWeight). */
const EXISTING: readonly [TermList, 1 | -1][] = [['required', 1], ['preferred', 1], ['preferredAnti', -1]];

