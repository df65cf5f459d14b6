/**
 * Claims that grow: only where their class allows it (upstream: PersistentVolumeClaimResize), and at once, since a folder grows by itself.
 * No size is enforced: a folder may hold more, and no more than the disk does.
 */
import type { PersistentVolume as PersistentVolumeType, PersistentVolumeClaim as PersistentVolumeClaimType } from '../../api/generated/core-v1.ts';
import { PersistentVolume } from '../../api/core/persistent-volume.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { ApiError } from '../../api/errors.ts';
import { quantityValue } from '../../api/quantity.ts';
import { StorageClass } from '../../api/storage/storage-class.ts';
import type { Admission, ReconcileContext } from '../../sdk/index.ts';

const storageOf = (map: Record<string, string | number> | undefined): number => quantityValue(map?.['storage'] ?? '0');

export const claimGrowth: Admission = {
  name: 'storage-growth', kinds: [PersistentVolumeClaim], operations: ['UPDATE'],
  async validate({ object, oldObject }, { caches }) {
    const [claim, before] = [object as PersistentVolumeClaimType, oldObject as PersistentVolumeClaimType];
    if (storageOf(claim.spec?.resources?.requests) <= storageOf(before.spec?.resources?.requests)) return;
    const classes = caches.of(StorageClass);
    await classes.ready();
    if (classes.get(before.spec?.storageClassName ?? '')?.allowVolumeExpansion === true) return;
    throw new ApiError('Forbidden', `persistentvolumeclaims "${claim.metadata.name}" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize`);
  },
};

/** Gives whether there was anything to do. */
export async function growClaim(claim: PersistentVolumeClaimType, volume: PersistentVolumeType, { client, events }: Pick<ReconcileContext, 'client' | 'events'>): Promise<boolean> {
  const wanted = claim.spec?.resources?.requests?.['storage'];
  if (wanted === undefined || storageOf(claim.status?.capacity) >= quantityValue(wanted)) return false;
  if (storageOf(volume.spec?.capacity) < quantityValue(wanted)) await client.update(PersistentVolume, { ...volume, spec: { ...volume.spec, capacity: { ...volume.spec?.capacity, storage: wanted } } });
  await client.update(PersistentVolumeClaim, { ...claim, status: { ...claim.status, capacity: { ...claim.status?.capacity, storage: wanted } } }, { subresource: 'status' });
  events.event(claim, 'Normal', 'FileSystemResizeSuccessful', `the claim has ${wanted}`);
  return true;
}
