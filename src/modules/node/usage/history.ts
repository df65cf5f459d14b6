/** Writes the ring of usage once a minute, and shows it as NodeUsageHistory and PodUsageHistory. */
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { NodeUsageHistory, PodUsageHistory, UsageSeries } from '../../../api/metrics/usage-history.ts';
import { rfc3339 } from '../../../base/clock.ts';
import type { ObjectSource } from '../../../sdk/module.ts';
import { PodKind } from '../kinds.ts';
import { onNode } from '../mirror.ts';
import type { NodeParts } from '../parts.ts';
import type { Meter } from './meter.ts';
import { RING_HOURS, type RingPoint, type UsageRing } from './ring.ts';

const MINUTE_MS = 60_000;
const LIST_STEP_MINUTES = 5;
const API_VERSION = 'usage.llmos.dev/v1alpha1';

/** One timer for all; settles after the signal aborted. */
export async function keepHistory(parts: NodeParts, meter: Meter, ring: UsageRing, signal: AbortSignal): Promise<void> {
  const { clock, log } = parts.context;
  const before = new Map<string, { timeMs: number; cpuNs: number }>();

  /** Since the last minute, or since the container began. */
  function meanMillis(id: string, now: { timeMs: number; cpuNs: number }, begin: { timeMs: number; cpuNs: number }): number {
    const from = before.get(id) ?? begin;
    before.set(id, now);
    return now.timeMs <= from.timeMs ? 0 : (now.cpuNs - from.cpuNs) / 1e3 / (now.timeMs - from.timeMs);
  }

  function take(): Map<string, { cpuMillis: number; memoryBytes: number }> {
    const points = new Map<string, { cpuMillis: number; memoryBytes: number }>();
    const machine = meter.machine();
    if (machine !== undefined) points.set('', { cpuMillis: meanMillis('', { timeMs: machine.timeMs, cpuNs: machine.usage.cpuNs }, { timeMs: machine.timeMs, cpuNs: machine.usage.cpuNs }), memoryBytes: machine.usage.workingSetBytes });
    const alive = new Set(['']);
    for (const { record, rate } of [...meter.containers().values()].flat()) {
      alive.add(record.id);
      const { namespace, name, uid } = record.pod;
      points.set([namespace, name, uid, record.name].join('/'), { cpuMillis: meanMillis(record.id, { timeMs: rate.timeMs, cpuNs: rate.usage.cpuNs }, { timeMs: record.createdMs, cpuNs: 0 }), memoryBytes: rate.usage.workingSetBytes });
    }
    for (const id of before.keys()) if (!alive.has(id)) before.delete(id);
    return points;
  }

  await clock.sleep(1_500, signal); // so that the first minute has a beginning
  if (!signal.aborted) take();
  while (!signal.aborted) {
    await clock.sleep(MINUTE_MS - (clock.nowMs() % MINUTE_MS) + 1, signal);
    if (signal.aborted) return;
    try {
      ring.add(Math.floor(clock.nowMs() / MINUTE_MS), take());
    } catch (error) {
      log.warn('the usage of a minute could not be kept', { error });
    }
  }
}

export function nodeHistorySource(parts: NodeParts, ring: UsageRing): ObjectSource {
  const { machine, clock } = parts.context;
  const list = (): NodeUsageHistory[] => {
    const points = ring.read((name) => name === '').get('') ?? [];
    return points.length === 0 ? [] : [{ apiVersion: API_VERSION, kind: 'NodeUsageHistory', metadata: { name: machine.nodeName, creationTimestamp: rfc3339(points[0]!.minute * MINUTE_MS) }, stepSeconds: 60, series: [seriesOf(recent(points, clock.nowMs()))] }];
  };
  return { list, get: (_, name) => list().find((each) => each.metadata.name === name) };
}

/** Of two pods of one name the younger is shown. */
export function podHistorySource(parts: NodeParts, ring: UsageRing): ObjectSource {
  const { caches, clock } = parts.context;
  function histories(prefix: string, stepMinutes: number): PodUsageHistory[] {
    const byPod = Map.groupBy(ring.read((name) => name !== '' && name.startsWith(prefix)), ([series]) => series.slice(0, series.lastIndexOf('/')));
    const shown = new Map<string, { endMinute: number; history: PodUsageHistory }>();
    for (const [key, series] of byPod) {
      const [namespace = '', name = '', uid = ''] = key.split('/');
      const kept = series.map(([id, points]) => ({ container: id.slice(key.length + 1), points: recent(points, clock.nowMs()) })).filter(({ points }) => points.length > 0);
      if (kept.length === 0) continue;
      const endMinute = Math.max(...kept.map(({ points }) => points.at(-1)!.minute));
      if ((shown.get(`${namespace}/${name}`)?.endMinute ?? -1) >= endMinute) continue;
      const first = Math.min(...kept.map(({ points }) => points[0]!.minute));
      shown.set(`${namespace}/${name}`, { endMinute, history: {
        apiVersion: API_VERSION, kind: 'PodUsageHistory', metadata: { name, namespace, uid, creationTimestamp: rfc3339(first * MINUTE_MS), labels: labelsOf(caches.of(PodKind).get(`${namespace}/${name}`), uid) },
        stepSeconds: stepMinutes * 60, series: kept.map(({ container, points }) => ({ container, ...seriesOf(means(points, stepMinutes)) })),
      } });
    }
    return [...shown.values()].map(({ history }) => history);
  }
  return {
    list: (namespace) => histories(namespace === undefined ? '' : `${namespace}/`, LIST_STEP_MINUTES),
    get: (namespace, name) => histories(`${namespace}/${name}/`, 1)[0],
  };
}

function labelsOf(pod: Pod | undefined, uid: string): Record<string, string> | undefined {
  return pod !== undefined && onNode(pod).metadata.uid === uid ? pod.metadata.labels : undefined;
}

function recent(points: readonly RingPoint[], nowMs: number): RingPoint[] {
  const least = nowMs / MINUTE_MS - RING_HOURS * 60;
  return points.filter(({ minute }) => minute >= least);
}

/** One point a step: the mean of its cpu, its greatest memory. Pure. */
export function means(points: readonly RingPoint[], stepMinutes: number): RingPoint[] {
  if (stepMinutes === 1) return [...points];
  return [...Map.groupBy(points, ({ minute }) => Math.ceil(minute / stepMinutes)).values()].map((group) => ({
    minute: group.at(-1)!.minute, cpuMillis: group.reduce((sum, each) => sum + each.cpuMillis, 0) / group.length, memoryBytes: Math.max(...group.map((each) => each.memoryBytes)),
  }));
}

function seriesOf(points: readonly RingPoint[]): UsageSeries {
  return { times: points.map(({ minute }) => minute * 60), cpuMillis: points.map(({ cpuMillis }) => Math.round(cpuMillis)), workingSetBytes: points.map(({ memoryBytes }) => memoryBytes) };
}
