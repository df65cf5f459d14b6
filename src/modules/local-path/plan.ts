/** How a claim comes to its volume: a volume that fits, or a folder made for it (upstream: pv_controller). Pure. */
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import { quantityValue } from '../../api/quantity.ts';
import { matcherOfSelector } from '../../api/selector.ts';

export const PROVISIONER = 'llmos.dev/local-path';
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
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
}

/** For a claim without a volume. */
export function claimStep({ claim, volumes, storageClass, users }: Seen): ClaimStep {
  const name = claim.spec?.storageClassName ?? '';
  const isAwaited = storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && !users.some(({ spec }) => spec?.nodeName);
  if (isAwaited) return { do: 'wait', type: 'Normal', reason: 'WaitForFirstConsumer', message: 'waiting for first consumer to be created before binding' };
  const volume = bestVolume(claim, volumes);
  if (volume !== undefined) return { do: 'bind', volume };
  if (name === '') return { do: 'wait', type: 'Normal', reason: 'FailedBinding', message: 'no persistent volumes available for this claim and no storage class is set' };
  if (storageClass === undefined) return { do: 'wait', type: 'Warning', reason: 'ProvisioningFailed', message: `storageclass.storage.k8s.io "${name}" not found` };
  if (storageClass.provisioner === PROVISIONER) return claim.spec?.volumeMode === 'Block' ? { do: 'wait', type: 'Warning', reason: 'ProvisioningFailed', message: 'block volumes are not made: set volumeMode to Filesystem' } : { do: 'provision' };
  return { do: 'wait', type: 'Normal', reason: 'ExternalProvisioning', message: `Waiting for a volume to be created either by the external provisioner '${storageClass.provisioner}' or manually by the system administrator.` };
}

/** One that names the claim, else the smallest that is free and fits. */
function bestVolume(claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[]): PersistentVolume | undefined {
  const { name, namespace, uid } = claim.metadata;
  const named = volumes.find(({ spec }) => spec?.claimRef?.name === name && spec?.claimRef?.namespace === namespace && (spec?.claimRef?.uid === undefined || spec.claimRef.uid === uid));
  if (named !== undefined) return named;
  return volumes.filter((each) => fits(claim, each)).sort((left, right) => sizeOf(left) - sizeOf(right))[0];
}

function fits({ spec: wanted = {} }: PersistentVolumeClaim, { spec = {}, metadata }: PersistentVolume): boolean {
  if (spec.claimRef !== undefined || metadata.deletionTimestamp !== undefined) return false;
  if ((spec.storageClassName ?? '') !== (wanted.storageClassName ?? '') || (spec.volumeMode ?? 'Filesystem') !== (wanted.volumeMode ?? 'Filesystem')) return false;
  if (wanted.accessModes?.every((mode) => spec.accessModes?.includes(mode)) === false) return false;
  if (wanted.selector !== undefined && !matcherOfSelector(wanted.selector).matches(metadata.labels)) return false;
  return quantityValue(spec.capacity?.['storage'] ?? '0') >= quantityValue(wanted.resources?.requests?.['storage'] ?? '0');
}

function sizeOf({ spec }: PersistentVolume): number {
  return quantityValue(spec?.capacity?.['storage'] ?? '0');
}

/** The volume for a claim, in a folder of this machine. */
export function volumeFor(claim: PersistentVolumeClaim, storageClass: StorageClass, { folder, node }: { folder: string; node: Pick<Node, 'metadata'> }): PersistentVolume {
  const { name, namespace, uid } = claim.metadata;
  const hostname = node.metadata.labels?.['kubernetes.io/hostname'] ?? node.metadata.name ?? '';
  return {
    metadata: { name: `pvc-${uid}`, annotations: { [PROVISIONED_BY]: PROVISIONER } },
    spec: {
      capacity: { storage: claim.spec?.resources?.requests?.['storage'] ?? '0' }, accessModes: claim.spec?.accessModes, volumeMode: 'Filesystem', storageClassName: storageClass.metadata.name,
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete', hostPath: { path: `${folder}/pvc-${uid}_${namespace}_${name}`, type: 'DirectoryOrCreate' },
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', name, namespace, uid },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [hostname] }] }] } },
    },
  };
}

/** Names of the claims that a pod uses. */
export function claimNames({ metadata, spec }: Pod): string[] {
  return (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => (persistentVolumeClaim !== undefined ? [persistentVolumeClaim.claimName] : ephemeral === undefined ? [] : [`${metadata.name}-${name}`]));
}
