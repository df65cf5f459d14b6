/** Virtual resources: bodies that are answered and never stored, such as SelfSubjectAccessReview. */
import type { KubeObject } from '../../api/meta.ts';
import type { UserInfo } from '../../sdk/module.ts';

export interface VirtualResource {
  group: string;
  version: string;
  kind: string;
  plural: string;
  namespaced: boolean;
  create(body: KubeObject, request: { user: UserInfo; namespace?: string }): KubeObject | Promise<KubeObject>;
}

export type VirtualTable = ReadonlyMap<string, VirtualResource>;

export function virtualTable(resources: readonly VirtualResource[]): VirtualTable {
  return new Map(resources.map((resource) => [`${resource.group}/${resource.version}/${resource.plural}`, resource]));
}
