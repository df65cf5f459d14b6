/** When a pod must leave its node for the node's NoExecute taints (upstream: pkg/controller/tainteviction). Whether it has ended makes no difference. Pure. */
import type { Pod, Taint } from '../../api/generated/core-v1.ts';
import { tolerates } from '../../api/tolerations.ts';
import { podCondition } from '../../api/pod-readiness.ts';

export type Eviction = 'stay' | 'now' | { atMs: number };

/**
 * Of each taint the first toleration that matches counts. A time runs from when the taint came to the pod: when it was added, or the pod was placed under it; not all taints say
 * when they were added, so `seenMs` is when this one was first seen.
 */
export function evictionOf(pod: Pod, taints: readonly Taint[] | undefined, { seenMs }: { seenMs: number }): Eviction {
  let soonestMs = Infinity;
  for (const taint of taints ?? []) {
    if (taint.effect !== 'NoExecute') continue;
    const toleration = pod.spec?.tolerations?.find((each) => tolerates([each], taint));
    if (toleration === undefined) return 'now';
    const { tolerationSeconds: seconds } = toleration;
    if (seconds === undefined) continue;
    if (seconds <= 0) return 'now';
    const placedMs = Date.parse(podCondition(pod, 'PodScheduled')?.lastTransitionTime ?? pod.metadata.creationTimestamp ?? '');
    const sinceMs = taint.timeAdded === undefined ? seenMs : Math.max(Date.parse(taint.timeAdded), Number.isNaN(placedMs) ? 0 : placedMs);
    soonestMs = Math.min(soonestMs, sinceMs + Number(seconds) * 1_000);
  }
  return soonestMs === Infinity ? 'stay' : { atMs: soonestMs };
}
