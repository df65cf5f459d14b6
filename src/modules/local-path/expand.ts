/**
 * Claims that grow: only where their class allows it (upstream: PersistentVolumeClaimResize). The file of the volume grows at once, and the file system in it
 * where the kernel lets a mounted one grow, or when nobody has it.
 */
import { existsSync } from 'node:fs';
import type { PersistentVolume as PersistentVolumeType, PersistentVolumeClaim as PersistentVolumeClaimType } from '../../api/generated/core-v1.ts';
import { PersistentVolume } from '../../api/core/persistent-volume.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { ApiError } from '../../api/errors.ts';
import { quantityValue } from '../../api/quantity.ts';
import { StorageClass } from '../../api/storage/storage-class.ts';
import { rfc3339 } from '../../base/clock.ts';
import { growVolumeFile, placeVolumeFile, volumeFileOf } from '../../base/sys/volume-file.ts';
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

export interface Growth extends Pick<ReconcileContext, 'client' | 'clock' | 'events'> {
  /** Pods have the claim, so that its file system stays mounted. */
  inUse: boolean;
}

/** Gives whether there was anything to do. What cannot grow while it is mounted waits for the next pod, whose node makes it grow (upstream: FileSystemResizePending). */
export async function growClaim(claim: PersistentVolumeClaimType, volume: PersistentVolumeType, growth: Growth): Promise<boolean> {
  const { client, events } = growth;
  const wanted = claim.spec?.resources?.requests?.['storage'];
  if (wanted === undefined || storageOf(claim.status?.capacity) >= quantityValue(wanted)) return false;
  const isSmall = await growFile(volume, quantityValue(wanted), growth).catch(async (error: Error) => {
    await tellFailure(claim, volume, error, growth);
    throw error;
  });
  if (storageOf(volume.spec?.capacity) < quantityValue(wanted)) await client.update(PersistentVolume, { ...volume, spec: { ...volume.spec, capacity: { ...volume.spec?.capacity, storage: wanted } } });
  const others = (claim.status?.conditions ?? []).filter(({ type }) => type !== PENDING && type !== FAILED);
  if (isSmall) {
    if (claim.status?.conditions?.some(({ type }) => type === PENDING) === true) return true; // said already
    const condition = { type: PENDING, status: 'True' as const, lastTransitionTime: rfc3339(growth.clock.nowMs()), message: 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.' };
    await client.update(PersistentVolumeClaim, { ...claim, status: { ...claim.status, ...feasible(claim), conditions: [...others, condition] } }, { subresource: 'status' });
    events.event(claim, 'Normal', PENDING, 'the kernel does not let the file system grow while it is mounted: it grows when the next pod starts with it');
    return true;
  }
  await client.update(PersistentVolumeClaim, { ...claim, status: { ...claim.status, ...feasible(claim), conditions: others.length === 0 ? undefined : others, capacity: { ...claim.status?.capacity, storage: wanted } } }, { subresource: 'status' });
  events.event(claim, 'Normal', 'FileSystemResizeSuccessful', `the claim has ${wanted}`);
  return true;
}

const PENDING = 'FileSystemResizePending';
const FAILED = 'ControllerResizeError';

/** What could not be had is no longer told of. */
function feasible({ status }: PersistentVolumeClaimType): Pick<NonNullable<PersistentVolumeClaimType['status']>, 'allocatedResources' | 'allocatedResourceStatuses'> {
  return status?.allocatedResourceStatuses === undefined ? {} : { allocatedResources: undefined, allocatedResourceStatuses: undefined };
}

/** The owner may ask for less then, which may be had (upstream: external-resizer, RecoverVolumeExpansionFailure). */
async function tellFailure(claim: PersistentVolumeClaimType, volume: PersistentVolumeType, error: Error, { client, clock, events }: Growth): Promise<void> {
  const wanted = claim.spec?.resources?.requests?.['storage'] ?? '0';
  const why = `resize volume ${JSON.stringify(volume.metadata.name)} to ${wanted} failed: ${/ ended with code \d+: ([^]*)$/.exec(error.message)?.[1] ?? error.message}`;
  events.event(claim, 'Warning', 'VolumeResizeFailed', why);
  const before = claim.status?.conditions?.find(({ type }) => type === FAILED);
  if (before?.message === why) return;
  const condition = { type: FAILED, status: 'True' as const, lastTransitionTime: before?.lastTransitionTime ?? rfc3339(clock.nowMs()), message: why };
  const conditions = [...(claim.status?.conditions ?? []).filter(({ type }) => type !== FAILED), condition];
  await client.update(PersistentVolumeClaim, { ...claim, status: { ...claim.status, allocatedResources: { ...claim.status?.allocatedResources, storage: wanted }, allocatedResourceStatuses: { ...claim.status?.allocatedResourceStatuses, storage: 'ControllerResizeInfeasible' }, conditions } }, { subresource: 'status' });
}

async function growFile({ spec }: PersistentVolumeType, sizeBytes: number, { inUse }: Growth): Promise<boolean> {
  const path = spec?.hostPath?.path ?? '';
  const file = volumeFileOf(path);
  if (!existsSync(file)) return false; // a folder grows by itself
  await growVolumeFile(file, sizeBytes);
  return spec?.volumeMode === 'Block' ? false : (await placeVolumeFile(file, path, { mayUnmount: !inUse, mountOptions: spec?.mountOptions })).isSmall;
}
