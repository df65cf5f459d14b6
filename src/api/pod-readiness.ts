/** What controllers ask of a pod's status (core/v1 PodStatus). Times are ms since the epoch. */
import type { Pod, PodCondition } from './generated/core-v1.ts';

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status?.conditions?.find((each) => each.type === type);
}

export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True';
}

/** Since when the pod is ready; undefined when it is not, or does not say. */
export function podReadySinceMs(pod: Pod): number | undefined {
  const ready = podCondition(pod, 'Ready');
  return ready?.status === 'True' && ready.lastTransitionTime ? Date.parse(ready.lastTransitionTime) : undefined;
}

/** Ready for at least `minReadySeconds`. */
export function isPodAvailable(pod: Pod, options: { minReadySeconds: number; nowMs: number }): boolean {
  if (!isPodReady(pod)) return false;
  if (options.minReadySeconds === 0) return true;
  const since = podReadySinceMs(pod);
  return since !== undefined && since + options.minReadySeconds * 1000 <= options.nowMs;
}

/** Ended for good: Succeeded or Failed. */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

/** Neither ended nor being deleted: it counts as a replica. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
}
