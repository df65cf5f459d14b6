/** What pods use: their counters where llmos runs them, else the rates of metrics.k8s.io, which every cluster may have. */
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { PodMetrics } from '../../api/metrics/metrics.ts';
import { PodUsage } from '../../api/metrics/pod-usage.ts';
import { parseQuantity } from '../../api/quantity.ts';
import type { ModuleContext } from '../../sdk/module.ts';
import type { CountedRoute } from './meter.ts';

type Sources = Pick<ModuleContext, 'client' | 'caches'>;

export interface Reading {
  /** Since the pod began: seconds of cpu, bytes received, bytes sent. */
  counters?: readonly number[];
  /** Where there are no counters. */
  cpuCores?: number;
  workingSetBytes: number;
  /** Of those that run, where there are several: seconds of cpu since each began, or cores. */
  containers?: readonly { name: string; cpuSeconds?: number; cpuCores?: number; workingSetBytes: number }[];
}

/** By the uid of the pod; of pods that nobody measures there is none. */
export async function readUsage(sources: Sources): Promise<Map<string, Reading>> {
  const counted = await listIfServed(sources, PodUsage);
  if (counted !== undefined) return new Map(counted.map(({ metadata, cpuSeconds, workingSetBytes, network, containers }) => [metadata.name ?? '', { counters: [cpuSeconds, network.receivedBytes, network.sentBytes], workingSetBytes, ...(containers !== undefined && { containers }) }]));
  const measured = (await listIfServed(sources, PodMetrics)) ?? [];
  return new Map(measured.map(({ metadata, containers }) => {
    const each = containers.map(({ name, usage }) => ({ name, cpuCores: valueOf(usage['cpu'] ?? '0'), workingSetBytes: valueOf(usage['memory'] ?? '0') }));
    const sum = (key: 'cpuCores' | 'workingSetBytes'): number => each.reduce((total, one) => total + one[key], 0);
    return [sources.caches.of(Pod).get(`${metadata.namespace}/${metadata.name}`)?.metadata.uid ?? '', { cpuCores: sum('cpuCores'), workingSetBytes: sum('workingSetBytes'), ...(each.length > 1 && { containers: each }) }];
  }));
}

/** Of the gateway; none before the first one, or on another cluster. */
export async function readRoutes(read: () => Promise<string>): Promise<{ routes: CountedRoute[]; served: ReadonlyMap<string, number> }> {
  try {
    const { items = [], endpoints = [] } = JSON.parse(await read()) as { items?: Partial<CountedRoute>[]; endpoints?: { address?: string; requests?: number }[] };
    const served = new Map(endpoints.flatMap(({ address = '', requests = 0 }) => (Number.isFinite(requests) ? [[address, requests] as const] : [])));
    const routes = items.flatMap(({ kind = '', namespace = '', name = '', gateway = '', requests = 0 }) => (kind === '' || !Number.isFinite(requests) ? [] : [{ kind, namespace, name, gateway, requests }]));
    return { routes, served };
  } catch (error) {
    if (isApiError(error, 'NotFound', 'ServiceUnavailable', 'Forbidden')) return { routes: [], served: new Map() };
    throw error;
  }
}

async function listIfServed<T extends KubeObject>({ client }: Sources, kind: Kind<T>): Promise<readonly T[] | undefined> {
  try {
    return (await client.list(kind)).items;
  } catch (error) {
    if (isApiError(error, 'NotFound', 'ServiceUnavailable')) return undefined;
    throw error;
  }
}

/** Not rounded up: metrics-server writes thousand-millionths of a core. */
function valueOf(quantity: string): number {
  return Number(parseQuantity(quantity).nano) / 1e9;
}
