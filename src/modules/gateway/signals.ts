/**
 * Golden signals of routes, from what HAProxy says of each request: rate, errors, durations. Kept as counters for /metrics, as the last minute for
 * `llmos top routes`, and the last requests one by one.
 */

import type { Counted } from './haproxy/counts.ts';

/** One request, as HAProxy's line tells of it. */
export interface Access {
  /** `HTTPRoute`, `GRPCRoute`, `Ingress`, ...; '' where no route took it. */
  kind: string;
  namespace: string;
  name: string;
  /** Who was to answer, `namespace/name`; '' where no Service was, as for redirects. */
  service: string;
  /** The door by which it came: `namespace/name` of the Gateway, or `ingress`, and the port. */
  gateway: string;
  status: number;
  durationMs: number;
  /** Until the backend's answer began; -1 where none did. */
  responseMs: number;
  bytesOut: number;
  bytesIn: number;
  method: string;
  /** How it ended, in HAProxy's letters: `--` is well. */
  ended: string;
  client: string;
  endpoint: string;
  /** As the backend got it; '' for what was refused before. */
  traceparent: string;
  /** Of the span that asked; '' where none did. */
  parentSpanId: string;
  host: string;
  path: string;
}

const FIELDS = ['%b', '%f', '%ST', '%Ta', '%Tr', '%B', '%U', '%HM', '%tsc', '%ci', '%si:%sp', '%[var(txn.endpoint)]', '%[var(proc.tells)]', '%[var(txn.trace)]', '%[var(txn.parent)]', '%[var(txn.host)]', '%HP'];
/** The line, as `log-format` wants it. What clients choose comes last, so that it cannot shift what comes before. */
export const LOG_FORMAT = FIELDS.join('\t');

/** In which hold a process said it (`Counts.hold`); 0 for none. */
export const holdOf = (line: string): number => Number(line.split('\t', HOLD + 1)[HOLD]) || 0;
const HOLD = FIELDS.indexOf('%[var(proc.tells)]');

/** undefined for lines that are none, such as those of HAProxy's own client, which sends copies. */
export function parseAccess(line: string): Access | undefined {
  const words = line.split('\t');
  if (words.length < FIELDS.length) return undefined;
  const [backend = '', frontend = '', status = '', duration = '', response = '', bytesOut = '', bytesIn = '', method = '', ended = '', client = '', asked = '', endpoint = '-', _hold, traceparent = '', parent = '', host = '', ...path] = words;
  return {
    ...ownerOf(backend), gateway: gatewayOf(frontend), status: Number(status), durationMs: Number(duration), responseMs: Number(response), bytesOut: Number(bytesOut), bytesIn: Number(bytesIn),
    method, ended, client, endpoint: endpoint === '-' ? asked : endpoint, traceparent: traceparent === '-' ? '' : traceparent, parentSpanId: parent === '-' ? '' : parent, host: host === '-' ? '' : host, path: path.join('\t'),
  };
}

type Owner = Pick<Access, 'kind' | 'namespace' | 'name' | 'service' | 'gateway'>;

function ownerOf(backend: string): Omit<Owner, 'gateway'> {
  const [kind = '', namespace = '', name = '', ...rest] = backend.split(':');
  if (!/^[A-Z]/.test(kind)) return NOBODY;
  const to = rest.indexOf(TO);
  return { kind, namespace, name, service: to < 0 ? '' : rest.slice(to + 1, to + 3).join('/') };
}

const NOBODY = { kind: '', namespace: '', name: '', service: '' };
const TO = 'to';
/** What the name of a backend ends with, so that its lines and counts tell of the Service. */
export const toService = (serviceKey: string): string => `:${TO}:${serviceKey.replace('/', ':')}`;

function gatewayOf(frontend: string): string {
  const words = frontend.replace(/~$/, '').split(':');
  return words.length < 3 ? words.join(':') : `${words.slice(0, -1).join('/')}:${words.at(-1)}`;
}

/** Upper bounds in seconds. */
export const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** More routes and Services of theirs than this are not told apart. */
const MOST_SERIES = 2_000;
const KEPT_REQUESTS = 200;
const WINDOW_MS = 30_000;

interface Window { count: number; errors: number; buckets: number[] }

interface Series extends Owner {
  codes: Map<string, number>;
  buckets: number[];
  /** Of requests with lines: how many, and their seconds in all, by bucket; so what others took is known well enough. */
  told: { count: number; seconds: number }[];
  count: number;
  seconds: number;
  bytesIn: number;
  bytesOut: number;
  now: Window;
  before: Window;
}

/** Golden signals of the last half to whole minute. */
export interface View {
  requestsPerSecond: number;
  /** Of answers with 5xx, 0 to 1. */
  errorRatio: number;
  /** undefined where nothing was asked lately. */
  p50Ms?: number;
  p99Ms?: number;
  /** Since the first of them. */
  requests: number;
}

/** A line of `llmos top routes`. */
export interface RouteView extends View {
  kind: string; namespace: string; name: string; gateway: string;
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
    let key = `${access.kind} ${access.namespace}/${access.name} ${access.gateway} ${access.service}`;
    if (!series.has(key) && series.size >= MOST_SERIES) key = '';
    let one = series.get(key);
    if (one === undefined) series.set(key, (one = newSeries(key === '' ? { ...NOBODY, gateway: '' } : access)));
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
      for (const each of counted) addTo(seriesOf({ ...ownerOf(each.backend), gateway: gatewayOf(each.frontend) }), each, when === 'before');
    },
    metrics: () => metricsText([...series.values()]),
    routes(nowMs) {
      turn(nowMs);
      const seconds = Math.max(1, (nowMs - windowBefore) / 1_000);
      return [...Map.groupBy(series.values(), routeLabels).values()].map((own) => routeView(own, seconds)).sort((a, b) => b.requestsPerSecond - a.requestsPerSecond || b.requests - a.requests);
    },
    requests: () => last.slice(-KEPT_REQUESTS).toReversed().flatMap(({ line, timeMs }) => {
      const access = parseAccess(line);
      return access === undefined ? [] : [{ ...access, timeMs }];
    }),
  };
}

function count(one: Series, status: string, seconds: number, bytesIn: number, bytesOut: number): void {
  const found = BUCKETS.findIndex((bound) => seconds <= bound);
  const bucket = found < 0 ? BUCKETS.length : found;
  one.count++;
  one.seconds += seconds;
  one.bytesIn += bytesIn;
  one.bytesOut += bytesOut;
  one.codes.set(status, (one.codes.get(status) ?? 0) + 1);
  one.now.count++;
  if (status >= '500') one.now.errors++;
  one.buckets[bucket]!++;
  one.now.buckets[bucket]!++;
  one.told[bucket]!.count++;
  one.told[bucket]!.seconds += seconds;
}

function addTo(one: Series, { status, buckets, bytesIn, bytesOut }: Counted, isBefore: boolean): void {
  let all = 0;
  for (const [bucket, times] of buckets.entries()) {
    if (times === 0) continue;
    all += times;
    one.buckets[bucket]! += times;
    if (!isBefore) one.now.buckets[bucket]! += times;
    const told = one.told[bucket]!;
    one.seconds += times * (told.count > 0 ? told.seconds / told.count : ((BUCKETS[bucket - 1] ?? 0) + (BUCKETS[bucket] ?? BUCKETS.at(-1)!)) / 2);
  }
  one.count += all;
  one.bytesIn += bytesIn;
  one.bytesOut += bytesOut;
  one.codes.set(status, (one.codes.get(status) ?? 0) + all);
  if (isBefore) return;
  one.now.count += all;
  if (status >= '500') one.now.errors += all;
}

const emptyWindow = (): Window => ({ count: 0, errors: 0, buckets: Array<number>(BUCKETS.length + 1).fill(0) });

function newSeries({ kind, namespace, name, service, gateway }: Owner): Series {
  return { kind, namespace, name, service, gateway, codes: new Map(), buckets: Array<number>(BUCKETS.length + 1).fill(0), told: Array.from({ length: BUCKETS.length + 1 }, () => ({ count: 0, seconds: 0 })), count: 0, seconds: 0, bytesIn: 0, bytesOut: 0, now: emptyWindow(), before: emptyWindow() };
}

function routeView(own: readonly Series[], seconds: number): RouteView {
  const { kind, namespace, name, gateway } = own[0]!;
  return { kind, namespace, name, gateway, ...viewOf(own, seconds), services: own.flatMap((each) => (each.service === '' ? [] : [{ service: each.service, ...viewOf([each], seconds) }])) };
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

const routeLabels = ({ kind, namespace, name, gateway }: Series): string => `route_kind="${kind}",route_namespace="${namespace}",route_name="${name}",gateway="${gateway}"`;

function metricsText(all: readonly Series[]): string {
  if (all.length === 0) return '';
  const labels = (each: Series): string => `${routeLabels(each)},service="${each.service}"`;
  const lines = ['# HELP llmos_route_requests_total Requests by route, Service and status of the answer.', '# TYPE llmos_route_requests_total counter'];
  for (const each of all) for (const [code, times] of each.codes) lines.push(`llmos_route_requests_total{${labels(each)},code="${code}"} ${times}`);
  lines.push('# HELP llmos_route_request_duration_seconds From the first byte of a request to the last one of its answer.', '# TYPE llmos_route_request_duration_seconds histogram');
  for (const each of all) {
    let upTo = 0;
    for (const [index, bound] of BUCKETS.entries()) lines.push(`llmos_route_request_duration_seconds_bucket{${labels(each)},le="${bound}"} ${(upTo += each.buckets[index]!)}`);
    lines.push(`llmos_route_request_duration_seconds_bucket{${labels(each)},le="+Inf"} ${each.count}`, `llmos_route_request_duration_seconds_sum{${labels(each)}} ${each.seconds}`, `llmos_route_request_duration_seconds_count{${labels(each)}} ${each.count}`);
  }
  for (const [name, what, of] of [['request', 'requests', 'bytesIn'], ['response', 'answers', 'bytesOut']] as const) {
    lines.push(`# HELP llmos_route_${name}_bytes_total Bytes of ${what}, with their headers.`, `# TYPE llmos_route_${name}_bytes_total counter`);
    for (const each of all) lines.push(`llmos_route_${name}_bytes_total{${labels(each)}} ${each[of]}`);
  }
  return `${lines.join('\n')}\n`;
}
