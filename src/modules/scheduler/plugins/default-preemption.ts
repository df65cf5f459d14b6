/**
 * DefaultPreemption: when no node fits, finds one where deleting pods of lower priority makes room, sparing as many as it can.
 * It only proposes; the caller deletes the victims.
 */
import { fitMessage } from '../framework/fit-message.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { rejection, type FilterFailure, type Plugin, type Rejection } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';
import type { PodDisruptionBudget } from '../../../api/generated/policy-v1.ts';
import { matcherOfSelector } from '../../../api/selector.ts';

const NO_VICTIMS = rejection('DefaultPreemption', 'No preemption victims found for incoming pod');
const NO_HELP = rejection('DefaultPreemption', 'Preemption is not helpful for scheduling');
/** Of so many nodes candidates are looked for, a tenth of all or 100: each costs a few filters. Source: DefaultPreemptionArgs. */
export interface PreemptionOptions { minCandidateNodesPercentage?: number; minCandidateNodesAbsolute?: number }

interface Candidate {
  node: NodeInfo;
  /** The most important first. */
  victims: PodInfo[];
  /** How many of them their budgets do not allow. */
  violations: number;
}

/** The budgets of a namespace, as they are now. */
export type BudgetsOf = (namespace: string) => readonly PodDisruptionBudget[];

/** Budgets are spared where that can be, and broken where nothing else makes room. */
export const defaultPreemption = (budgetsOf: BudgetsOf = () => [], { minCandidateNodesPercentage = 10, minCandidateNodesAbsolute = 100 }: PreemptionOptions = {}): Plugin => ({
  name: 'DefaultPreemption',
  postFilter(failure) {
    const { pod, rejections, cluster } = failure;
    if (pod.pod.spec?.preemptionPolicy === 'Never') return { message: 'preemption: not eligible due to preemptionPolicy=Never.' };
    if (isMakingRoom(failure)) return { message: 'preemption: not eligible due to a terminating pod on the nominated node.' };
    const why = new Map<NodeInfo, Rejection>();
    const candidates: Candidate[] = [];
    const most = Math.max(minCandidateNodesAbsolute, Math.floor((cluster.nodes.length * minCandidateNodesPercentage) / 100), 1);
    for (const [node, { unresolvable }] of rejections) {
      if (!unresolvable && candidates.length >= most && candidates.some(({ violations }) => violations === 0)) break;
      const found = unresolvable ? NO_HELP : candidateOn(node, failure, budgetsOf);
      if ('victims' in found) candidates.push(found);
      else why.set(node, found);
    }
    const best = candidates.sort(compare)[0];
    if (best === undefined) return { message: `preemption: ${fitMessage(cluster.nodes.length, why)}`, isHopeless: true };
    return { message: '', nominated: { node: best.node, victims: best.victims } };
  },
});

/** Victims of an earlier try are still leaving: no more of them, unless the node will not do any more whoever leaves. Source: upstream, PodEligibleToPreemptOthers. */
function isMakingRoom({ pod, cluster, rejections }: FilterFailure): boolean {
  const nominated = cluster.node(pod.pod.status?.nominatedNodeName ?? '');
  if (nominated === undefined || rejections.get(nominated)?.unresolvable === true) return false;
  return [...nominated.pods.values()].some((each) => each.priority < pod.priority && isLeavingForPreemption(each));
}

/** Who leaves for another reason, such as a rollout, may take long, and was not to make room. */
function isLeavingForPreemption({ pod: { metadata, status } }: PodInfo): boolean {
  const target = metadata.deletionTimestamp === undefined ? undefined : status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return target?.status === 'True' && target.reason === 'PreemptionByScheduler';
}

/** Takes all lower pods off for a moment, and puts back those that may stay: first those whose budgets forbid their end, each time the most important first. What is in the way even so, where that is not enough. */
function candidateOn(node: NodeInfo, { pod, cluster, prepare }: FilterFailure, budgetsOf: BudgetsOf): Candidate | Rejection {
  const lower = [...node.pods.values()].filter((each) => each.priority < pod.priority).sort(byImportance);
  if (lower.length === 0) return NO_VICTIMS;
  for (const each of lower) cluster.removePod(each.uid);
  const isProtected = protectedOf(lower, budgetsOf);
  const victims: PodInfo[] = [];
  const inTheWay = prepare()(node);
  for (const each of [...lower.filter((one) => isProtected.has(one)), ...lower.filter((one) => !isProtected.has(one))]) {
    cluster.place(each, node.name);
    if (inTheWay !== undefined || prepare()(node) === undefined) continue;
    cluster.removePod(each.uid);
    victims.push(each);
  }
  for (const each of victims) cluster.place(each, node.name);
  if (inTheWay !== undefined) return inTheWay;
  if (victims.length === 0) return NO_VICTIMS;
  return { node, victims: victims.sort(byImportance), violations: victims.filter((each) => isProtected.has(each)).length };
}

/** Pods whose end would be one more than their budget allows, the most important being counted first. Source: upstream, filterPodsWithPDBViolation. */
function protectedOf(pods: readonly PodInfo[], budgetsOf: BudgetsOf): ReadonlySet<PodInfo> {
  const found = new Set<PodInfo>();
  const left = new Map<PodDisruptionBudget, number>();
  for (const each of pods) {
    const { labels, name = '' } = each.pod.metadata;
    // Without labels it is of no budget, not of one either that wants a label to be missing.
    if (Object.keys(labels ?? {}).length === 0) continue;
    for (const budget of budgetsOf(each.namespace)) {
      const { selector } = budget.spec ?? {};
      // A selector without terms is of no pod here, though evictions take it to be of all.
      if (Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions?.length ?? 0) === 0 || !matcherOfSelector(selector).matches(labels)) continue;
      if (budget.status?.disruptedPods?.[name] !== undefined) continue;
      const allowed = (left.get(budget) ?? budget.status?.disruptionsAllowed ?? 0) - 1;
      left.set(budget, allowed);
      if (allowed < 0) found.add(each);
    }
  }
  return found;
}

/** So that more victims are a greater sum where priorities are below zero, too. */
const RAISE = 2 ** 31;

function byImportance(left: PodInfo, right: PodInfo): number {
  return right.priority - left.priority || startOf(left).localeCompare(startOf(right));
}

/** Who has not started yet starts now at the earliest, so later than all who have. Source: upstream, GetPodStartTime. */
function startOf({ pod: { metadata, status } }: PodInfo): string {
  return status?.startTime ?? `9999 ${metadata.creationTimestamp ?? ''}`;
}

/** The fewest broken budgets first, then the least important victims, then the smallest sum, then the fewest, then those that started last. */
function compare(left: Candidate, right: Candidate): number {
  const top = (each: Candidate): number => each.victims[0]?.priority ?? 0;
  const sum = (each: Candidate): number => each.victims.reduce((total, one) => total + one.priority + RAISE, 0);
  return left.violations - right.violations || top(left) - top(right) || sum(left) - sum(right) || left.victims.length - right.victims.length || startOf(right.victims[0]!).localeCompare(startOf(left.victims[0]!));
}
