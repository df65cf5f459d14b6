/** Reads what metrics say, from metrics.k8s.io, custom.metrics.k8s.io and external.metrics.k8s.io. All reject with Error when a value cannot be had. */
import { PodMetrics } from '../../api/metrics/metrics.ts';
import type { CrossVersionObjectReference, MetricIdentifier } from '../../api/generated/autoscaling-v2.ts';
import { defineKind } from '../../api/kind.ts';
import { parseApiVersion, type KubeList, type KubeObject } from '../../api/meta.ts';
import { quantityMillis } from '../../api/quantity.ts';
import { parseDuration } from '../../api/times.ts';
import { formatSelector } from '../../api/selector.ts';
import type { ListOptions } from '../../sdk/client.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import type { Measured } from './desired.ts';

type Reading = Pick<ModuleContext, 'client' | 'kinds'>;

/** Of each pod that the selector matches, in thousandths: of all its containers, or of the one named. A pod in which a container has no value has none; rejects where none has the one that is named. */
export async function resourceOfPods(resource: string, { namespace, selector, container }: { namespace: string; selector: string; container?: string }, { client }: Reading): Promise<Map<string, Measured>> {
  const { items } = await asked('resource', client.list(PodMetrics, { namespace, labelSelector: selector }));
  const measured = new Map<string, Measured>();
  let lacking: string | undefined;
  for (const { metadata, timestamp, window, containers } of items) {
    const used = containers.filter(({ name }) => container === undefined || name === container).map(({ usage }) => usage[resource]);
    lacking ??= used.length === 0 ? `${metadata.namespace}/${metadata.name}` : undefined;
    if (used.length === 0 || used.includes(undefined)) continue;
    const value = used.reduce<number>((sum, quantity) => sum + quantityMillis(quantity!), 0);
    measured.set(metadata.name ?? '', { value, atMs: Date.parse(timestamp ?? ''), windowMs: parseDuration(window ?? '0s') / 1e6 });
  }
  if (measured.size === 0 && container !== undefined && lacking !== undefined) throw new Error(`container ${container} not present in metrics for pod ${lacking}`);
  return measured;
}

/** What an API of metrics answers. Throws Error, in upstream's words, where it does not answer, or with nothing. */
async function asked<T extends KubeObject>(api: 'resource' | 'custom' | 'external', answer: Promise<KubeList<T>>): Promise<KubeList<T>> {
  const list = await answer.catch((error: Error) => {
    throw new Error(`unable to fetch metrics from ${api} metrics API: ${error.message}`, { cause: error });
  });
  if (list.items.length === 0) throw new Error(`no metrics returned from ${api} metrics API`);
  return list;
}

interface MetricValue extends KubeObject {
  describedObject: { name: string };
  timestamp: string;
  windowSeconds?: number;
  value: string;
}

/** Of each pod, a metric of custom.metrics.k8s.io, in thousandths. */
export async function metricOfPods(metric: MetricIdentifier, { namespace, selector }: { namespace: string; selector: string }, { client }: Reading): Promise<Map<string, Measured>> {
  const { items } = await described(`pods/*/${metric.name}`, { namespace, labelSelector: selector, metricLabelSelector: formatSelector(metric.selector) }, client);
  return new Map(items.map(({ describedObject, timestamp, windowSeconds = 60, value }) => [describedObject.name, { value: quantityMillis(value), atMs: Date.parse(timestamp), windowMs: windowSeconds * 1_000 }]));
}

/** Of one object, in thousandths. Of a namespace it is that of the autoscaler, whatever its name. */
export async function metricOfObject(metric: MetricIdentifier, reference: CrossVersionObjectReference, namespace: string, { client, kinds }: Reading): Promise<number> {
  const { group } = parseApiVersion(reference.apiVersion ?? 'v1');
  const kind = kinds.find(group, reference.kind);
  if (kind === undefined) throw new Error(`no kind ${reference.kind} is served in ${reference.apiVersion ?? 'v1'}`);
  const resource = group === '' ? kind.plural : `${kind.plural}.${group}`;
  const place = group === '' && reference.kind === 'Namespace' ? 'metrics' : `${resource}/${reference.name}`;
  const { items } = await described(`${place}/${metric.name}`, { namespace, metricLabelSelector: formatSelector(metric.selector) }, client);
  return quantityMillis(items[0]!.value);
}

/** The sum of a metric of external.metrics.k8s.io, in thousandths, and when the oldest part of it was measured, where that is told. */
export async function metricOutside(metric: MetricIdentifier, namespace: string, { client }: Reading): Promise<{ value: number; measuredMs?: number }> {
  const kind = defineKind<MetricValue>({ group: 'external.metrics.k8s.io', version: 'v1beta1', kind: 'ExternalMetricValue', plural: metric.name, namespaced: true, verbs: ['list'], schema: () => ({}) });
  const { items } = await asked('external', client.list(kind, { namespace, labelSelector: formatSelector(metric.selector) }));
  const measuredMs = Math.min(...items.map(({ timestamp }) => Date.parse(timestamp)));
  return { value: items.reduce((sum, { value }) => sum + quantityMillis(value), 0), ...(!Number.isNaN(measuredMs) && { measuredMs }) };
}

/** Where the newer version of custom.metrics.k8s.io is not served. */
const older = new WeakSet<Reading['client']>();

/** The values of a metric are a list at a path of its own below the objects that they describe. */
async function described(plural: string, options: ListOptions, client: Reading['client']): Promise<KubeList<MetricValue>> {
  const of = (version: 'v1beta1' | 'v1beta2'): Promise<KubeList<MetricValue>> =>
    asked('custom', client.list(defineKind<MetricValue>({ group: 'custom.metrics.k8s.io', version, kind: 'MetricValue', plural, namespaced: true, verbs: ['list'], schema: () => ({}) }), options));
  if (older.has(client)) return of('v1beta1');
  return of('v1beta2').catch(async (error: unknown) => {
    const found = await of('v1beta1').catch(() => undefined);
    if (found === undefined) throw error;
    older.add(client);
    return found;
  });
}
