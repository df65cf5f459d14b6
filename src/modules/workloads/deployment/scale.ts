/** A change of a Deployment's size outside a rollout, or while it is paused: shared out in proportion (upstream: sync.go, scale). */
import type { ReplicaSet } from '../../../api/generated/apps-v1.ts';
import { byCreation, isActive, isRollingUpdate, replicasOf, totalReplicas } from './replica-counts.ts';
import { activeOld, allOf, ceiling, resize, type Round } from './round.ts';
import { DESIRED_REPLICAS, MAX_REPLICAS, notedReplicas } from './revision.ts';

export function scale(round: Round): void {
  const only = activeOrLatest(round);
  if (only !== undefined) {
    if (replicasOf(only) !== replicasOf(round.deployment)) resize(round, only, replicasOf(round.deployment));
    return;
  }
  if (isSaturated(round)) {
    for (const each of activeOld(round)) resize(round, each, 0);
    return;
  }
  if (isRollingUpdate(round.deployment)) scaleInProportion(round);
}

/** The only active replica set, or the latest when none is active; undefined when several are. */
function activeOrLatest(round: Round): ReplicaSet | undefined {
  const active = allOf(round).filter(isActive);
  if (active.length > 1) return undefined;
  return active[0] ?? round.newest ?? round.old.toSorted(byCreation).at(-1);
}

/** The newest is whole and available: the old ones are needed no more. */
function isSaturated({ newest, deployment }: Round): boolean {
  if (newest === undefined) return false;
  const wanted = replicasOf(deployment);
  return replicasOf(newest) === wanted && notedReplicas(newest, DESIRED_REPLICAS) === wanted && (newest.status?.availableReplicas ?? 0) === wanted;
}

function scaleInProportion(round: Round): void {
  const active = allOf(round).filter(isActive);
  const toAdd = ceiling(round.deployment) - totalReplicas(active);
  const sorted = active.sort((left, right) => replicasOf(right) - replicasOf(left) || (toAdd > 0 ? byCreation(right, left) : byCreation(left, right)));
  const sizes = new Map<ReplicaSet, number>();
  let added = 0;
  for (const each of sorted) {
    const share = proportion(round, each, toAdd, added);
    sizes.set(each, replicasOf(each) + share);
    added += share;
  }
  const largest = sorted[0];
  if (largest !== undefined) sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + toAdd - added)); // what rounding left over
  for (const [each, size] of sizes) resize(round, each, size);
}

function proportion(round: Round, replicaSet: ReplicaSet, toAdd: number, added: number): number {
  if (replicasOf(replicaSet) === 0 || toAdd === 0 || toAdd === added) return 0;
  const fraction = fractionOf(round, replicaSet);
  return toAdd > 0 ? Math.min(fraction, toAdd - added) : Math.max(fraction, toAdd - added);
}

function fractionOf({ deployment }: Round, replicaSet: ReplicaSet): number {
  if (replicasOf(deployment) === 0) return -replicasOf(replicaSet);
  const before = notedReplicas(replicaSet, MAX_REPLICAS) || deployment.status?.replicas || 0;
  if (before === 0) return 0;
  return Math.round((replicasOf(replicaSet) * ceiling(deployment)) / before) - replicasOf(replicaSet);
}
