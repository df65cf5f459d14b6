/**
 * DefaultPreemption: when no node fits, finds one where deleting pods of lower priority makes room, sparing as many as it can.
 * It only proposes; the caller deletes the victims.
 */
import { fitMessage } from '../framework/fit-message.ts';
import type { Cluster } from '../framework/cluster.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { rejection, type FilterFailure, type Plugin, type Rejection } from '../framework/plugin.ts';
import type { PodInfo } from '../framework/pod-info.ts';

const NO_VICTIMS = rejection('DefaultPreemption', 'No preemption victims found for incoming pod');
const NO_HELP = rejection('DefaultPreemption', 'Preemption is not helpful for scheduling');
/** Nodes that are tried in full: each costs a few filters. */
const MOST_CANDIDATES = 100;

interface Candidate {
  node: NodeInfo;
  victims: PodInfo[];
}

export const defaultPreemption: Plugin = {
  name: 'DefaultPreemption',
  postFilter(failure) {
    const { pod, rejections, cluster } = failure;
    if (pod.pod.spec?.preemptionPolicy === 'Never') return { message: 'preemption: not eligible due to preemptionPolicy=Never.' };
    if (isMakingRoom(pod, cluster)) return { message: 'preemption: not eligible due to a terminating pod on the nominated node.' };
    const why = new Map<NodeInfo, Rejection>();
    const candidates: Candidate[] = [];
    for (const [node, { unresolvable }] of rejections) {
      const victims = unresolvable || candidates.length >= MOST_CANDIDATES ? undefined : victimsOn(node, failure);
      if (victims === undefined) why.set(node, unresolvable ? NO_HELP : NO_VICTIMS);
      else candidates.push({ node, victims });
    }
    const best = candidates.sort(compare)[0];
    if (best === undefined) return { message: `preemption: ${fitMessage(cluster.nodes.length, why)}` };
    return { message: '', nominated: { node: best.node, victims: best.victims } };
  },
};

/** Victims of an earlier try are still leaving: no more of them. */
function isMakingRoom(pod: PodInfo, cluster: Cluster): boolean {
  const nominated = cluster.node(pod.pod.status?.nominatedNodeName ?? '');
  if (nominated === undefined) return false;
  for (const each of nominated.pods.values()) if (each.priority < pod.priority && each.pod.metadata.deletionTimestamp !== undefined) return true;
  return false;
}

/** Takes all lower pods off for a moment, and puts back, most important first, those that may stay. */
function victimsOn(node: NodeInfo, { pod, cluster, prepare }: FilterFailure): PodInfo[] | undefined {
  const lower = [...node.pods.values()].filter((each) => each.priority < pod.priority).sort(byImportance);
  if (lower.length === 0) return undefined;
  for (const each of lower) cluster.removePod(each.uid);
  const victims: PodInfo[] = [];
  const fits = prepare()(node) === undefined;
  for (const each of lower) {
    cluster.place(each, node.name);
    if (!fits || prepare()(node) === undefined) continue;
    cluster.removePod(each.uid);
    victims.push(each);
  }
  for (const each of victims) cluster.place(each, node.name);
  return fits && victims.length > 0 ? victims : undefined;
}

function byImportance(left: PodInfo, right: PodInfo): number {
  return right.priority - left.priority || startOf(left).localeCompare(startOf(right));
}

function startOf(info: PodInfo): string {
  return info.pod.status?.startTime ?? info.pod.metadata.creationTimestamp ?? '';
}

/** Least important victims first, then the smallest sum, then the fewest, then those that started last. */
function compare(left: Candidate, right: Candidate): number {
  const top = (each: Candidate): number => each.victims[0]?.priority ?? 0;
  const sum = (each: Candidate): number => each.victims.reduce((total, one) => total + one.priority, 0);
  return top(left) - top(right) || sum(left) - sum(right) || left.victims.length - right.victims.length || startOf(right.victims[0]!).localeCompare(startOf(left.victims[0]!));
}
