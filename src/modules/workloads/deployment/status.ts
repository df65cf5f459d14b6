/** The status of a Deployment as its replica sets make it, with the progress of the rollout (upstream: progress.go). Pure. */
import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../../api/generated/apps-v1.ts';
import { condition, conditionOf, withCondition, withoutCondition } from './conditions.ts';
import { INT32_MAX, maxUnavailable, replicasOf, totalReplicas, totalStatus, totalTerminating } from './replica-counts.ts';

export interface StatusInput {
  deployment: Deployment;
  /** The deployment's status with the conditions that earlier steps of the same round have set. */
  conditions: readonly DeploymentCondition[];
  all: readonly ReplicaSet[];
  newest: ReplicaSet | undefined;
  nowMs: number;
}

export function hasDeadline(deployment: Deployment): boolean {
  const seconds = deployment.spec?.progressDeadlineSeconds;
  return seconds !== undefined && seconds !== INT32_MAX;
}

/** Counts and the Available condition. */
export function baseStatus({ deployment, conditions, all, newest, nowMs }: StatusInput): DeploymentStatus {
  const available = totalStatus(all, 'availableReplicas');
  const enough = available >= replicasOf(deployment) - maxUnavailable(deployment);
  const availability = enough
    ? condition('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.', nowMs)
    : condition('Available', 'False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.', nowMs);
  const counts = {
    replicas: totalStatus(all, 'replicas'), updatedReplicas: newest?.status?.replicas ?? 0, readyReplicas: totalStatus(all, 'readyReplicas'),
    availableReplicas: available, unavailableReplicas: Math.max(0, totalReplicas(all) - available),
    collisionCount: deployment.status?.collisionCount,
  };
  const terminatingReplicas = totalTerminating(all);
  const status: DeploymentStatus = { observedGeneration: deployment.metadata.generation, ...(terminatingReplicas === undefined ? {} : { terminatingReplicas }) };
  for (const [name, count] of Object.entries(counts)) if (count) Object.assign(status, { [name]: count });
  status.conditions = withCondition(conditions, availability);
  return status;
}

/** As {@link baseStatus}, with the conditions Progressing and ReplicaFailure. */
export function rolloutStatus(input: StatusInput): DeploymentStatus {
  const { deployment, all, newest } = input;
  const status = baseStatus(input);
  status.conditions = hasDeadline(deployment) ? withProgress(input, status) : withoutCondition(status.conditions ?? [], 'Progressing');
  const failure = failureOf(newest === undefined ? [] : [newest]) ?? failureOf(all);
  status.conditions = failure === undefined ? withoutCondition(status.conditions, 'ReplicaFailure') : withCondition(status.conditions, failure);
  return status;
}

function withProgress(input: StatusInput, status: DeploymentStatus): DeploymentCondition[] {
  const { deployment, newest, nowMs } = input;
  const conditions = status.conditions ?? [];
  const current = conditionOf(input.conditions, 'Progressing');
  const settled = (status.replicas ?? 0) === (status.updatedReplicas ?? 0) && current?.reason === 'NewReplicaSetAvailable';
  if (settled) return conditions;
  const subject = newest === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newest.metadata.name}"`;
  if (isComplete(deployment, status)) {
    return withCondition(conditions, condition('Progressing', 'True', 'NewReplicaSetAvailable', `${subject} has successfully progressed.`, nowMs));
  }
  if (hasProgressed(deployment.status ?? {}, status)) {
    const progressing = condition('Progressing', 'True', 'ReplicaSetUpdated', `${subject} is progressing.`, nowMs);
    if (current?.status === 'True') progressing.lastTransitionTime = current.lastTransitionTime;
    return [...withoutCondition(conditions, 'Progressing'), progressing];
  }
  if (hasTimedOut(deployment, current, nowMs)) {
    return withCondition(conditions, condition('Progressing', 'False', 'ProgressDeadlineExceeded', `${subject} has timed out progressing.`, nowMs));
  }
  return conditions;
}

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === wanted && (status.replicas ?? 0) === wanted && (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) || old(after) < old(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) || (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function hasTimedOut(deployment: Deployment, current: DeploymentCondition | undefined, nowMs: number): boolean {
  if (current === undefined || current.reason === 'NewReplicaSetAvailable') return false;
  return current.reason === 'ProgressDeadlineExceeded' || deadlineMs(deployment, current) < nowMs;
}

function deadlineMs(deployment: Deployment, current: DeploymentCondition): number {
  return Date.parse(current.lastUpdateTime ?? '') + (deployment.spec?.progressDeadlineSeconds ?? 600) * 1000;
}

/** In how many ms to look whether the rollout has stalled; undefined when that needs no look. */
export function untilDeadlineMs(deployment: Deployment, status: DeploymentStatus, nowMs: number): number | undefined {
  const current = conditionOf(status.conditions, 'Progressing');
  if (!hasDeadline(deployment) || current === undefined || current.reason === 'ProgressDeadlineExceeded' || deployment.spec?.paused) return undefined;
  return isComplete(deployment, status) ? undefined : Math.max(1000, deadlineMs(deployment, current) - nowMs + 1000);
}

function failureOf(replicaSets: readonly ReplicaSet[]): DeploymentCondition | undefined {
  for (const each of replicaSets) {
    const found = each.status?.conditions?.find((one) => one.type === 'ReplicaFailure');
    if (found !== undefined) return { ...found, lastUpdateTime: found.lastTransitionTime };
  }
  return undefined;
}
