/** Which pods go first when there are too many (upstream: ActivePodsWithRanks). */
import type { Pod } from '../../../api/generated/core-v1.ts';
import { isPodReady, podReadySinceMs } from '../../../api/pod-readiness.ts';

export const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

interface Ranked {
  pod: Pod;
  /** Pods of the same workload on the same node. */
  neighbours: number;
  ready: boolean;
  readySinceMs: number | undefined;
  createdMs: number;
}

/** The first `count` of `pods` to delete. `related` are the active pods of all replica sets of the same owner. */
export function podsToDelete(pods: readonly Pod[], related: readonly Pod[], options: { count: number; nowMs: number }): Pod[] {
  if (options.count >= pods.length) return [...pods];
  const onNode = new Map<string, number>();
  for (const pod of related) onNode.set(pod.spec?.nodeName ?? '', (onNode.get(pod.spec?.nodeName ?? '') ?? 0) + 1);
  const ranked = pods.map((pod): Ranked => ({
    pod, neighbours: onNode.get(pod.spec?.nodeName ?? '') ?? 0, ready: isPodReady(pod), readySinceMs: podReadySinceMs(pod),
    createdMs: Date.parse(pod.metadata.creationTimestamp ?? '') || options.nowMs,
  }));
  return ranked.sort((left, right) => compare(left, right, options.nowMs)).slice(0, options.count).map((each) => each.pod);
}

/** Below zero: `left` goes first. */
function compare(left: Ranked, right: Ranked, nowMs: number): number {
  return (
    flag(left.pod.spec?.nodeName) - flag(right.pod.spec?.nodeName) ||
    phaseRank(left.pod) - phaseRank(right.pod) ||
    Number(left.ready) - Number(right.ready) ||
    costOf(left.pod) - costOf(right.pod) ||
    right.neighbours - left.neighbours ||
    byReadyTime(left, right, nowMs) ||
    restarts(right.pod) - restarts(left.pod) ||
    byAge(left.createdMs, right.createdMs, nowMs) ||
    (left.pod.metadata.uid ?? '').localeCompare(right.pod.metadata.uid ?? '')
  );
}

function flag(value: string | undefined): number {
  return value ? 1 : 0;
}

function phaseRank(pod: Pod): number {
  return pod.status?.phase === 'Running' ? 2 : pod.status?.phase === 'Unknown' ? 1 : 0;
}

function costOf(pod: Pod): number {
  const cost = Number(pod.metadata.annotations?.[DELETION_COST] ?? 0);
  return Number.isInteger(cost) ? cost : 0;
}

function byReadyTime(left: Ranked, right: Ranked, nowMs: number): number {
  if (!left.ready || !right.ready || left.readySinceMs === right.readySinceMs) return 0;
  if (left.readySinceMs === undefined) return -1;
  if (right.readySinceMs === undefined) return 1;
  return byAge(left.readySinceMs, right.readySinceMs, nowMs);
}

/** The younger goes first, but ages of the same power of two count as equal, so that the choice is spread. */
function byAge(leftMs: number, rightMs: number, nowMs: number): number {
  return magnitude(nowMs - leftMs) - magnitude(nowMs - rightMs);
}

function magnitude(ageMs: number): number {
  return ageMs <= 0 ? -1 : Math.floor(Math.log2(ageMs * 1e6));
}

function restarts(pod: Pod): number {
  let most = 0;
  for (const status of pod.status?.containerStatuses ?? []) most = Math.max(most, status.restartCount);
  return most;
}
