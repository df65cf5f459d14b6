// Made by tools/facts/generate.ts from the Kubernetes API types (Apache-2.0, see NOTICE). Do not edit.
import type { Condition, KubeObject, ListMeta, ObjectMeta } from '../meta.ts';
import type { GroupResource } from './meta-v1.ts';

export interface StorageVersionMigration extends KubeObject {
  metadata: ObjectMeta;
  spec?: StorageVersionMigrationSpec;
  status?: StorageVersionMigrationStatus;
}

export interface StorageVersionMigrationList {
  apiVersion?: string;
  kind?: string;
  metadata: ListMeta;
  items: StorageVersionMigration[];
}

export interface StorageVersionMigrationSpec {
  resource: GroupResource;
}

export interface StorageVersionMigrationStatus {
  conditions?: Condition[];
  resourceVersion?: string;
}
