/** The controller of volumes: says whether each is free, bound or released, and reclaims those that were made here. */
import { isDeepStrictEqual } from 'node:util';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { PersistentVolume } from '../../api/core/persistent-volume.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { isApiError } from '../../api/errors.ts';
import type { ObjectReference, PersistentVolumePhase } from '../../api/generated/core-v1.ts';
import { rfc3339 } from '../../base/clock.ts';
import { removeVolumeFile, volumeFileOf } from '../../base/sys/volume-file.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { watching, type Caches, type Controller, type ReconcileContext } from '../../sdk/index.ts';
import { BOUND_BY_CONTROLLER, PROVISIONED_BY, PROVISIONER, VOLUME_PROTECTION } from './plan.ts';

export function volumeController(folderOf: (context: ReconcileContext) => string): Controller<PersistentVolume> {
  return {
    name: 'persistent-volume',
    eventSource: 'persistentvolume-controller',
    for: PersistentVolume,
    watches: [watching(PersistentVolumeClaim, volumesOfClaim)],
    async reconcile(_key, volume, context) {
      if (volume === undefined) return;
      if (await isLeft(volume, context)) return unbind(volume, context);
      const phase = await phaseOf(volume, context);
      const policy = volume.spec?.persistentVolumeReclaimPolicy;
      const isOurs = policy === 'Delete' && volume.metadata.annotations?.[PROVISIONED_BY] === PROVISIONER;
      if (volume.metadata.deletionTimestamp !== undefined) {
        if (phase === 'Bound') return;
        // The policy holds in whichever order claim and volume are deleted (upstream: HonorPVReclaimPolicy).
        if (phase === 'Released' && isOurs) await removeContent(volume, folderOf(context), context);
        return letGo(volume, context);
      }
      if (phase !== 'Released' || policy === 'Retain') return writePhase(volume, phase, context);
      if (isOurs) return reclaim(volume, folderOf(context), context);
      if (policy === 'Delete' && volume.metadata.annotations?.[PROVISIONED_BY] !== undefined) return writePhase(volume, phase, context); // its provisioner deletes it
      if (policy === 'Recycle' && volume.spec?.hostPath !== undefined) return recycle(volume, volume.spec.hostPath.path, context);
      await fail(volume, policy === 'Recycle' ? 'VolumeFailedRecycle' : 'VolumeFailedDelete', context);
    },
  };
}

/** That which it names, and those that are kept for it. */
function volumesOfClaim({ metadata, spec }: PersistentVolumeClaim, caches: Caches): string[] {
  const volumes = caches.of(PersistentVolume);
  volumes.addIndex('claim', ({ spec: of }) => (of?.claimRef?.uid === undefined ? [] : [of.claimRef.uid]));
  const kept = volumes.byIndex('claim', metadata.uid ?? '').map(({ metadata: { name = '' } }) => name);
  return [...new Set([...(spec?.volumeName ? [spec.volumeName] : []), ...kept])];
}

/** A volume that was deleted goes when no claim has it any more. */
async function letGo({ metadata }: PersistentVolume, { client }: ReconcileContext): Promise<void> {
  if (metadata.finalizers?.includes(VOLUME_PROTECTION) !== true) return;
  await ifThere(client.patch(PersistentVolume, metadata.name ?? '', { type: 'strategic', body: { metadata: { uid: metadata.uid ?? '', '$deleteFromPrimitiveList/finalizers': [VOLUME_PROTECTION] } } }));
}

/** Nobody here can take back what was not made here. */
async function fail(volume: PersistentVolume, reason: string, context: ReconcileContext): Promise<void> {
  const message = 'this volume was made by hand: take its data back by hand, then delete it, or use the policy Retain';
  if (volume.status?.phase !== 'Failed') context.events.event(volume, 'Warning', reason, message);
  await writePhase(volume, 'Failed', context, message);
}

/** Its claim has found another volume. What was made for the claim is released, not given to others. */
async function isLeft({ metadata, spec }: PersistentVolume, { caches, client }: ReconcileContext): Promise<boolean> {
  const { name = '', namespace, uid } = spec?.claimRef ?? {};
  if (uid === undefined || metadata.annotations?.[PROVISIONED_BY] !== undefined) return false;
  const hasAnother = (claim: PersistentVolumeClaim | undefined): boolean => claim?.metadata.uid === uid && Boolean(claim?.spec?.volumeName) && claim?.spec?.volumeName !== metadata.name;
  return hasAnother(caches.of(PersistentVolumeClaim).get(`${namespace}/${name}`)) && hasAnother(await ifThere(client.get(PersistentVolumeClaim, name, { namespace })));
}

/** A volume that was kept for a claim of that name stays so. */
async function unbind(volume: PersistentVolume, context: ReconcileContext): Promise<void> {
  const { [BOUND_BY_CONTROLLER]: byController, ...annotations } = volume.metadata.annotations ?? {};
  const { claimRef: { uid: _uid, resourceVersion: _version, ...kept } = {}, ...spec } = volume.spec ?? {};
  const free = await context.client.update(PersistentVolume, { ...volume, metadata: { ...volume.metadata, annotations }, spec: byController === undefined ? { ...spec, claimRef: kept } : spec });
  await writePhase(free, 'Available', context);
}

async function phaseOf({ spec }: PersistentVolume, context: ReconcileContext): Promise<PersistentVolumePhase> {
  const claimRef = spec?.claimRef;
  if (claimRef === undefined || claimRef.uid === undefined) return 'Available';
  return (await claimExists(claimRef, context)) ? 'Bound' : 'Released';
}

/** Asks beyond the cache before a volume is taken for released: its data may go. */
async function claimExists({ name = '', namespace, uid }: ObjectReference, { caches, client }: ReconcileContext): Promise<boolean> {
  if (caches.of(PersistentVolumeClaim).get(`${namespace}/${name}`)?.metadata.uid === uid) return true;
  try {
    return (await client.get(PersistentVolumeClaim, name, { namespace })).metadata.uid === uid;
  } catch (error) {
    if (isApiError(error, 'NotFound')) return false;
    throw error;
  }
}

async function reclaim(volume: PersistentVolume, folder: string, context: ReconcileContext): Promise<void> {
  if (!(await removeContent(volume, folder, context))) return;
  const { name = '', uid } = volume.metadata;
  try {
    await context.client.delete(PersistentVolume, name, { preconditions: { uid } });
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
  }
}

/** Safe to do again. False when it is not ours to delete: only what lies in our own folder is, whatever an object says. */
async function removeContent(volume: PersistentVolume, folder: string, { events }: ReconcileContext): Promise<boolean> {
  const path = resolve(volume.spec?.hostPath?.path ?? '');
  if (!path.startsWith(`${resolve(folder)}${sep}`)) {
    events.event(volume, 'Warning', 'VolumeFailedDelete', `${path} is not a folder of this provisioner: delete it by hand, and the volume after it`);
    return false;
  }
  await removeVolumeFile(volumeFileOf(path), path);
  rmSync(path, { recursive: true, force: true });
  return true;
}

/** All that is in the folder goes, and the volume is free for the next claim (deprecated upstream in favour of provisioning, and served for hostPath as there). */
async function recycle(volume: PersistentVolume, path: string, context: ReconcileContext): Promise<void> {
  if (resolve(path) === sep) return fail(volume, 'VolumeFailedRecycle', context);
  for (const name of existsSync(path) ? readdirSync(path) : []) rmSync(join(path, name), { recursive: true, force: true });
  const { claimRef: _, ...spec } = volume.spec ?? {};
  const free = await context.client.update(PersistentVolume, { ...volume, spec });
  context.events.event(volume, 'Normal', 'VolumeRecycled', 'Volume recycled');
  await writePhase(free, 'Available', context);
}

async function writePhase(volume: PersistentVolume, phase: PersistentVolumePhase, { client, clock }: ReconcileContext, message?: string): Promise<void> {
  if (volume.status?.phase === phase) return;
  const status = { ...volume.status, phase, ...(message === undefined ? {} : { message }), lastPhaseTransitionTime: rfc3339(clock.nowMs()) };
  if (isDeepStrictEqual(status, volume.status)) return;
  await ifThere(client.update(PersistentVolume, { ...volume, status }, { subresource: 'status' }));
}
