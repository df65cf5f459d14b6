/** What a pod refers to by name in its own namespace (upstream: pkg/api/v1/pod, VisitPodSecretNames and VisitPodConfigmapNames). Pure. */
import type { Container, Pod, Volume } from '../generated/core-v1.ts';

export interface PodReferences {
  secrets: Set<string>;
  configMaps: Set<string>;
  /** Claims, those of ephemeral volumes among them. */
  claims: Set<string>;
  /** Claims of devices, those made from templates among them. */
  resourceClaims: Set<string>;
  serviceAccount: string;
}

export function podReferences({ metadata, spec, status }: Pod): PodReferences {
  const found: PodReferences = { secrets: new Set(), configMaps: new Set(), claims: new Set(), resourceClaims: new Set(), serviceAccount: spec?.serviceAccountName ?? '' };
  for (const { name } of spec?.imagePullSecrets ?? []) note(found.secrets, name);
  for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])]) ofContainer(container as Container, found);
  for (const volume of spec?.volumes ?? []) ofVolume(volume, metadata.name ?? '', found);
  for (const { resourceClaimName } of [...(spec?.resourceClaims ?? []), ...(status?.resourceClaimStatuses ?? [])]) note(found.resourceClaims, resourceClaimName);
  return found;
}

function note(into: Set<string>, name: string | undefined): void {
  if (name !== undefined && name !== '') into.add(name);
}

function ofContainer({ env = [], envFrom = [] }: Container, found: PodReferences): void {
  for (const { secretRef, configMapRef } of envFrom) {
    note(found.secrets, secretRef?.name);
    note(found.configMaps, configMapRef?.name);
  }
  for (const { valueFrom } of env) {
    note(found.secrets, valueFrom?.secretKeyRef?.name);
    note(found.configMaps, valueFrom?.configMapKeyRef?.name);
  }
}

/** Of the sources that name a Secret, the ones that do so by `secretRef` or the like. */
const BY_SECRET_REF = ['cephfs', 'flexVolume', 'iscsi', 'rbd', 'scaleIO', 'storageos'] as const;

function ofVolume(volume: Volume, podName: string, found: PodReferences): void {
  note(found.secrets, volume.secret?.secretName);
  note(found.configMaps, volume.configMap?.name);
  note(found.claims, volume.persistentVolumeClaim?.claimName);
  if (volume.ephemeral !== undefined && volume.ephemeral !== null) note(found.claims, `${podName}-${volume.name}`);
  note(found.secrets, volume.azureFile?.secretName);
  note(found.secrets, volume.csi?.nodePublishSecretRef?.name);
  for (const source of BY_SECRET_REF) note(found.secrets, (volume[source] as { secretRef?: { name?: string } } | undefined)?.secretRef?.name);
  for (const { secret, configMap } of volume.projected?.sources ?? []) {
    note(found.secrets, secret?.name);
    note(found.configMaps, configMap?.name);
  }
}
