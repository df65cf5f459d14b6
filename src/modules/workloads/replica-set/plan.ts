/** What a ReplicaSet wants of the pods that are there: whom to adopt, whom to let go, how many to make, which to delete. Pure. */
import type { ReplicaSet } from '../../../api/generated/apps-v1.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { matcherOfSelector } from '../../../api/selector.ts';
import { controllerOf } from '../../../api/owner.ts';
import { isPodActive } from '../../../api/pod-readiness.ts';
import { podsToDelete } from './deletion-order.ts';

/** At most so many pods are made or deleted in one round (upstream: BurstReplicas). */
export const BURST = 500;

export interface Claims {
  /** Owned and matching, or adopted now; active ones only. */
  active: Pod[];
  adopt: Pod[];
  release: Pod[];
}

/** `pods` are those of the namespace that it owns and those that nobody owns. */
export function claimPods(replicaSet: ReplicaSet, pods: readonly Pod[]): Claims {
  const claims: Claims = { active: [], adopt: [], release: [] };
  const selector = matcherOfSelector(replicaSet.spec?.selector);
  const uid = replicaSet.metadata.uid;
  const deleting = replicaSet.metadata.deletionTimestamp !== undefined;
  for (const pod of pods) {
    if (!isPodActive(pod)) continue;
    const owner = controllerOf(pod);
    const isMatch = selector.matches(pod.metadata.labels);
    if (owner !== undefined && owner.uid !== uid) continue;
    if (owner === undefined) {
      if (!isMatch || deleting) continue;
      claims.adopt.push(pod);
    } else if (!isMatch) {
      if (!deleting) claims.release.push(pod);
      continue;
    }
    claims.active.push(pod);
  }
  return claims;
}

export interface ScalePlan {
  create: number;
  remove: Pod[];
}

export function scalePlan(replicaSet: ReplicaSet, active: readonly Pod[], related: readonly Pod[], nowMs: number): ScalePlan {
  if (replicaSet.metadata.deletionTimestamp !== undefined) return { create: 0, remove: [] };
  const missing = (replicaSet.spec?.replicas ?? 1) - active.length;
  if (missing >= 0) return { create: Math.min(missing, BURST), remove: [] };
  return { create: 0, remove: podsToDelete(active, related, { count: Math.min(-missing, BURST), nowMs }) };
}
