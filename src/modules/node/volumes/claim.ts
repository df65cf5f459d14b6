/** persistentVolumeClaim volumes: the folder or the block device of the volume that the claim is bound to (core/v1 PersistentVolumeClaimVolumeSource). */
import { chmodSync, existsSync, statSync } from 'node:fs';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../api/generated/core-v1.ts';
import { quantityValue } from '../../../api/quantity.ts';
import { isMadeFor } from '../../../api/storage/claim-matching.ts';
import { attachVolumeFile, placeVolumeFile, volumeFileOf } from '../../../base/sys/volume-file.ts';
import type { CsiPlace, CsiWish } from '../csi/volumes.ts';
import { checkHostPath } from './host-path.ts';
import { ownByGroup } from './own.ts';

export interface ClaimSources {
  /** Brings a volume of a storage driver into place. */
  csi(wish: CsiWish): Promise<CsiPlace>;
  /** Tells the cluster that a claim has grown. */
  grew(claim: PersistentVolumeClaim, storage: string): Promise<void>;
  /** Whether another pod of this node has it. */
  isShared(claimName: string): boolean;
  /** Takes a volume that one pod alone may have; false while another has it. */
  takeAlone(volumeName: string, claimName: string): boolean;
  claim(name: string): Promise<PersistentVolumeClaim | undefined>;
  volume(name: string): Promise<PersistentVolume | undefined>;
}

/** Of the module local-path. */
export const PROVISIONER = 'llmos.dev/local-path';
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
const TRIES = 40;
const PAUSE_MS = 25;

/** A folder, or the path of a block device. */
export interface ClaimPlace {
  path: string;
  /** What the claim is bound to. */
  volume?: PersistentVolume;
  isBlock?: boolean;
  renewAtMs?: number;
}

interface ClaimOptions {
  /** Of the volume in the pod. */
  name: string;
  readOnly?: boolean;
  isEphemeral?: boolean;
  /** The pod begins: all that is in the volume is given to its group, unless its policy is content with the folder. */
  begins?: boolean;
  /** Told before a file is attached as a block device, so that it is detached after the pod. */
  attaching?(file: string): void;
}

/** Waits a second for the binding, which begins with the pod. Rejects when it does not come: the pod tries again later. */
export async function claimPlace(pod: Pod, claimName: string, sources: ClaimSources, options: ClaimOptions): Promise<ClaimPlace> {
  const { claim, volume } = await boundVolume(pod, claimName, sources, options.isEphemeral === true);
  if (volume.spec?.accessModes?.includes('ReadWriteOncePod') === true && !sources.takeAlone(volume.metadata.name ?? '', claimName)) throw new Error('volume uses the ReadWriteOncePod access mode and is already in use by another pod');
  if (volume.spec?.csi !== undefined) return { ...(await csiPlace(claim, volume, sources, options)), volume };
  if (volume.spec?.volumeMode === 'Block') return { ...(await blockPlace(volume, options)), volume };
  const file = madeHere(volume) ? volumeFileOf(volume.spec?.hostPath?.path ?? '') : undefined;
  if (file !== undefined && existsSync(file)) await placeVolumeFile(file, volume.spec?.hostPath?.path ?? '', { mayUnmount: !sources.isShared(claimName), mountOptions: volume.spec?.mountOptions });
  return { path: await claimFolder(pod, volume, options), volume };
}

const madeHere = ({ metadata, spec }: PersistentVolume): boolean => metadata.annotations?.[PROVISIONED_BY] === PROVISIONER && spec?.hostPath !== undefined;

async function csiPlace(claim: PersistentVolumeClaim, volume: PersistentVolume, sources: ClaimSources, options: ClaimOptions): Promise<ClaimPlace> {
  const { csi, accessModes = [], mountOptions = [], capacity } = volume.spec!;
  const [now, wanted] = [claim.status?.capacity?.['storage'], capacity?.['storage']].map((each) => quantityValue(each ?? '0'));
  const { path, isBlock, renewAtMs, grownToBytes } = await sources.csi({
    driver: csi!.driver, volume, name: options.name, isBlock: volume.spec?.volumeMode === 'Block', readOnly: options.readOnly === true || csi!.readOnly === true, fsType: csi!.fsType, attributes: csi!.volumeAttributes ?? {},
    stageSecret: csi!.nodeStageSecretRef, publishSecret: csi!.nodePublishSecretRef, expandSecret: csi!.nodeExpandSecretRef, accessModes, mountOptions, growToBytes: wanted! > now! ? wanted : undefined,
  });
  if (grownToBytes !== undefined) await sources.grew(claim, capacity?.['storage'] ?? String(grownToBytes));
  return { path, isBlock, renewAtMs };
}

async function blockPlace(volume: PersistentVolume, { attaching }: ClaimOptions): Promise<ClaimPlace> {
  const { hostPath, local } = volume.spec ?? {};
  const file = madeHere(volume) ? volumeFileOf(hostPath?.path ?? '') : undefined;
  if (file !== undefined) {
    attaching?.(file);
    return { path: await attachVolumeFile(file), isBlock: true };
  }
  const path = hostPath?.path ?? local?.path;
  if (path === undefined) throw new Error(`the persistent volume ${volume.metadata.name} is neither hostPath nor local nor that of a storage driver, and others are not served by this node`);
  return { path: checkHostPath({ path, type: 'BlockDevice' }), isBlock: true };
}

async function claimFolder(pod: Pod, volume: PersistentVolume, { readOnly, begins }: ClaimOptions): Promise<string> {
  const { hostPath, local } = volume.spec ?? {};
  const path = hostPath !== undefined ? checkHostPath(hostPath) : local !== undefined ? checkHostPath({ path: local.path, type: 'Directory' }) : undefined;
  if (path === undefined) throw new Error(`the persistent volume ${volume.metadata.name} is neither hostPath nor local nor that of a storage driver, and others are not served by this node`);
  const isOurs = volume.metadata.annotations?.[PROVISIONED_BY] === PROVISIONER;
  // What hangs on the machine's own tree, by hand, is not ours to give away (upstream: hostPath volumes do not support ownership).
  const { fsGroup, fsGroupChangePolicy = 'Always' } = pod.spec?.securityContext ?? {};
  if ((isOurs || local !== undefined) && readOnly !== true) await ownFolder(path, fsGroup === undefined ? undefined : Number(fsGroup), { isOurs, policy: begins === true ? fsGroupChangePolicy : 'OnRootMismatch' });
  return path;
}

async function boundVolume(pod: Pod, claimName: string, sources: ClaimSources, isEphemeral: boolean): Promise<{ claim: PersistentVolumeClaim; volume: PersistentVolume }> {
  for (let tries = 1; ; tries++) {
    const claim = await sources.claim(claimName);
    if (claim === undefined && !isEphemeral) throw new Error(`persistentvolumeclaim "${claimName}" not found`);
    if (claim !== undefined && isEphemeral && !isMadeFor(claim, pod)) throw new Error(`PVC ${claimName} was not created for pod ${pod.metadata.name} (pod is not owner)`);
    if (claim?.metadata.deletionTimestamp !== undefined && claim.status?.phase !== 'Bound') throw new Error(`persistentvolumeclaim "${claimName}" is being deleted`);
    const volume = claim?.status?.phase === 'Bound' ? await sources.volume(claim.spec?.volumeName ?? '') : undefined;
    if (claim !== undefined && volume !== undefined && volume.spec?.claimRef?.uid === claim.metadata.uid) return { claim, volume };
    if (tries === TRIES) throw new Error(`PVC is not bound: ${claimName}`);
    await new Promise((settle) => setTimeout(settle, PAUSE_MS));
  }
}

/** A new folder is for every user, or for the group of the pod, with what is in it. */
async function ownFolder(path: string, group: number | undefined, { isOurs, policy }: { isOurs: boolean; policy: 'Always' | 'OnRootMismatch' }): Promise<void> {
  if (group !== undefined) return ownByGroup(path, group, policy);
  const { gid, mode } = statSync(path);
  if (isOurs && (mode & 0o777) === 0o755 && gid === 0) chmodSync(path, 0o777);
}
