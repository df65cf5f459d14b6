/** Volumes of storage drivers that must be attached: a VolumeAttachment for each node whose pods have the volume; the driver's own attacher does it (upstream: attachdetach controller). */
import { createHash } from 'node:crypto';
import { PersistentVolume } from '../../api/core/persistent-volume.ts';
import { Pod } from '../../api/core/pod.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { isApiError } from '../../api/errors.ts';
import { isPodTerminal } from '../../api/pod-readiness.ts';
import { CSIDriver } from '../../api/storage/csi.ts';
import { VolumeAttachment } from '../../api/storage/volume-attachment.ts';
import { claimUses } from '../../api/storage/claim-matching.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { watching, type Caches, type Controller } from '../../sdk/index.ts';

/** For the node to give back what a pod had that has ended. */
const RELEASE_MS = 30_000;

export const attachVolumes: Controller<PersistentVolume> = {
  name: 'attach-volumes',
  eventSource: 'attachdetach-controller',
  for: PersistentVolume,
  watches: [watching(Pod, volumesOfPod), watching(VolumeAttachment, ({ spec }) => (spec?.source?.persistentVolumeName ? [spec.source.persistentVolumeName] : [])), watching(CSIDriver, ({ metadata }, caches) => caches.of(PersistentVolume).list().filter(({ spec }) => spec?.csi?.driver === metadata.name).map(({ metadata: own }) => own.name ?? ''))],
  reads: [PersistentVolumeClaim],
  writes: [VolumeAttachment],
  async reconcile(name, volume, { caches, client, clock }) {
    const csi = volume?.spec?.csi;
    if (csi === undefined) return;
    // Those of others are left alone: ours have the name that nodes compute.
    const attachments = caches.of(VolumeAttachment).list().filter(({ metadata, spec }) => spec?.source?.persistentVolumeName === name && metadata.name === attachmentName(csi.volumeHandle, csi.driver, spec.nodeName));
    const wanted = caches.of(CSIDriver).get(csi.driver)?.spec?.attachRequired === false ? new Set<string>() : nodesOf(volume!, caches, clock.nowMs());
    for (const { metadata, spec } of attachments) {
      if (!wanted.has(spec?.nodeName ?? '') && metadata.deletionTimestamp === undefined) await ifThere(client.delete(VolumeAttachment, metadata.name ?? ''));
    }
    for (const nodeName of wanted) {
      if (attachments.some(({ spec }) => spec?.nodeName === nodeName)) continue;
      const attachment: VolumeAttachment = { metadata: { name: attachmentName(csi.volumeHandle, csi.driver, nodeName) }, spec: { attacher: csi.driver, nodeName, source: { persistentVolumeName: name } } };
      await client.create(VolumeAttachment, attachment).catch((error: unknown) => { if (!isApiError(error, 'AlreadyExists')) throw error; });
    }
    return attachments.length > 0 && wanted.size > 0 ? { requeueAfterMs: RELEASE_MS } : undefined;
  },
};

/** As upstream names it, since attachers and nodes compute it. */
function attachmentName(handle: string, driver: string, nodeName: string): string {
  return `csi-${createHash('sha256').update(`${handle}${driver}${nodeName}`).digest('hex')}`;
}

function nodesOf({ spec }: PersistentVolume, caches: Caches, nowMs: number): Set<string> {
  const { namespace, name } = spec?.claimRef ?? {};
  if (name === undefined) return new Set();
  const users = caches.of(Pod).list(namespace).filter((pod) => pod.spec?.nodeName && claimUses(pod).some((each) => each.claimName === name) && !(isPodTerminal(pod) && endedMs(pod) + RELEASE_MS < nowMs));
  return new Set(users.map((pod) => pod.spec?.nodeName ?? ''));
}

function endedMs({ status }: Pod): number {
  return Math.max(0, ...(status?.containerStatuses ?? []).map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? '') || 0));
}

/** Those of its claims. */
function volumesOfPod(pod: Pod, caches: Caches): string[] {
  return claimUses(pod).flatMap(({ claimName }) => caches.of(PersistentVolumeClaim).get(`${pod.metadata.namespace}/${claimName}`)?.spec?.volumeName ?? []);
}
