/** Reads what metrics say, from metrics.k8s.io, custom.metrics.k8s.io and external.metrics.k8s.io. All reject with Error when a value cannot be had. */
import { PodMetrics } from '../../api/metrics/metrics.ts';
import type { CrossVersionObjectReference, MetricIdentifier } from '../../api/generated/autoscaling-v2.ts';
import { defineKind, type Kind } from '../../api/kind.ts';
import { parseApiVersion, type KubeObject } from '../../api/meta.ts';
import { quantityMillis } from '../../api/quantity.ts';
import { parseDuration } from '../../api/times.ts';
import { formatSelector } from '../../api/selector.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import type { Measured } from './desired.ts';

type Reading = Pick<ModuleContext, 'client' | 'kinds'>;

/** Of each pod that the selector matches, in thousandths: of all its containers, or of the one named. A pod in which a container has no value has none. */
export async function resourceOfPods(resource: string, { namespace, selector, container }: { namespace: string; selector: string; container?: string }, { client }: Reading): Promise<Map<string, Measured>> {
  const { items } = await client.list(PodMetrics, { namespace, labelSelector: selector });
  const measured = new Map<string, Measured>();
  for (const { metadata, timestamp, window, containers } of items) {
    const used = containers.filter(({ name }) => container === undefined || name === container).map(({ usage }) => usage[resource]);
    if (used.length === 0 || used.includes(undefined)) continue;
    const value = used.reduce<number>((sum, quantity) => sum + quantityMillis(quantity!), 0);
    measured.set(metadata.name ?? '', { value, atMs: Date.parse(timestamp ?? ''), windowMs: parseDuration(window ?? '0s') / 1e6 });
  }
  if (measured.size === 0) throw new Error(`no metrics returned from resource metrics API for ${resource}`);
  return measured;
}

interface MetricValue extends KubeObject {
  describedObject: { name: string };
  timestamp: string;
  windowSeconds?: number;
  value: string;
}

/** Of each pod, a metric of custom.metrics.k8s.io, in thousandths. */
export async function metricOfPods(metric: MetricIdentifier, { namespace, selector }: { namespace: string; selector: string }, { client }: Reading): Promise<Map<string, Measured>> {
  const { items } = await client.list(described(`pods/*/${metric.name}`), { namespace, labelSelector: selector });
  if (items.length === 0) throw new Error(`no metrics returned from custom metrics API for ${metric.name}`);
  return new Map(items.map(({ describedObject, timestamp, windowSeconds = 60, value }) => [describedObject.name, { value: quantityMillis(value), atMs: Date.parse(timestamp), windowMs: windowSeconds * 1_000 }]));
}

/** Of one object, in thousandths. */
export async function metricOfObject(metric: MetricIdentifier, reference: CrossVersionObjectReference, namespace: string, { client, kinds }: Reading): Promise<number> {
  const { group } = parseApiVersion(reference.apiVersion ?? 'v1');
  const kind = kinds.find(group, reference.kind);
  if (kind === undefined) throw new Error(`no kind ${reference.kind} is served in ${reference.apiVersion ?? 'v1'}`);
  const resource = group === '' ? kind.plural : `${kind.plural}.${group}`;
  const { items } = await client.list(described(`${resource}/${reference.name}/${metric.name}`), { namespace });
  if (items[0] === undefined) throw new Error(`no metrics returned from custom metrics API for ${metric.name} of ${reference.kind}/${reference.name}`);
  return quantityMillis(items[0].value);
}

/** The sum of a metric of external.metrics.k8s.io, in thousandths, and when the oldest part of it was measured, where that is told. */
export async function metricOutside(metric: MetricIdentifier, namespace: string, { client }: Reading): Promise<{ value: number; measuredMs?: number }> {
  const kind = defineKind<MetricValue>({ group: 'external.metrics.k8s.io', version: 'v1beta1', kind: 'ExternalMetricValue', plural: metric.name, namespaced: true, verbs: ['list'], schema: () => ({}) });
  const { items } = await client.list(kind, { namespace, labelSelector: formatSelector(metric.selector) });
  if (items.length === 0) throw new Error(`no metrics returned from external metrics API for ${metric.name}`);
  const measuredMs = Math.min(...items.map(({ timestamp }) => Date.parse(timestamp)));
  return { value: items.reduce((sum, { value }) => sum + quantityMillis(value), 0), ...(!Number.isNaN(measuredMs) && { measuredMs }) };
}

/** The values of a metric are a list at a path of its own below the objects that they describe. */
function described(path: string): Kind<MetricValue> {
  return defineKind<MetricValue>({ group: 'custom.metrics.k8s.io', version: 'v1beta2', kind: 'MetricValue', plural: path, namespaced: true, verbs: ['list'], schema: () => ({}) });
}
