/** persistentVolumeClaim volumes: the folder of the volume that the claim is bound to (core/v1 PersistentVolumeClaimVolumeSource). */
import { chmodSync, chownSync, statSync } from 'node:fs';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../api/generated/core-v1.ts';
import { checkHostPath } from './host-path.ts';

export interface ClaimSources {
  claim(name: string): Promise<PersistentVolumeClaim | undefined>;
  volume(name: string): Promise<PersistentVolume | undefined>;
}

const TRIES = 40;
const PAUSE_MS = 25;

/** Waits a second for the binding, which begins with the pod. Rejects when it does not come: the pod tries again later. */
export async function claimFolder(pod: Pod, claimName: string, sources: ClaimSources): Promise<string> {
  const volume = await boundVolume(claimName, sources);
  const { hostPath, local } = volume.spec ?? {};
  const path = hostPath !== undefined ? checkHostPath(hostPath) : local !== undefined ? checkHostPath({ path: local.path, type: 'Directory' }) : undefined;
  if (path === undefined) throw new Error(`the persistent volume ${volume.metadata.name} is neither hostPath nor local, and others are not served by this node`);
  ownFolder(path, pod.spec?.securityContext?.fsGroup, hostPath !== undefined);
  return path;
}

async function boundVolume(claimName: string, sources: ClaimSources): Promise<PersistentVolume> {
  for (let tries = 1; ; tries++) {
    const claim = await sources.claim(claimName);
    if (claim === undefined) throw new Error(`persistentvolumeclaim "${claimName}" not found`);
    if (claim.metadata.deletionTimestamp !== undefined && claim.status?.phase !== 'Bound') throw new Error(`persistentvolumeclaim "${claimName}" is being deleted`);
    const volume = claim.status?.phase === 'Bound' ? await sources.volume(claim.spec?.volumeName ?? '') : undefined;
    if (volume?.spec?.claimRef?.uid === claim.metadata.uid && volume !== undefined) return volume;
    if (tries === TRIES) throw new Error(`PVC is not bound: ${claimName}`);
    await new Promise((settle) => setTimeout(settle, PAUSE_MS));
  }
}

/** A new folder is for every user, or for the group of the pod. */
function ownFolder(path: string, group: number | undefined, isOurs: boolean): void {
  const { gid, mode } = statSync(path);
  if (group !== undefined && gid !== group) {
    chownSync(path, -1, group);
    chmodSync(path, (mode & 0o777) | 0o2070);
  } else if (group === undefined && isOurs && (mode & 0o777) === 0o755 && gid === 0) chmodSync(path, 0o777);
}
