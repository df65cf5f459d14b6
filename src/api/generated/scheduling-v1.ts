// Made by tools/facts/generate.ts from the Kubernetes API types (Apache-2.0, see NOTICE). Do not edit.
import type { KubeObject, ListMeta, ObjectMeta } from '../meta.ts';
import type { PreemptionPolicy } from './core-v1.ts';

export interface PriorityClass extends KubeObject {
  metadata: ObjectMeta;
  value?: number;
  globalDefault?: boolean;
  description?: string;
  preemptionPolicy?: PreemptionPolicy;
}

export interface PriorityClassList {
  apiVersion?: string;
  kind?: string;
  metadata: ListMeta;
  items: PriorityClass[];
}
