/** The status of a ReplicaSet as its pods make it. */
import type { ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '../../../api/generated/apps-v1.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { isPodAvailable, isPodReady, podReadySinceMs } from '../../../api/pod-readiness.ts';
import { rfc3339 } from '../../../base/clock.ts';

export interface ScaleFailure {
  reason: 'FailedCreate' | 'FailedDelete';
  message: string;
}

/** `pods` are the active ones that it owns; `failure` is that of this round of scaling. */
export function replicaSetStatus(replicaSet: ReplicaSet, pods: readonly Pod[], options: { failure?: ScaleFailure; terminating: number; nowMs: number }): ReplicaSetStatus {
  const labels = Object.entries(replicaSet.spec?.template?.metadata?.labels ?? {});
  const minReadySeconds = replicaSet.spec?.minReadySeconds ?? 0;
  const conditions = conditionsAfter(replicaSet.status?.conditions ?? [], options);
  const status: ReplicaSetStatus = {
    replicas: pods.length,
    fullyLabeledReplicas: pods.filter((pod) => labels.every(([key, value]) => pod.metadata.labels?.[key] === value)).length,
    readyReplicas: pods.filter(isPodReady).length,
    availableReplicas: pods.filter((pod) => isPodAvailable(pod, { minReadySeconds, nowMs: options.nowMs })).length,
    terminatingReplicas: options.terminating,
    observedGeneration: replicaSet.metadata.generation ?? 0,
  };
  if (conditions.length > 0) status.conditions = conditions;
  return withoutZeros(status);
}

/** In how many ms a ready pod becomes available; undefined when none waits. */
export function untilAvailableMs(replicaSet: ReplicaSet, pods: readonly Pod[], nowMs: number): number | undefined {
  const waitMs = (replicaSet.spec?.minReadySeconds ?? 0) * 1000;
  let soonest: number | undefined;
  for (const pod of pods) {
    const since = podReadySinceMs(pod);
    if (since === undefined || since + waitMs <= nowMs) continue;
    soonest = Math.min(soonest ?? Infinity, since + waitMs - nowMs);
  }
  return soonest;
}

function conditionsAfter(conditions: readonly ReplicaSetCondition[], { failure, nowMs }: { failure?: ScaleFailure; nowMs: number }): ReplicaSetCondition[] {
  const present = conditions.some((each) => each.type === 'ReplicaFailure');
  if (failure === undefined) return conditions.filter((each) => each.type !== 'ReplicaFailure');
  if (present) return [...conditions];
  return [...conditions, { type: 'ReplicaFailure', status: 'True', lastTransitionTime: rfc3339(nowMs), reason: failure.reason, message: failure.message }];
}

/** Go leaves zero counts out of the JSON (all but `replicas`, and `terminatingReplicas`, which is a pointer), and so do we, or every comparison with what was read would differ. */
function withoutZeros(status: ReplicaSetStatus): ReplicaSetStatus {
  const counts = status as unknown as Record<string, unknown>;
  for (const name of ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas', 'observedGeneration']) if (counts[name] === 0) delete counts[name];
  return status;
}
