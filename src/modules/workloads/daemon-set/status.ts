/** The status of a DaemonSet as its pods and nodes make it (upstream: updateDaemonSetStatus). Pure. */
import type { DaemonSetStatus } from '../../../api/generated/apps-v1.ts';
import type { Int64 } from '../../../api/int64.ts';
import { isPodAvailable, isPodReady, podReadySinceMs } from '../../../api/pod-readiness.ts';
import { isPodUpdated, suitability } from './nodes.ts';
import { podsByNode, type Observed } from './plan.ts';

/** `observedGeneration` is raised only when the set of that generation was worked on. */
export function daemonSetStatus({ set, hash, nodes, pods, nowMs }: Omit<Observed, 'backoffMs'>, options: { observedGeneration: Int64 | undefined; collisionCount: number | undefined }): DaemonSetStatus {
  const counts = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0, updatedNumberScheduled: 0, numberAvailable: 0 };
  const byNode = podsByNode(pods);
  const judge = suitability(set);
  for (const node of nodes) {
    const pod = byNode.get(node.metadata.name ?? '')?.[0];
    if (!judge(node).shouldRun) {
      if (pod !== undefined) counts.numberMisscheduled++;
      continue;
    }
    counts.desiredNumberScheduled++;
    if (pod === undefined) continue;
    counts.currentNumberScheduled++;
    if (isPodReady(pod)) counts.numberReady++;
    if (isPodAvailable(pod, { minReadySeconds: set.spec?.minReadySeconds ?? 0, nowMs })) counts.numberAvailable++;
    if (isPodUpdated(pod, set, hash)) counts.updatedNumberScheduled++;
  }
  const { updatedNumberScheduled, numberAvailable, ...required } = counts;
  const numberUnavailable = counts.desiredNumberScheduled - numberAvailable;
  const { observedGeneration, collisionCount } = options;
  const { conditions } = set.status ?? {};
  return {
    ...required,
    ...(updatedNumberScheduled === 0 ? {} : { updatedNumberScheduled }), ...(numberAvailable === 0 ? {} : { numberAvailable }), ...(numberUnavailable === 0 ? {} : { numberUnavailable }),
    ...(observedGeneration ? { observedGeneration } : {}), ...(collisionCount === undefined ? {} : { collisionCount }), ...(conditions === undefined ? {} : { conditions }),
  };
}

/** In how many ms a ready pod becomes available; undefined when none waits. */
export function untilAvailableMs({ set, pods, nowMs }: Pick<Observed, 'set' | 'pods' | 'nowMs'>): number | undefined {
  const waits = pods.map((pod) => (podReadySinceMs(pod) ?? -Infinity) + (set.spec?.minReadySeconds ?? 0) * 1000 - nowMs).filter((each) => each > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}
