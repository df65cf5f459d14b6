/** Owner references (meta/v1): who controls an object, and how a controller marks what it makes. */
import type { Kind } from './kind.ts';
import { apiVersionOf, type KubeObject, type OwnerReference } from './meta.ts';

/** The one owner that controls the object. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((each) => each.controller === true);
}

export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** The reference that makes `owner` the controller; it blocks a foreground deletion of the owner. */
export function controllerReference(kind: Pick<Kind, 'group' | 'version' | 'kind'>, owner: KubeObject): OwnerReference {
  return {
    apiVersion: apiVersionOf(kind.group, kind.version), kind: kind.kind, name: owner.metadata.name ?? '', uid: owner.metadata.uid ?? '',
    controller: true, blockOwnerDeletion: true,
  };
}
