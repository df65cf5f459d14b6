/** Makes the claims of a StatefulSet's pods, and sees to it that their owners are those of the retention policy. */
import type { StatefulSet } from '../../../api/apps/stateful-set.ts';
import { PersistentVolumeClaim } from '../../../api/core/persistent-volume-claim.ts';
import type { Pod } from '../../../api/core/pod.ts';
import { isApiError } from '../../../api/errors.ts';
import { ifThere } from '../../../sdk/if-there.ts';
import { keyOf, type ReconcileContext } from '../../../sdk/index.ts';
import { messageOf } from '../pod-control.ts';
import { claimsOf, ordinalOf } from './identity.ts';
import { isStale, wantedOwners } from './retention.ts';

export async function makeClaims(set: StatefulSet, pod: Pod, { client, caches, events }: ReconcileContext): Promise<void> {
  for (const { claim } of claimsOf(set, ordinalOf(pod))) {
    const existing = caches.of(PersistentVolumeClaim).get(keyOf(claim));
    if (existing?.metadata.deletionTimestamp !== undefined) throw new Error(`pvc ${claim.metadata.name} is being deleted`);
    if (existing !== undefined) continue;
    const what = `create Claim ${claim.metadata.name} Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    try {
      await client.create(PersistentVolumeClaim, claim);
      events.event(set, 'Normal', 'SuccessfulCreate', `${what} success`);
    } catch (error) {
      if (isApiError(error, 'AlreadyExists')) continue;
      events.event(set, 'Warning', 'FailedCreate', `${what} failed error: ${messageOf(error)}`);
      throw error;
    }
  }
}

export async function ownClaims(set: StatefulSet, pod: Pod, { client, caches }: ReconcileContext): Promise<void> {
  for (const { claim } of claimsOf(set, ordinalOf(pod))) {
    const existing = caches.of(PersistentVolumeClaim).get(keyOf(claim));
    const ownerReferences = existing === undefined ? undefined : wantedOwners(existing, set, pod);
    if (existing === undefined || ownerReferences === undefined) continue;
    await ifThere(client.update(PersistentVolumeClaim, { ...existing, metadata: { ...existing.metadata, ownerReferences } }));
  }
}

/** Whether the pod must not be made yet: its claim still goes with an earlier pod. */
export function hasStaleClaim(set: StatefulSet, pod: Pod, { caches }: ReconcileContext): boolean {
  if (set.spec?.persistentVolumeClaimRetentionPolicy?.whenScaled !== 'Delete') return false;
  return claimsOf(set, ordinalOf(pod)).some(({ claim }) => {
    const existing = caches.of(PersistentVolumeClaim).get(keyOf(claim));
    return existing !== undefined && isStale(existing, pod);
  });
}
