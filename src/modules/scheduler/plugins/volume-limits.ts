/** NodeVolumeLimits: a node takes as many volumes of a storage driver as its CSINode says, each counted once. Source: upstream, nodevolumelimits. */
import type { PersistentVolumeClaim, Pod } from '../../../api/generated/core-v1.ts';
import { claimUses } from '../../../api/storage/claim-matching.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { rejection, type Plugin } from '../framework/plugin.ts';
import { hasClaims, mayConcern, type StorageView } from './volumes.ts';

const FULL = rejection('NodeVolumeLimits', 'node(s) exceed max volume count');

export function nodeVolumeLimits(storage: StorageView): Plugin {
  return {
    name: 'NodeVolumeLimits',
    filter({ pod }) {
      if (!hasClaims(pod) || !storage.ready()) return undefined;
      const wanted = volumesOf(pod, storage);
      if (wanted.size === 0) return undefined;
      return (node) => (isTooMany(wanted, node, storage) ? FULL : undefined);
    },
    wakesFor: (event, { pod }) => (event.type === 'storage-changed' && mayConcern(event.claim, pod)) || event.type === 'node-added' || (event.type === 'pod-removed' && hasClaims(event.pod.pod)),
  };
}

/** Names of drivers by volume. Of a claim without a volume, the driver is the one that will make it. */
type Volumes = ReadonlyMap<string, string>;

function volumesOf(pod: Pod, storage: StorageView): Volumes {
  const namespace = pod.metadata.namespace ?? '';
  const found = new Map<string, string>();
  for (const { claimName } of claimUses(pod)) {
    const claim = storage.claim(namespace, claimName);
    const [volume, driver] = claim === undefined ? [] : volumeOf(claim, storage);
    if (volume !== undefined && driver !== undefined) found.set(volume, driver);
  }
  return found;
}

function volumeOf(claim: PersistentVolumeClaim, storage: StorageView): [volume: string, driver: string] | [] {
  const { name, namespace } = claim.metadata;
  const volume = claim.spec?.volumeName ? storage.volume(claim.spec.volumeName) : undefined;
  if (volume !== undefined) {
    const { csi } = volume.spec ?? {};
    return csi === undefined ? [] : [`${csi.driver}/${csi.volumeHandle}`, csi.driver];
  }
  const driver = storage.storageClass(claim.spec?.storageClassName ?? '')?.provisioner;
  return driver === undefined ? [] : [`${driver}/claim ${namespace}/${name}`, driver];
}

function isTooMany(wanted: Volumes, node: NodeInfo, storage: StorageView): boolean {
  const limits = new Map(storage.driversOn(node.name).flatMap(({ name, allocatable }) => (allocatable?.count === undefined ? [] : [[name, allocatable.count] as const])));
  if (![...wanted.values()].some((driver) => limits.has(driver))) return false;
  const there = new Map(attachedTo(node.name, storage));
  for (const { pod } of node.pods.values()) if (hasClaims(pod)) for (const [volume, driver] of volumesOf(pod, storage)) there.set(volume, driver);
  const counts = new Map<string, number>();
  const more = new Set<string>();
  for (const [volume, driver] of wanted) if (!there.has(volume)) more.add(driver);
  for (const driver of [...there.values(), ...[...wanted].filter(([volume]) => !there.has(volume)).map(([, each]) => each)]) counts.set(driver, (counts.get(driver) ?? 0) + 1);
  return [...more].some((driver) => (counts.get(driver) ?? 0) > (limits.get(driver) ?? Infinity));
}

/** What is attached still, though its pod is gone, takes its place until it is detached. */
function attachedTo(nodeName: string, storage: StorageView): [string, string][] {
  return storage.attachments().flatMap(({ spec: { attacher, nodeName: on, source } }): [string, string][] => {
    const handle = on === nodeName && source.persistentVolumeName !== undefined ? storage.volume(source.persistentVolumeName)?.spec?.csi?.volumeHandle : undefined;
    return handle === undefined ? [] : [[`${attacher}/${handle}`, attacher]];
  });
}
