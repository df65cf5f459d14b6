/** Counts over replica sets, and the bounds that a rolling update keeps (upstream: deployment_util). Pure. */
import type { Deployment, ReplicaSet } from '../../../api/generated/apps-v1.ts';

export const INT32_MAX = 2_147_483_647;

export function replicasOf(object: Deployment | ReplicaSet): number {
  return object.spec?.replicas ?? 1;
}

export function totalReplicas(replicaSets: readonly ReplicaSet[]): number {
  return replicaSets.reduce((sum, each) => sum + replicasOf(each), 0);
}

export function totalStatus(replicaSets: readonly ReplicaSet[], field: 'replicas' | 'readyReplicas' | 'availableReplicas'): number {
  return replicaSets.reduce((sum, each) => sum + (each.status?.[field] ?? 0), 0);
}

/** Pods that are on their way out; undefined when a replica set that was worked on does not tell. */
export function totalTerminating(replicaSets: readonly ReplicaSet[]): number | undefined {
  let sum = 0;
  for (const { status } of replicaSets) {
    if (status?.terminatingReplicas === undefined && status?.observedGeneration) return undefined;
    sum += status?.terminatingReplicas ?? 0;
  }
  return sum;
}

export function isRollingUpdate(deployment: Deployment): boolean {
  return (deployment.spec?.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
}

/** Pods above `replicas` that may exist during a rollout. */
export function maxSurge(deployment: Deployment): number {
  return isRollingUpdate(deployment) ? fenceposts(deployment).surge : 0;
}

/** Pods below `replicas` that may be missing during a rollout. */
export function maxUnavailable(deployment: Deployment): number {
  const replicas = replicasOf(deployment);
  if (!isRollingUpdate(deployment) || replicas === 0) return 0;
  return Math.min(fenceposts(deployment).unavailable, replicas);
}

/** Percentages of `replicas`: surge rounded up, unavailable down; both 0 would never move, so one may be missing. */
function fenceposts(deployment: Deployment): { surge: number; unavailable: number } {
  const rolling = deployment.spec?.strategy?.rollingUpdate ?? {};
  const replicas = replicasOf(deployment);
  const surge = share(rolling.maxSurge ?? '25%', replicas, Math.ceil);
  const unavailable = share(rolling.maxUnavailable ?? '25%', replicas, Math.floor);
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

function share(value: number | string, total: number, round: (value: number) => number): number {
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value);
  return percent === null ? 0 : round((Number(percent[1]) * total) / 100);
}

/** How many replicas the new replica set should have now. */
export function newReplicaSetReplicas(deployment: Deployment, all: readonly ReplicaSet[], current: number): number {
  const wanted = replicasOf(deployment);
  if (!isRollingUpdate(deployment)) return wanted;
  const room = wanted + maxSurge(deployment) - totalReplicas(all);
  return room <= 0 ? current : current + Math.min(room, wanted - current);
}

export function isActive(replicaSet: ReplicaSet): boolean {
  return replicasOf(replicaSet) > 0;
}

export function byCreation(left: ReplicaSet, right: ReplicaSet): number {
  return compareText(left.metadata.creationTimestamp, right.metadata.creationTimestamp) || compareText(left.metadata.name, right.metadata.name);
}

function compareText(left = '', right = ''): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
