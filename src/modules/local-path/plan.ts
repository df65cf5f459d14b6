/** How a claim comes to its volume: a volume that fits, or a folder made for it (upstream: pv_controller). Pure. */
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import type { SelectableNode } from '../../api/node-selection.ts';
import { quantityOf, quantityValue } from '../../api/quantity.ts';
import { bestVolume, claimUses, keptVolume, SELECTED_NODE } from '../../api/storage/claim-matching.ts';

export const PROVISIONER = 'llmos.dev/local-path';
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
/** On a claim: its volume was found, not named by its maker. On a volume: the claim came to it, it was not kept for it. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
/** A volume does not go while a claim has it. */
export const VOLUME_PROTECTION = 'kubernetes.io/pv-protection';
export const ATTRIBUTES_PROTECTION = 'kubernetes.io/vac-protection';
export const PROTECTION = 'kubernetes.io/pvc-protection';

export type ClaimStep =
  | { do: 'bind'; volume: PersistentVolume }
  | { do: 'provision' }
  /** The reason is that of the event. */
  | { do: 'wait'; type: 'Normal' | 'Warning'; reason: string; message: string };

export interface Seen {
  claim: PersistentVolumeClaim;
  volumes: readonly PersistentVolume[];
  storageClass: StorageClass | undefined;
  /** Pods that use the claim. */
  users: readonly Pod[];
  /** Where its first pod goes, when that is known. */
  node?: SelectableNode;
}

/** The node for whose sake a claim is bound now: the scheduler's choice, or that of a pod which never passed a scheduler. */
export function firstNode({ metadata }: PersistentVolumeClaim, users: readonly Pod[]): string | undefined {
  return metadata.annotations?.[SELECTED_NODE] ?? users.find(({ spec }) => spec?.nodeName)?.spec?.nodeName;
}

/** For a claim without a volume. */
export function claimStep({ claim, volumes, storageClass, users, node }: Seen): ClaimStep {
  const name = claim.spec?.storageClassName ?? '';
  const kept = keptVolume(claim, volumes);
  if (kept !== undefined) return { do: 'bind', volume: kept };
  const isAwaited = storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && firstNode(claim, users) === undefined;
  if (isAwaited && users.length > 0) return { do: 'wait', type: 'Normal', reason: 'WaitForPodScheduled', message: `waiting for pod ${users[0]?.metadata.name} to be scheduled` };
  if (isAwaited) return { do: 'wait', type: 'Normal', reason: 'WaitForFirstConsumer', message: 'waiting for first consumer to be created before binding' };
  // What is to be filled from somewhere is made for it.
  const isFilled = claim.spec?.dataSource !== undefined || claim.spec?.dataSourceRef !== undefined;
  const volume = isFilled ? undefined : bestVolume(claim, volumes, storageClass?.volumeBindingMode === 'WaitForFirstConsumer' ? node : undefined);
  if (volume !== undefined) return { do: 'bind', volume };
  if (name === '') return { do: 'wait', type: 'Normal', reason: 'FailedBinding', message: 'no persistent volumes available for this claim and no storage class is set' };
  if (storageClass === undefined) return { do: 'wait', type: 'Warning', reason: 'ProvisioningFailed', message: `storageclass.storage.k8s.io "${name}" not found` };
  if (storageClass.provisioner === PROVISIONER && claim.spec?.volumeAttributesClassName) return { do: 'wait', type: 'Warning', reason: 'ProvisioningFailed', message: `volumes of ${PROVISIONER} have no attributes that could be set: leave out volumeAttributesClassName` };
  if (storageClass.provisioner === PROVISIONER) return { do: 'provision' };
  return { do: 'wait', type: 'Normal', reason: 'ExternalProvisioning', message: `Waiting for a volume to be created either by the external provisioner '${storageClass.provisioner}' or manually by the system administrator.` };
}

/** `leastBytes` is what a volume of the sort has at least. The volume for a claim: a folder of this machine, at which a file of its size is mounted; of a block volume there is the file alone. */
export function volumeFor(claim: PersistentVolumeClaim, storageClass: StorageClass, { folder, node, leastBytes = 0 }: { folder: string; node: Pick<Node, 'metadata'>; leastBytes?: number }): PersistentVolume {
  const { name, namespace, uid } = claim.metadata;
  const volumeMode = claim.spec?.volumeMode ?? 'Filesystem';
  const hostname = node.metadata.labels?.['kubernetes.io/hostname'] ?? node.metadata.name ?? '';
  return {
    metadata: { name: `pvc-${uid}`, annotations: { [PROVISIONED_BY]: PROVISIONER } },
    spec: {
      capacity: { storage: capacityFor(claim, leastBytes) }, accessModes: claim.spec?.accessModes, volumeMode, storageClassName: storageClass.metadata.name,
      ...(storageClass.mountOptions === undefined || volumeMode === 'Block' ? {} : { mountOptions: storageClass.mountOptions }),
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete', hostPath: { path: `${folder}/pvc-${uid}_${namespace}_${name}`, type: volumeMode === 'Block' ? '' : 'DirectoryOrCreate' },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [hostname] }] }] } },
    },
  };
}

/** As asked for, in the claim's own words, or `leastBytes` where that is less: file systems have a least size. */
export function capacityFor({ spec }: PersistentVolumeClaim, leastBytes: number): string {
  const asked = String(spec?.resources?.requests?.['storage'] ?? '0');
  return quantityValue(asked) >= leastBytes ? asked : quantityOf(leastBytes, 'BinarySI');
}

/** Names of the claims that a pod uses. */
export function claimNames(pod: Pod): string[] {
  return claimUses(pod).map((each) => each.claimName);
}
