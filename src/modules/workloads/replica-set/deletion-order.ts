/** Which pods go first when there are too many (upstream: ActivePodsWithRanks, and ActivePods for Jobs). */
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

/** The first `count` of `pods` to delete. `related` are the active pods of all replica sets of the same owner; where there is no such thing, costs count for nothing and ages are compared exactly. */
export function podsToDelete(pods: readonly Pod[], related: readonly Pod[] | undefined, options: { count: number; nowMs: number }): Pod[] {
  if (options.count >= pods.length) return [...pods];
  const onNode = new Map<string, number>();
  for (const pod of related ?? []) onNode.set(pod.spec?.nodeName ?? '', (onNode.get(pod.spec?.nodeName ?? '') ?? 0) + 1);
  const ranked = pods.map((pod): Ranked => ({
    pod, neighbours: onNode.get(pod.spec?.nodeName ?? '') ?? 0, ready: isPodReady(pod), readySinceMs: podReadySinceMs(pod),
    createdMs: Date.parse(pod.metadata.creationTimestamp ?? '') || options.nowMs,
  }));
  const order = related === undefined ? { cost: () => 0, age: (leftMs: number, rightMs: number) => rightMs - leftMs } : { cost: costOf, age: (leftMs: number, rightMs: number) => byMagnitude(leftMs, rightMs, options.nowMs) };
  return ranked.sort((left, right) => compare(left, right, order)).slice(0, options.count).map((each) => each.pod);
}

interface Order {
  cost(pod: Pod): number;
  /** Of two times, in ms since the epoch; below zero when `leftMs` is the later one. */
  age(leftMs: number, rightMs: number): number;
}

/** Below zero: `left` goes first. */
function compare(left: Ranked, right: Ranked, order: Order): number {
  return (
    flag(left.pod.spec?.nodeName) - flag(right.pod.spec?.nodeName) ||
    phaseRank(left.pod) - phaseRank(right.pod) ||
    Number(left.ready) - Number(right.ready) ||
    order.cost(left.pod) - order.cost(right.pod) ||
    right.neighbours - left.neighbours ||
    byReadyTime(left, right, order) ||
    restarts(right.pod) - restarts(left.pod) ||
    restartsOfSidecars(right.pod) - restartsOfSidecars(left.pod) ||
    order.age(left.createdMs, right.createdMs) ||
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

function byReadyTime(left: Ranked, right: Ranked, { age }: Order): number {
  if (!left.ready || !right.ready || left.readySinceMs === right.readySinceMs) return 0;
  if (left.readySinceMs === undefined) return -1;
  if (right.readySinceMs === undefined) return 1;
  return age(left.readySinceMs, right.readySinceMs);
}

/** The younger goes first, but ages of the same power of two count as equal, so that the choice is spread. */
function byMagnitude(leftMs: number, rightMs: number, nowMs: number): number {
  return magnitude(nowMs - leftMs) - magnitude(nowMs - rightMs);
}

function magnitude(ageMs: number): number {
  return ageMs <= 0 ? -1 : Math.floor(Math.log2(ageMs * 1e6));
}

function restarts({ status }: Pod): number {
  return Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount }) => restartCount));
}

function restartsOfSidecars({ spec, status }: Pod): number {
  const isSidecar = (name: string): boolean => spec?.initContainers?.some((each) => each.name === name && each.restartPolicy === 'Always') === true;
  return Math.max(0, ...(status?.initContainerStatuses ?? []).filter(({ name }) => isSidecar(name)).map(({ restartCount }) => restartCount));
}
