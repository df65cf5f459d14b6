/** Objects without their content: PartialObjectMetadata (meta/v1). */
import type { KubeList, KubeObject, ListMeta } from './meta.ts';

/** `version` is that of meta.k8s.io; default v1. */
export function toPartialMetadata(object: KubeObject, version = 'v1'): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

/** `metadata` is that of the list: resourceVersion, continue, remainingItemCount. */
export function toPartialMetadataList(objects: readonly KubeObject[], metadata: ListMeta, version = 'v1'): KubeList {
  return { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${version}`, metadata, items: objects.map((object) => toPartialMetadata(object, version)) };
}
