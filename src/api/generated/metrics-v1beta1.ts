// Made by tools/facts/generate.ts from the Kubernetes API types (Apache-2.0, see NOTICE). Do not edit.
import type { KubeObject, ListMeta, ObjectMeta } from '../meta.ts';
import type { Quantity, Time } from './meta-v1.ts';

export interface ContainerMetrics {
  name: string;
  usage: Record<string, Quantity>;
}

export interface NodeMetrics extends KubeObject {
  metadata: ObjectMeta;
  timestamp: Time;
  window: string;
  usage: Record<string, Quantity>;
}

export interface NodeMetricsList {
  apiVersion?: string;
  kind?: string;
  metadata: ListMeta;
  items: NodeMetrics[];
}

export interface PodMetrics extends KubeObject {
  metadata: ObjectMeta;
  timestamp: Time;
  window: string;
  containers: ContainerMetrics[];
}

export interface PodMetricsList {
  apiVersion?: string;
  kind?: string;
  metadata: ListMeta;
  items: PodMetrics[];
}
