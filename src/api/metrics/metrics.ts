/** NodeMetrics and PodMetrics (metrics.k8s.io/v1beta1): what is used now. Made when asked for, never stored. */
import type { NodeMetrics as NodeMetricsType, PodMetrics as PodMetricsType } from '../generated/metrics-v1beta1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { defineKind, type Kind, type Verb } from '../kind.ts';
import { addQuantities, quantityOf } from '../quantity.ts';
import { schemaOf } from '../schema/facts.ts';

export type NodeMetrics = NodeMetricsType;
export type PodMetrics = PodMetricsType;

const READ_ONLY: readonly Verb[] = ['get', 'list'];

export const NodeMetrics: Kind<NodeMetrics> = defineKind<NodeMetrics>({
  group: 'metrics.k8s.io', version: 'v1beta1', kind: 'NodeMetrics', plural: 'nodes', singular: '', namespaced: false, verbs: READ_ONLY,
  schema: () => schemaOf('metrics.k8s.io', 'v1beta1', 'NodeMetrics'),
  columns: [NAME, column('cpu', (node) => node.usage['cpu'] ?? ''), column('memory', (node) => node.usage['memory'] ?? ''), column('Window', (node) => node.window), AGE],
});

export const PodMetrics: Kind<PodMetrics> = defineKind<PodMetrics>({
  group: 'metrics.k8s.io', version: 'v1beta1', kind: 'PodMetrics', plural: 'pods', singular: '', namespaced: true, verbs: READ_ONLY,
  schema: () => schemaOf('metrics.k8s.io', 'v1beta1', 'PodMetrics'),
  columns: [NAME, column('cpu', (pod) => sumOf(pod, 'cpu')), column('memory', (pod) => sumOf(pod, 'memory')), column('Window', (pod) => pod.window), AGE],
});

function sumOf(pod: PodMetrics, resource: string): string {
  return pod.containers.reduce((sum, { usage }) => addQuantities(sum, usage[resource] ?? '0'), quantityOf(0));
}
