/** The strategies RollingUpdate and Recreate: one step of a rollout each round (upstream: rolling.go, recreate.go). Pure. */
import { byCreation, maxUnavailable, newReplicaSetReplicas, replicasOf, totalReplicas, totalStatus } from './replica-counts.ts';
import { activeOld, allOf, resize, syncNewest, type Round } from './round.ts';

/** Gives whether there is nothing more to do, so that old replica sets beyond the history limit may go. */
export function rollingUpdate(round: Round): boolean {
  syncNewest(round, { create: true });
  if (growNewest(round)) return false;
  return !shrinkOld(round);
}

/** `oldPodsRun` says whether pods of old replica sets have not ended yet. */
export function recreate(round: Round, { oldPodsRun }: { oldPodsRun: boolean }): boolean {
  syncNewest(round, { create: false });
  let changed = 0;
  for (const each of activeOld(round)) changed += resize(round, each, 0);
  if (changed !== 0 || oldPodsRun) return false;
  syncNewest(round, { create: true });
  if (round.newest !== undefined) resize(round, round.newest, replicasOf(round.deployment));
  return true;
}

function growNewest(round: Round): boolean {
  const { newest, deployment } = round;
  if (newest === undefined || replicasOf(newest) === replicasOf(deployment)) return false;
  const tooMany = replicasOf(newest) > replicasOf(deployment);
  const size = tooMany ? replicasOf(deployment) : newReplicaSetReplicas(deployment, allOf(round), replicasOf(newest));
  return resize(round, newest, size) !== 0;
}

function shrinkOld(round: Round): boolean {
  const { newest, deployment } = round;
  if (newest === undefined || totalReplicas(round.old) === 0) return false;
  const least = replicasOf(deployment) - maxUnavailable(deployment);
  const newestMissing = replicasOf(newest) - (newest.status?.availableReplicas ?? 0);
  const mayGo = totalReplicas(allOf(round)) - least - newestMissing;
  if (mayGo <= 0) return false;
  const unhealthy = removeUnhealthy(round, mayGo);
  const healthy = removeHealthy(round, totalStatus(allOf(round), 'availableReplicas') - least);
  return unhealthy + healthy > 0;
}

/** Replicas that are not available serve nobody: they go first. */
function removeUnhealthy(round: Round, most: number): number {
  let removed = 0;
  for (const each of activeOld(round).sort(byCreation)) {
    const missing = replicasOf(each) - (each.status?.availableReplicas ?? 0);
    const count = Math.min(most - removed, missing);
    if (count > 0) removed -= resize(round, each, replicasOf(each) - count);
  }
  return removed;
}

function removeHealthy(round: Round, most: number): number {
  let removed = 0;
  for (const each of activeOld(round).sort(byCreation)) {
    const count = Math.min(most - removed, replicasOf(each));
    if (count > 0) removed -= resize(round, each, replicasOf(each) - count);
  }
  return removed;
}
