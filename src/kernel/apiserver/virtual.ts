/** Virtual resources: bodies that are answered and never stored, such as SelfSubjectAccessReview. */
import { defineKind, type Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { schemaOf } from '../../api/schema/facts.ts';
import type { UserInfo } from '../../sdk/module.ts';
import type { WriteContext } from './door.ts';

export interface VirtualRequest {
  user: UserInfo;
  namespace?: string;
  context: WriteContext;
}

export interface VirtualResource {
  group: string;
  version: string;
  kind: string;
  plural: string;
  namespaced: boolean;
  create(body: KubeObject, request: VirtualRequest): KubeObject | Promise<KubeObject>;
}

/** A virtual resource with its kind, as schemas and documents need it. */
export interface ServedVirtual extends VirtualResource {
  asKind: Kind;
}

/** By `group/version/plural`. */
export type VirtualTable = ReadonlyMap<string, ServedVirtual>;

export function virtualTable(resources: readonly VirtualResource[]): VirtualTable {
  return new Map(resources.map((resource) => {
    const { group, version, kind, plural, namespaced } = resource;
    const asKind = defineKind({ group, version, kind, plural, namespaced, verbs: ['create'], schema: () => schemaOf(group, version, kind) });
    return [`${group}/${version}/${plural}`, { ...resource, asKind }];
  }));
}
