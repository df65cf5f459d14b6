/** The load of the past, for an autoscaler that is new or was started anew: from the day of usage that llmos keeps, or from Prometheus. */
import { PodUsageHistory } from '../../../api/metrics/usage-history.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { MetricSpec } from '../../../api/generated/autoscaling-v2.ts';
import type { PredictiveAutoscalerSpec } from '../../../api/autoscaling/predictive-autoscaler.ts';
import { quantityMillis } from '../../../api/quantity.ts';
import type { ModuleContext } from '../../../sdk/index.ts';
import type { PastLoad } from './engine.ts';

const DAY_SECONDS = 86_400;
const PROMETHEUS_DAYS = 7;
const PROMETHEUS_STEP_SECONDS = 60;
const PROMETHEUS_TIMEOUT_MS = 20_000;
/** Prometheus answers with that many points at most. */
const MOST_POINTS = 11_000;

export interface HistoryQuery {
  namespace: string;
  pods: readonly Pod[];
  metric: MetricSpec;
  /** Percent: what counts as a replica's whole capacity is 100/target of the target. */
  target: number;
}

/** In order of time; none where nothing is kept. Rejects with Error when what was asked for cannot be had. */
export async function readPast({ history }: PredictiveAutoscalerSpec, query: HistoryQuery, context: Pick<ModuleContext, 'client' | 'kinds' | 'clock' | 'signal'>): Promise<PastLoad[]> {
  const unit = unitOf(query);
  if (unit === undefined) return [];
  if (history?.prometheus !== undefined) return (await queryPrometheus(history.prometheus, context)).map(({ atMs, load }) => ({ atMs, load: load / unit }));
  const isCpu = query.metric.resource?.name === 'cpu';
  if (!isCpu || context.kinds.find(PodUsageHistory.group, PodUsageHistory.kind) === undefined) return [];
  // Pods that are gone have no labels any more: those that were made from the same template are known by their names.
  const prefixes = [...new Set(query.pods.flatMap(({ metadata }) => (metadata.generateName === undefined ? [] : [metadata.generateName])))];
  const { items } = await context.client.list(PodUsageHistory, { namespace: query.namespace });
  const sums = new Map<number, number>();
  for (const { series } of items.filter(({ metadata }) => prefixes.some((prefix) => metadata.name?.startsWith(prefix)))) for (const { times, cpuMillis } of series) for (const [index, time] of times.entries()) sums.set(time, (sums.get(time) ?? 0) + cpuMillis[index]! / 1_000);
  // Means of five minutes end at the minutes in which a pod ended too: sums of part of the pods are left out.
  const whole = [...sums].filter(([time]) => time % 300 === 0).toSorted(([one], [other]) => one - other);
  return whole.map(([time, cores]) => ({ atMs: time * 1_000, load: cores / unit }));
}

/** What a replica does that is wholly busy, in the unit of the metric (cores, bytes, or its own). */
function unitOf({ metric, pods, target }: HistoryQuery): number | undefined {
  const source = metric.resource ?? metric.containerResource ?? metric.pods ?? metric.object ?? metric.external;
  if (source === undefined) return undefined;
  if (source.target.averageUtilization !== undefined) {
    const resource = metric.resource?.name ?? metric.containerResource?.name ?? 'cpu';
    const requested = pods.map(({ spec }) => (spec?.containers ?? []).reduce((sum, { resources }) => sum + quantityMillis(resources?.requests?.[resource] ?? '0'), 0) / 1_000).find((each) => each > 0);
    return requested;
  }
  const wanted = source.target.averageValue ?? source.target.value;
  return wanted === undefined ? undefined : ((quantityMillis(wanted) / 1_000) * 100) / target;
}

async function queryPrometheus({ serverAddress, query }: { serverAddress: string; query: string }, { clock, signal }: Pick<ModuleContext, 'clock' | 'signal'>): Promise<PastLoad[]> {
  const end = Math.floor(clock.nowMs() / 1_000);
  const url = new URL('api/v1/query_range', serverAddress.endsWith('/') ? serverAddress : `${serverAddress}/`);
  const span = Math.min(PROMETHEUS_DAYS * DAY_SECONDS, MOST_POINTS * PROMETHEUS_STEP_SECONDS);
  for (const [name, value] of Object.entries({ query, start: end - span, end, step: PROMETHEUS_STEP_SECONDS })) url.searchParams.set(name, String(value));
  const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(PROMETHEUS_TIMEOUT_MS)]) });
  if (!response.ok) throw new Error(`Prometheus at ${serverAddress} answers ${response.status} to the query of spec.history`);
  const { data } = (await response.json()) as { data?: { result?: { values?: [number, string][] }[] } };
  const sums = new Map<number, number>();
  for (const { values = [] } of data?.result ?? []) {
    for (const [time, text] of values) {
      const value = Number(text);
      if (Number.isFinite(value) && value >= 0) sums.set(time, (sums.get(time) ?? 0) + value);
    }
  }
  return [...sums].toSorted(([one], [other]) => one - other).map(([time, load]) => ({ atMs: time * 1_000, load }));
}
