/** The scheduling cycle: one pod, all nodes, synchronous and pure. It finds feasible nodes, scores them and picks the best. */
import type { Cluster } from './cluster.ts';
import { fitMessage } from './fit-message.ts';
import type { NodeInfo } from './node-info.ts';
import type { NodeTest, PostFilterResult, Profile, Rejection, Scorer } from './plugin.ts';
import type { PodInfo } from './pod-info.ts';

export interface Decision {
  /** The chosen node; undefined when none is feasible. */
  node: NodeInfo | undefined;
  /** Why not, in upstream's words: `0/1 nodes are available: 1 Insufficient cpu. ...` */
  message: string;
  /** The plugins that stood against it: only what they react to can help. */
  rejectedBy: ReadonlySet<string>;
  nominated: PostFilterResult['nominated'];
  /** The node that it was nominated to is kept for it no longer. */
  losesNomination: boolean;
}

export interface Cycle {
  schedule(pod: PodInfo): Decision;
}

/** With fewer nodes than this all are looked at. */
const FEW_NODES = 100;

/** `random` breaks ties, 0 up to 1. */
export function createCycle(cluster: Cluster, profile: Profile, random: () => number = Math.random): Cycle {
  let next = 0; // so that pods start at different nodes when not all are looked at
  let totals = new Float64Array(128);
  let scores = new Float64Array(128);
  const feasible: NodeInfo[] = [];

  const findFeasible = (tests: readonly NodeTest[], only: ReadonlySet<string> | undefined, rejections: Map<NodeInfo, Rejection>): void => {
    const { nodes } = cluster;
    const enough = only === undefined ? enoughNodes(nodes.length, profile.percentageOfNodesToScore) : nodes.length;
    feasible.length = 0;
    let looked = 0;
    for (; looked < nodes.length && feasible.length < enough; looked++) {
      const node = nodes[(next + looked) % nodes.length]!;
      const why = only?.has(node.name) === false ? OTHER_NODE : reject(tests, node);
      if (why === undefined) feasible.push(node);
      else rejections.set(node, why);
    }
    next = nodes.length === 0 ? 0 : (next + looked) % nodes.length;
  };

  const best = (pod: PodInfo): NodeInfo | undefined => {
    const count = feasible.length;
    if (count <= 1) return feasible[0];
    if (totals.length < count) {
      totals = new Float64Array(2 * count);
      scores = new Float64Array(2 * count);
    }
    totals.fill(0, 0, count);
    for (const plugin of profile.plugins) {
      const weight = profile.weights[plugin.name] ?? 1;
      const scorer = weight === 0 ? undefined : plugin.score?.(pod, cluster, feasible);
      if (scorer !== undefined) addScores(scorer, weight, feasible, scores, totals);
    }
    return feasible[pickHighest(totals, count, random)];
  };

  const scheduleHere = (pod: PodInfo): Decision => {
    if (cluster.nodes.length === 0) return { ...refused('no nodes available to schedule pods', NOBODY), losesNomination: true };
    const rejections = new Map<NodeInfo, Rejection>();
    let only: ReadonlySet<string> | undefined;
    for (const plugin of profile.plugins) {
      const early = plugin.preFilter?.(pod, cluster);
      if (early?.rejection !== undefined && early.isUnread === true) return refused(fitMessage(cluster.nodes.length, early.rejection), new Set([plugin.name]));
      if (early?.rejection !== undefined) return cluster.withNominated(pod, () => afterPreFilter(profile, pod, cluster, early.rejection!, plugin.name));
      if (early?.nodeNames !== undefined) only = only === undefined ? early.nodeNames : new Set([...only].filter((name) => early.nodeNames?.has(name)));
    }
    const refusal = cluster.withNominated(pod, () => {
      const tests = prepare(profile, pod, cluster);
      const own = ownNominee(pod, cluster, only);
      if (own !== undefined && reject(tests, own) === undefined) feasible.splice(0, Infinity, own);
      else findFeasible(tests, only, rejections);
      return feasible.length === 0 ? afterFilter(profile, pod, cluster, rejections) : undefined;
    });
    if (refusal !== undefined) return refusal;
    // Who is nominated may not come: a pod must fit without them, too, as when it wants to be near one of them.
    if (cluster.hasRivals(pod)) dropInfeasible(prepare(profile, pod, cluster), feasible, rejections);
    const node = best(pod);
    if (node !== undefined) return { node, message: '', rejectedBy: NOBODY, nominated: undefined, losesNomination: false };
    return cluster.withNominated(pod, () => afterFilter(profile, pod, cluster, rejections));
  };

  return { schedule: scheduleHere };
}

/** The node on which a pod made room for itself is enough, where it fits there now. Source: upstream, evaluateNominatedNode. */
function ownNominee({ pod }: PodInfo, cluster: Cluster, only: ReadonlySet<string> | undefined): NodeInfo | undefined {
  const name = pod.status?.nominatedNodeName;
  return name === undefined || only?.has(name) === false ? undefined : cluster.node(name);
}

function dropInfeasible(tests: readonly NodeTest[], feasible: NodeInfo[], rejections: Map<NodeInfo, Rejection>): void {
  const kept = feasible.filter((node) => {
    const why = reject(tests, node);
    if (why !== undefined) rejections.set(node, why);
    return why === undefined;
  });
  feasible.splice(0, Infinity, ...kept);
}

const NOBODY: ReadonlySet<string> = new Set();
const OTHER_NODE: Rejection = { plugin: 'NodeAffinity', reasons: ["node(s) didn't satisfy plugin(s) [NodeAffinity]"], unresolvable: true };

function afterFilter(profile: Profile, pod: PodInfo, cluster: Cluster, rejections: Map<NodeInfo, Rejection>): Decision {
  const rejectedBy = new Set<string>();
  for (const each of rejections.values()) rejectedBy.add(each.plugin);
  return withHelp(afterFilters(profile, pod, cluster, rejections), (after) => fitMessage(cluster.nodes.length, rejections, after), rejectedBy);
}

/** What speaks against all nodes at once is said once. */
function afterPreFilter(profile: Profile, pod: PodInfo, cluster: Cluster, rejection: Rejection, plugin: string): Decision {
  const help = afterFilters(profile, pod, cluster, new Map(cluster.nodes.map((node) => [node, rejection])));
  return withHelp(help, (after) => fitMessage(cluster.nodes.length, rejection, after), new Set([plugin]));
}

function afterFilters(profile: Profile, pod: PodInfo, cluster: Cluster, rejections: Map<NodeInfo, Rejection>): PostFilterResult | undefined {
  let help: PostFilterResult | undefined;
  for (const plugin of profile.plugins) help ??= plugin.postFilter?.({ pod, cluster, rejections, prepare: () => joined(prepare(profile, pod, cluster)) });
  return help;
}

function withHelp(help: PostFilterResult | undefined, message: (after: string | undefined) => string, rejectedBy: ReadonlySet<string>): Decision {
  return { ...refused(message(help?.message), rejectedBy), nominated: help?.nominated, losesNomination: help?.isHopeless === true };
}

function refused(message: string, rejectedBy: ReadonlySet<string>): Decision {
  return { node: undefined, message, rejectedBy, nominated: undefined, losesNomination: false };
}

function prepare(profile: Profile, pod: PodInfo, cluster: Cluster): NodeTest[] {
  const tests: NodeTest[] = [];
  for (const plugin of profile.plugins) {
    const test = plugin.filter?.(pod, cluster);
    if (test !== undefined) tests.push(test);
  }
  return tests;
}

function reject(tests: readonly NodeTest[], node: NodeInfo): Rejection | undefined {
  for (let index = 0; index < tests.length; index++) {
    const why = tests[index]!(node);
    if (why !== undefined) return why;
  }
  return undefined;
}

function joined(tests: readonly NodeTest[]): NodeTest {
  return (node) => reject(tests, node);
}

function addScores(scorer: Scorer, weight: number, nodes: readonly NodeInfo[], scores: Float64Array, totals: Float64Array): void {
  for (let index = 0; index < nodes.length; index++) scores[index] = scorer.score(nodes[index]!);
  scorer.normalize?.(scores, nodes.length);
  for (let index = 0; index < nodes.length; index++) totals[index]! += weight * scores[index]!;
}

function pickHighest(totals: Float64Array, count: number, random: () => number): number {
  let chosen = 0;
  let equals = 1;
  for (let index = 1; index < count; index++) {
    if (totals[index]! > totals[chosen]!) {
      chosen = index;
      equals = 1;
    } else if (totals[index] === totals[chosen] && random() < 1 / ++equals) chosen = index;
  }
  return chosen;
}

/** How many feasible nodes are enough (upstream: numFeasibleNodesToFind): half of a hundred, a tenth of five thousand. */
export function enoughNodes(count: number, percentage: number): number {
  if (count < FEW_NODES || percentage >= 100) return count;
  const share = percentage > 0 ? percentage : Math.max(5, 50 - Math.floor(count / 125));
  return Math.max(FEW_NODES, Math.floor((count * share) / 100));
}
