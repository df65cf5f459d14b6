/**
 * Golden signals of routes, from what HAProxy says of each request and connection: rate, errors, durations. Kept as counters for /metrics, as the last minute for
 * `llmos top routes`, and the last requests one by one.
 */
import { doorOf, NOBODY, ownerOf, parseAccess, type Access, type Owner } from './access.ts';
import type { Counted } from './haproxy/counts.ts';
import { metricsText, routeLabels } from './metrics-text.ts';
import { addTo, BUCKETS, count, emptyWindow, newSeries, type Series, type Window } from './series.ts';

/** More routes and Services of theirs than this are not told apart. */
const MOST_SERIES = 2_000;
const KEPT_REQUESTS = 200;
const WINDOW_MS = 30_000;

/** Golden signals of the last half to whole minute. */
export interface View {
  requestsPerSecond: number;
  /** Of answers with 5xx, or of connections that failed, 0 to 1. */
  errorRatio: number;
  /** undefined where nothing was asked lately. */
  p50Ms?: number;
  p99Ms?: number;
  /** Since the first of them. */
  requests: number;
}

/** A line of `llmos top routes`; of TCP what is said of requests is meant of connections, which are told of when they end. */
export interface RouteView extends View {
  kind: string; namespace: string; name: string; gateway: string; protocol: 'HTTP' | 'TCP';
  /** Of each Service that was to answer, `namespace/name`. */
  services: (View & { service: string })[];
}

export interface Signals {
  /** One line of HAProxy, taken apart only as far as counters need it: there may be tens of thousands a second. False where it is none. */
  take(line: string, nowMs: number): boolean;
  /** Requests that HAProxy counted by itself. Those of before belong to no rate. */
  add(counted: readonly Counted[], nowMs: number, when?: 'before'): void;
  /** Prometheus' text. */
  metrics(): string;
  /** The last half to whole minute, the busiest route first. */
  routes(nowMs: number): RouteView[];
  /** The last requests, the newest first. */
  requests(): readonly (Access & { timeMs: number })[];
}

export function createSignals(): Signals {
  const series = new Map<string, Series>();
  const last: { line: string; timeMs: number }[] = [];
  /** By what the line begins with: backend and frontend. */
  const known = new Map<string, Series>();
  let windowAt = 0;
  let windowBefore = 0;

  function turn(nowMs: number): void {
    if (nowMs - windowAt < WINDOW_MS) return;
    const isNext = nowMs - windowAt < 2 * WINDOW_MS;
    for (const each of series.values()) {
      each.before = isNext ? each.now : emptyWindow();
      each.now = emptyWindow();
    }
    windowBefore = isNext ? windowAt : nowMs;
    windowAt = nowMs;
  }

  function seriesOf(access: Owner): Series {
    let key = `${access.protocol} ${access.kind} ${access.namespace}/${access.name} ${access.gateway} ${access.service}`;
    if (!series.has(key) && series.size >= MOST_SERIES) key = '';
    let one = series.get(key);
    if (one === undefined) series.set(key, (one = newSeries(key === '' ? { ...NOBODY, gateway: '', protocol: 'HTTP' } : access)));
    return one;
  }

  return {
    take(line, nowMs) {
      const afterBackend = line.indexOf('\t');
      const afterFrontend = line.indexOf('\t', afterBackend + 1);
      if (afterBackend < 0 || afterFrontend < 0) return false;
      turn(nowMs);
      const place = line.slice(0, afterFrontend);
      let one = known.get(place);
      if (one === undefined) {
        const access = parseAccess(line);
        if (access === undefined) return false;
        one = seriesOf(access);
        if (known.size >= 2 * MOST_SERIES) known.clear();
        known.set(place, one);
      }
      const [status = '', durationMs, , bytesOut, bytesIn] = line.slice(afterFrontend + 1).split('\t', 5);
      count(one, status, Math.max(0, Number(durationMs)) / 1_000, Number(bytesIn), Number(bytesOut));
      last.push({ line, timeMs: nowMs });
      if (last.length > 2 * KEPT_REQUESTS) last.splice(0, KEPT_REQUESTS);
      return true;
    },
    add(counted, nowMs, when) {
      turn(nowMs);
      for (const each of counted) addTo(seriesOf({ ...ownerOf(each.backend), ...doorOf(each.frontend) }), each, when === 'before');
    },
    metrics: () => metricsText([...series.values()]),
    routes(nowMs) {
      turn(nowMs);
      const seconds = Math.max(1, (nowMs - windowBefore) / 1_000);
      return [...Map.groupBy(series.values(), (each) => `${each.protocol} ${routeLabels(each)}`).values()].map((own) => routeView(own, seconds)).sort((a, b) => b.requestsPerSecond - a.requestsPerSecond || b.requests - a.requests);
    },
    requests: () => last.slice(-KEPT_REQUESTS).toReversed().flatMap(({ line, timeMs }) => {
      const access = parseAccess(line);
      return access === undefined ? [] : [{ ...access, timeMs }];
    }),
  };
}

function routeView(own: readonly Series[], seconds: number): RouteView {
  const { kind, namespace, name, gateway, protocol } = own[0]!;
  return { kind, namespace, name, gateway, protocol, ...viewOf(own, seconds), services: own.flatMap((each) => (each.service === '' ? [] : [{ service: each.service, ...viewOf([each], seconds) }])) };
}

function viewOf(all: readonly Series[], seconds: number): View {
  const windows = all.flatMap(({ now, before }) => [now, before]);
  const sum = (of: (window: Window) => number): number => windows.reduce((upTo, each) => upTo + of(each), 0);
  const total = sum((each) => each.count);
  const buckets = Array.from({ length: BUCKETS.length + 1 }, (_, index) => sum((each) => each.buckets[index]!));
  return {
    requests: all.reduce((upTo, each) => upTo + each.count, 0), requestsPerSecond: total / seconds, errorRatio: total === 0 ? 0 : sum((each) => each.errors) / total,
    ...(total === 0 ? {} : { p50Ms: quantile(buckets, total, 0.5), p99Ms: quantile(buckets, total, 0.99) }),
  };
}

/** Within its bucket by proportion, as Prometheus does; above the last bound that bound. ms. */
function quantile(buckets: readonly number[], total: number, share: number): number {
  let below = 0;
  for (const [index, within] of buckets.entries()) {
    if (below + within < share * total) {
      below += within;
      continue;
    }
    const from = index === 0 ? 0 : BUCKETS[index - 1]!;
    const to = BUCKETS[index] ?? from;
    return 1_000 * (from + (within === 0 ? 0 : ((share * total - below) / within) * (to - from)));
  }
  return 1_000 * BUCKETS.at(-1)!;
}
