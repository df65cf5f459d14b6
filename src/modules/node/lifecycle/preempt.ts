/**
 * Which pods go so that a critical one which was bound to a full node finds room (upstream: pkg/kubelet/preemption): as few of the better classes as can be, of each class first those whose requests come
 * nearest to what is missing, the smaller where two are as near. Pure.
 */
import { qosClassOf } from '../../../api/core/pod-qos.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { isCritical } from '../pressure/rank.ts';
import { podCost } from '../pod-cost.ts';

/** What the node lacks of one resource, and what a pod would give back of it. */
export interface Shortage {
  name: string;
  missing: number;
  requestOf(pod: Pod): number;
}

/** Undefined when not even all that may go would make room. */
export function podsToPreempt(pod: Pod, others: readonly Pod[], shortages: readonly Shortage[]): Pod[] | undefined {
  const lower = others.filter((each) => mayPreempt(pod, each));
  if (remaining(shortages, lower).length > 0) return undefined;
  const [bestEffort, burstable, guaranteed] = (['BestEffort', 'Burstable', 'Guaranteed'] as const).map((qosClass) => lower.filter((each) => qosClassOf(each) === qosClass)) as [Pod[], Pod[], Pod[]];
  const ofGuaranteed = nearest(guaranteed, remaining(shortages, [...bestEffort, ...burstable]));
  const ofBurstable = nearest(burstable, remaining(shortages, [...bestEffort, ...ofGuaranteed]));
  return [...nearest(bestEffort, remaining(shortages, [...ofBurstable, ...ofGuaranteed])), ...ofBurstable, ...ofGuaranteed];
}

function mayPreempt(pod: Pod, other: Pod): boolean {
  if (isCritical(pod) && !isCritical(other)) return true;
  return (pod.spec?.priority ?? 0) > (other.spec?.priority ?? 0);
}

/** What is still missing without those pods. */
export function remaining(shortages: readonly Shortage[], without: readonly Pod[]): Shortage[] {
  return shortages.map((each) => ({ ...each, missing: without.reduce((left, pod) => left - each.requestOf(pod), each.missing) })).filter(({ missing }) => missing > 0);
}

function nearest(pods: readonly Pod[], shortages: readonly Shortage[]): Pod[] {
  const chosen: Pod[] = [];
  const left = [...pods];
  for (let missing = shortages; missing.length > 0 && left.length > 0; missing = remaining(shortages, chosen)) {
    const distances = new Map(left.map((pod) => [pod, distance(missing, pod)]));
    left.sort((one, other) => distances.get(one)! - distances.get(other)! || bySize(one, other));
    chosen.push(left.shift()!);
  }
  return chosen;
}

/** Each resource weighs the same, whatever its unit. */
function distance(shortages: readonly Shortage[], pod: Pod): number {
  return shortages.reduce((sum, { missing, requestOf }) => sum + (Math.max(0, missing - requestOf(pod)) / missing) ** 2, 0);
}

function bySize(one: Pod, other: Pod): number {
  const [left, right] = [podCost(one).requests, podCost(other).requests];
  return left.memoryBytes - right.memoryBytes || left.cpuMillis - right.cpuMillis;
}
