/** When a pod must leave its node for the node's NoExecute taints (upstream: taint eviction controller). Pure. */
import type { Pod, Taint, Toleration } from '../../api/generated/core-v1.ts';
import { tolerates } from '../../api/tolerations.ts';

/** In how many ms, 0 for now; undefined when it may stay. `seenMs` is when the taints were first seen: not all say when they were added. */
export function untilEvictionMs(pod: Pod, taints: readonly Taint[] | undefined, { nowMs, seenMs }: { nowMs: number; seenMs: number }): number | undefined {
  let soonest: number | undefined;
  for (const taint of taints ?? []) {
    if (taint.effect !== 'NoExecute') continue;
    const delayMs = toleratedForMs(pod.spec?.tolerations ?? [], taint);
    if (delayMs === Infinity) continue;
    const since = taint.timeAdded === undefined ? seenMs : Date.parse(taint.timeAdded);
    soonest = Math.min(soonest ?? Infinity, delayMs === 0 ? 0 : Math.max(0, since + delayMs - nowMs));
  }
  return soonest;
}

/** The shortest time that a matching toleration names; without a time it is for ever; 0 when none matches. */
function toleratedForMs(tolerations: readonly Toleration[], taint: Taint): number {
  const matching = tolerations.filter((each) => tolerates([each], taint));
  if (matching.length === 0) return 0;
  return Math.min(...matching.map((each) => (each.tolerationSeconds === undefined ? Infinity : Math.max(0, each.tolerationSeconds) * 1000)));
}
