/** What belongs to the pods of a node, read from the store when somebody asks (upstream: plugin/pkg/auth/authorizer/node, graph.go). */
import type { PersistentVolume, Pod } from '../../../api/generated/core-v1.ts';
import type { ResourceSlice } from '../../../api/generated/resource-v1.ts';
import type { VolumeAttachment } from '../../../api/generated/storage-v1.ts';
import { podReferences, type PodReferences } from '../../../api/core/pod-references.ts';
import type { Store } from '../../store/store.ts';

export type RelatedKind = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'persistentvolumes' | 'pods' | 'serviceaccounts' | 'volumeattachments' | 'resourceclaims' | 'resourceslices';

const MIRROR = 'kubernetes.io/config.mirror';

/** Whether an object is of use to a pod that is bound to the node. Looks at the pods of one namespace, never at all of them. */
export function isRelated(store: Store, node: string, kind: RelatedKind, namespace: string, name: string): boolean {
  switch (kind) {
    case 'pods': return (store.get(`/core/pods/${namespace}/${name}`)?.object as Pod | undefined)?.spec?.nodeName === node;
    case 'volumeattachments': return (store.get(`/storage.k8s.io/volumeattachments/${name}`)?.object as VolumeAttachment | undefined)?.spec?.nodeName === node;
    case 'persistentvolumes': {
      const claim = volumeOf(store, name)?.spec?.claimRef;
      return claim?.name !== undefined && isRelated(store, node, 'persistentvolumeclaims', claim.namespace ?? '', claim.name);
    }
    case 'secrets': return refers(store, node, namespace, ({ secrets, claims }) => secrets.has(name) || [...claims].some((claim) => isSecretOfVolume(store, namespace, claim, name)));
    case 'configmaps': return refers(store, node, namespace, ({ configMaps }) => configMaps.has(name));
    case 'persistentvolumeclaims': return refers(store, node, namespace, ({ claims }) => claims.has(name));
    case 'resourceclaims': return refers(store, node, namespace, ({ resourceClaims }) => resourceClaims.has(name));
    case 'resourceslices': return (store.get(`/resource.k8s.io/resourceslices/${name}`)?.object as ResourceSlice | undefined)?.spec.nodeName === node;
    case 'serviceaccounts': return refers(store, node, namespace, ({ serviceAccount }) => serviceAccount === name);
  }
}

function refers(store: Store, node: string, namespace: string, test: (references: PodReferences) => boolean): boolean {
  return store.list(`/core/pods/${namespace}/`).items.some(({ object }) => {
    const pod = object as Pod;
    // What a node says of its own static pods gives it no rights.
    return pod.spec?.nodeName === node && pod.metadata.annotations?.[MIRROR] === undefined && test(podReferences(pod));
  });
}

function volumeOf(store: Store, name: string): PersistentVolume | undefined {
  return store.get(`/core/persistentvolumes/${name}`)?.object as PersistentVolume | undefined;
}

/** The secrets by which the volume of a claim is mounted, where they lie in the namespace of the claim. */
function isSecretOfVolume(store: Store, namespace: string, claim: string, secret: string): boolean {
  const volumeName = (store.get(`/core/persistentvolumeclaims/${namespace}/${claim}`)?.object as { spec?: { volumeName?: string } } | undefined)?.spec?.volumeName;
  const spec = volumeName === undefined || volumeName === '' ? undefined : volumeOf(store, volumeName)?.spec;
  if (spec === undefined || spec.claimRef?.name !== claim) return false;
  const { csi, azureFile } = spec;
  const refs = [csi?.nodePublishSecretRef, csi?.nodeStageSecretRef, csi?.nodeExpandSecretRef, csi?.controllerPublishSecretRef, csi?.controllerExpandSecretRef, spec.cephfs?.secretRef, spec.flexVolume?.secretRef, spec.iscsi?.secretRef, spec.rbd?.secretRef, spec.scaleIO?.secretRef,
    azureFile === undefined || azureFile === null ? undefined : { name: azureFile.secretName, namespace: azureFile.secretNamespace ?? undefined }];
  return refs.some((ref) => ref?.name === secret && (ref.namespace ?? namespace) === namespace);
}
