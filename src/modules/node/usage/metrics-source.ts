/** NodeMetrics and PodMetrics from the meter, in the units of metrics-server: cpu in n, memory (working set) in Ki. */
import type { NodeMetrics, PodMetrics } from '../../../api/metrics/metrics.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { rfc3339 } from '../../../base/clock.ts';
import type { ObjectSource } from '../../../sdk/module.ts';
import { NodeKind, PodKind } from '../kinds.ts';
import { onNode } from '../mirror.ts';
import type { NodeParts } from '../parts.ts';
import type { ContainerUsage, Meter } from './meter.ts';
import type { Rate } from './series.ts';

const API_VERSION = 'metrics.k8s.io/v1beta1';

export function nodeMetricsSource(parts: NodeParts, meter: Meter): ObjectSource {
  const { machine } = parts.context;
  const nodes = parts.context.caches.of(NodeKind);
  const list = (): NodeMetrics[] => {
    const rate = meter.machine();
    const node = nodes.get(machine.nodeName);
    if (rate === undefined || node === undefined) return [];
    return [{ apiVersion: API_VERSION, kind: 'NodeMetrics', metadata: { name: machine.nodeName, creationTimestamp: rfc3339(rate.timeMs), labels: node.metadata.labels }, ...about(rate), usage: used(rate) }];
  };
  return { list, get: (_, name) => list().find((each) => each.metadata.name === name) };
}

export function podMetricsSource(parts: NodeParts, meter: Meter): ObjectSource {
  const pods = parts.context.caches.of(PodKind);
  return {
    list(namespace) {
      const byPod = meter.containers();
      return pods.list(namespace).flatMap((pod) => podMetrics(pod, byPod.get(onNode(pod).metadata.uid ?? '')) ?? []);
    },
    get(namespace, name) {
      const pod = pods.get(`${namespace}/${name}`);
      return pod === undefined ? undefined : podMetrics(pod, meter.containersOf(onNode(pod).metadata.uid ?? ''));
    },
  };
}

function podMetrics(pod: Pod, containers: readonly ContainerUsage[] = []): PodMetrics | undefined {
  const newest = containers.reduce<Rate | undefined>((found, { rate }) => (found === undefined || rate.timeMs > found.timeMs ? rate : found), undefined);
  if (newest === undefined) return undefined;
  return {
    apiVersion: API_VERSION, kind: 'PodMetrics', metadata: { name: pod.metadata.name, namespace: pod.metadata.namespace, creationTimestamp: rfc3339(newest.timeMs), labels: pod.metadata.labels },
    ...about(newest), containers: containers.map(({ record, rate }) => ({ name: record.name, usage: used(rate) })),
  };
}

function about(rate: Rate): { timestamp: string; window: string } {
  return { timestamp: rfc3339(rate.timeMs), window: `${(rate.windowMs / 1_000).toFixed(3).replace(/\.?0+$/, '')}s` };
}

function used(rate: Rate): Record<string, string> {
  return { cpu: rate.nanoCores === 0 ? '0' : `${rate.nanoCores}n`, memory: `${Math.ceil(rate.usage.workingSetBytes / 1_024)}Ki` };
}
