/** The status of a StatefulSet as its pods make it (upstream: updateStatus, completeRollingUpdate). Pure. */
import type { StatefulSetStatus } from '../../../api/generated/apps-v1.ts';
import { isPodAvailable, isPodReady, podReadySinceMs } from '../../../api/pod-readiness.ts';
import { revisionOf, type Observed } from './plan.ts';

export function statefulSetStatus({ set, current, update, pods, nowMs }: Omit<Observed, 'hasStaleClaim'>, collisionCount: number | undefined): StatefulSetStatus {
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const ready = pods.filter((pod) => pod.status?.phase === 'Running' && isPodReady(pod));
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const updatedReplicas = staying.filter((pod) => revisionOf(pod) === update.revision).length;
  let currentReplicas = staying.filter((pod) => revisionOf(pod) === current.revision).length;
  let currentRevision = current.revision;
  const wanted = set.spec?.replicas ?? 1;
  const isDone = updatedReplicas === wanted && ready.length === wanted && pods.length === wanted;
  if (isDone && set.spec?.updateStrategy?.type !== 'OnDelete') {
    currentReplicas = updatedReplicas;
    currentRevision = update.revision;
  }
  const { conditions } = set.status ?? {};
  return {
    replicas: pods.length, availableReplicas: ready.filter((pod) => isPodAvailable(pod, { minReadySeconds, nowMs })).length,
    ...nonZero({ readyReplicas: ready.length, currentReplicas, updatedReplicas, observedGeneration: set.metadata.generation ?? 0 }),
    currentRevision, updateRevision: update.revision, collisionCount: collisionCount ?? 0, ...(conditions === undefined ? {} : { conditions }),
  };
}

/** Go leaves zeros out of the JSON. */
function nonZero(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

/** In how many ms a ready pod becomes available; undefined when none waits. */
export function untilAvailableMs({ set, pods, nowMs }: Pick<Observed, 'set' | 'pods' | 'nowMs'>): number | undefined {
  const waits = pods.map((pod) => (podReadySinceMs(pod) ?? -Infinity) + (set.spec?.minReadySeconds ?? 0) * 1000 - nowMs).filter((each) => each > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}
