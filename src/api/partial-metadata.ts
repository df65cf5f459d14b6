/** Objects without their content: PartialObjectMetadata (meta/v1). */
import type { KubeList, KubeObject, ListMeta } from './meta.ts';

const META = 'meta.k8s.io/v1';

export function toPartialMetadata(object: KubeObject): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: META, metadata: object.metadata };
}

/** `metadata` is that of the list: resourceVersion, continue, remainingItemCount. */
export function toPartialMetadataList(objects: readonly KubeObject[], metadata: ListMeta): KubeList {
  return { kind: 'PartialObjectMetadataList', apiVersion: META, metadata, items: objects.map(toPartialMetadata) };
}
