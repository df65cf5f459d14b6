/** The meter: adds what pods and claims had and used since the last look to the records of their namespaces and hours. */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import type { MeteredClaim, MeteredPod, MeteredRoute, UsageRecord } from '../../api/metering/usage-record.ts';
import { podRequests } from '../../api/pod-requests.ts';
import { rfc3339 } from '../../base/clock.ts';
import { addClaim, addPod, keptLabels } from './accumulate.ts';
import { boundBytes, claimParts } from './claim-parts.ts';
import { HOUR_MS, hourOf, stepsOf, type Period } from './periods.ts';
import type { Reading } from './readings.ts';
import { periodOf, recordName, recordOf } from './record.ts';
import { stayOf } from './stay.ts';

/** After so long without a look the machine, and the pods with it, may have been off. */
const GAP_MS = 300_000;

const ROUTE = 'route/';
/** The place among the counters of a pod. */
const SERVED = 3;

/** What there is at a look. */
export interface Look {
  nowMs: number;
  /** Those on a node. */
  pods: readonly Pod[];
  /** Those that were deleted since the last look, with the time of it. */
  deleted: readonly { pod: Pod; atMs: number }[];
  claims: readonly PersistentVolumeClaim[];
  /** Default none. */
  routes?: readonly CountedRoute[];
  /** How many requests were answered since the proxy began, by the address of the pod; default none. */
  served?: ReadonlyMap<string, number>;
  /** By the uid of the pod. */
  readings: ReadonlyMap<string, Reading>;
  /** The names of the Services that choose a pod; default none. */
  servicesOf?(pod: Pod): readonly string[];
  /** Default none. */
  namespaceLabels?(namespace: string): Readonly<Record<string, string>> | undefined;
}

/** How many requests came by a route since the proxy began. */
export interface CountedRoute {
  kind: string;
  namespace: string;
  name: string;
  gateway: string;
  requests: number;
}

export interface Meter {
  /** Gives the records that changed, as they are to be stored. */
  look(now: Look): UsageRecord[];
}

interface Open {
  namespace: string;
  period: Period;
  /** Metering began within the period. */
  from?: string;
  /** Of the namespace, as last seen. */
  labels?: Record<string, string> | undefined;
  pods: Map<string, MeteredPod>;
  claims: Map<string, MeteredClaim>;
  routes: Map<string, MeteredRoute>;
}

/** `newest` are the newest records of hours that an earlier llmos left, one a namespace; metering goes on from where they end. */
export function createMeter(newest: readonly UsageRecord[], nowMs: number): Meter {
  const open = new Map<string, Open>(newest.map((record) => [record.metadata.name ?? '', reopen(record)]));
  const counters = new Map<string, readonly number[]>(newest.flatMap((record) => Object.entries(record.counters ?? {}).filter(([key]) => !key.startsWith(ROUTE))));
  /** By the uid of the pod and the name of the container; how a pod's use is divided need not outlive llmos. */
  const containerSeconds = new Map<string, ReadonlyMap<string, number>>();
  /** By namespace; kept though a gateway is away for a while. */
  const routeCounters = new Map(newest.map(({ namespace, counters: stood = {} }) => [namespace, new Map(Object.entries(stood).filter(([key]) => key.startsWith(ROUTE)))]));
  let lastMs = newest.length === 0 ? nowMs : Math.min(nowMs, Math.max(...newest.map(({ through }) => Date.parse(through))));

  /** Nothing was metered before. */
  const beganMs = newest.length === 0 ? nowMs : -Infinity;

  function hour(namespace: string, timeMs: number): Open {
    const period = hourOf(timeMs);
    const name = recordName(namespace, period);
    const found = open.get(name) ?? { namespace, period, ...(beganMs > period.startMs && { from: rfc3339(beganMs) }), pods: new Map(), claims: new Map(), routes: new Map() };
    open.set(name, found);
    return found;
  }

  function meterPod(pod: Pod, since: Period, { readings, served, servicesOf }: Pick<Look, 'readings' | 'served' | 'servicesOf'>, claimsOf: ReturnType<typeof claimParts>): void {
    const reading = readings.get(pod.metadata.uid ?? '');
    const before = counters.get(pod.metadata.uid ?? '');
    const stood = pod.spec?.hostNetwork === true ? undefined : served?.get(pod.status?.podIP ?? '');
    // Less than before: the proxy began anew.
    const requests = stood === undefined ? 0 : stood < (before?.[SERVED] ?? 0) ? stood : stood - (before?.[SERVED] ?? 0);
    const used = usedSince(before, reading);
    if (reading?.counters !== undefined || stood !== undefined) counters.set(pod.metadata.uid ?? '', [...(reading?.counters ?? before?.slice(0, SERVED) ?? [0, 0, 0]), stood ?? before?.[SERVED] ?? 0]);
    const stay = stayOf(pod, since.endMs, used.restarted && since.endMs - since.startMs > GAP_MS ? 'started' : 'bound');
    const had = { startMs: Math.max(since.startMs, stay.startMs), endMs: Math.min(since.endMs, stay.endMs) };
    const wholeMs = had.endMs - had.startMs;
    // What it used in the moments before the last look, and nobody saw.
    if (wholeMs <= 0 && used.cpuSeconds === 0 && requests === 0) return;
    const asked = podRequests(pod);
    const containers = containersSince(pod.metadata.uid ?? '', reading);
    const services = servicesOf?.(pod);
    const claims = claimsOf(pod);
    for (const part of wholeMs <= 0 ? [{ startMs: since.startMs, endMs: since.startMs }] : inHours(had)) {
      const seconds = (part.endMs - part.startMs) / 1_000;
      const share = wholeMs <= 0 ? 1 : (seconds * 1_000) / wholeMs;
      addPod(hour(pod.metadata.namespace ?? '', part.startMs).pods, pod, asked, {
        seconds, cpuSeconds: used.cpuSeconds * share + (reading?.cpuCores ?? 0) * seconds, workingSetBytes: reading?.workingSetBytes ?? 0, receivedBytes: used.receivedBytes * share, sentBytes: used.sentBytes * share, requests: requests * share,
        containers: new Map(containers.map(({ name, cpuSeconds, cpuCores, workingSetBytes }) => [name, { cpuSeconds: cpuSeconds * share + cpuCores * seconds, workingSetBytes }])), ...(services !== undefined && { services }), claims,
      });
    }
  }

  /** What each used since the last look, where it began before that look and nobody knows how it stood, nothing. */
  function containersSince(uid: string, reading: Reading | undefined): { name: string; cpuSeconds: number; cpuCores: number; workingSetBytes: number }[] {
    const { containers = [] } = reading ?? {};
    if (containers.length === 0) return [];
    const before = containerSeconds.get(uid);
    containerSeconds.set(uid, new Map(containers.map(({ name, cpuSeconds = 0 }) => [name, cpuSeconds])));
    return containers.map(({ name, cpuSeconds = 0, cpuCores = 0, workingSetBytes }) => {
      const stood = before?.get(name) ?? (before === undefined ? cpuSeconds : 0);
      return { name, cpuSeconds: cpuSeconds < stood ? cpuSeconds : cpuSeconds - stood, cpuCores, workingSetBytes };
    });
  }

  function meterClaim(held: PersistentVolumeClaim, since: Period): void {
    const { metadata, spec } = held;
    const bytes = boundBytes(held);
    const startMs = Math.max(since.startMs, Date.parse(metadata.creationTimestamp ?? '') || 0);
    if (bytes === undefined || startMs >= since.endMs) return;
    const claim = { name: metadata.name ?? '', bytes, ...(spec?.storageClassName === undefined ? {} : { storageClassName: spec.storageClassName }) };
    for (const part of inHours({ startMs, endMs: since.endMs })) addClaim(hour(metadata.namespace ?? '', part.startMs).claims, claim, (part.endMs - part.startMs) / 1_000);
  }

  function meterRoute({ kind, namespace, name, gateway, requests }: CountedRoute, atMs: number): void {
    const stood = routeCounters.get(namespace) ?? new Map<string, number[]>();
    routeCounters.set(namespace, stood);
    const key = `${ROUTE}${kind}/${name}/${gateway}`;
    const [before = 0] = stood.get(key) ?? [];
    stood.set(key, [requests]);
    // Less than before: the proxy began anew.
    const more = requests < before ? requests : requests - before;
    if (more === 0) return;
    const { routes } = hour(namespace, atMs - 1);
    const row = routes.get(`${kind}/${name}`) ?? { kind, name, requests: 0 };
    routes.set(`${kind}/${name}`, row);
    row.requests += more;
  }

  return {
    look(now) {
      const since: Period = { startMs: lastMs, endMs: now.nowMs };
      if (since.endMs <= since.startMs) return []; // the clock was put back: wait until it is there again
      lastMs = since.endMs;
      const claimsOf = claimParts(now.claims, now.pods);
      for (const pod of now.pods) meterPod(pod, since, now, claimsOf);
      for (const { pod, atMs } of now.deleted) meterPod(pod, { startMs: since.startMs, endMs: Math.max(since.startMs, Math.min(since.endMs, atMs)) }, now, claimsOf);
      for (const claim of now.claims) meterClaim(claim, since);
      for (const route of now.routes ?? []) meterRoute(route, since.endMs);
      const alive = new Map(now.pods.map((pod) => [pod.metadata.uid ?? '', pod.metadata.namespace ?? '']));
      for (const kept of [counters, containerSeconds]) for (const uid of kept.keys()) if (!alive.has(uid)) kept.delete(uid);
      for (const each of open.values()) {
        const labels = now.namespaceLabels?.(each.namespace);
        if (labels !== undefined) each.labels = keptLabels(labels); // one that is gone had what was seen last
      }
      const changed = [...open.values()].map((each) => recordNow(each, since.endMs, alive));
      for (const [name, { period }] of open) if (period.endMs <= since.endMs) open.delete(name);
      return changed;
    },
  };

  function recordNow({ namespace, period, from, labels, pods, claims, routes }: Open, throughMs: number, alive: ReadonlyMap<string, string>): UsageRecord {
    const kept = [...[...counters].filter(([uid]) => alive.get(uid) === namespace), ...(routeCounters.get(namespace) ?? [])].map(([key, values]) => [key, [...values]]);
    return recordOf(namespace, period, { ...(from !== undefined && { from }), ...(labels !== undefined && { namespaceLabels: labels }), through: rfc3339(throughMs), pods: structuredClone([...pods.values()]), claims: structuredClone([...claims.values()]), ...(routes.size > 0 && { routes: structuredClone([...routes.values()]) }), counters: Object.fromEntries(kept) as Record<string, number[]> });
  }
}

/** Counters that went backwards began anew: the pod's containers were started again after the machine was. */
function usedSince(before: readonly number[] | undefined, reading: Reading | undefined): { cpuSeconds: number; receivedBytes: number; sentBytes: number; restarted: boolean } {
  const values = reading?.counters ?? [0, 0, 0];
  const restarted = reading?.counters !== undefined && values.some((value, which) => value < (before?.[which] ?? 0));
  const [cpuSeconds = 0, receivedBytes = 0, sentBytes = 0] = reading?.counters === undefined ? [] : values.map((value, which) => value - (restarted ? 0 : (before?.[which] ?? 0)));
  return { cpuSeconds, receivedBytes, sentBytes, restarted };
}

/** Cut at full hours. */
function inHours(period: Period): Period[] {
  const first = hourOf(period.startMs).endMs;
  return first >= period.endMs ? [period] : [{ startMs: period.startMs, endMs: first }, ...stepsOf({ startMs: first, endMs: period.endMs }, HOUR_MS)];
}

function reopen(record: UsageRecord): Open {
  const { namespace, from, namespaceLabels: labels, pods = [], claims = [], routes = [] } = structuredClone(record);
  return { namespace, labels, period: periodOf(record), ...(from !== undefined && { from }), pods: new Map(pods.map((row) => [row.uid ?? row.name, row])), claims: new Map(claims.map((row) => [row.name, row])), routes: new Map(routes.map((row) => [`${row.kind}/${row.name}`, row])) };
}
