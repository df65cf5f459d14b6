/**
 * What HAProxy counts of the Services that it carries, as lines for /metrics: requests by class of status, errors, retries, bytes, endpoints,
 * and for HTTP how long answers took. It is read from HAProxy when somebody asks. Durations are counted in a table of HAProxy's own, by
 * rules of the configuration, since its statistics have means alone; so they cost this process nothing. A row of it is a frontend and a range of durations, so that an answer is
 * one look into it, however long it took. Parts that read and write text are pure.
 */

import { rowsOf } from '../../../sdk/haproxy/commands.ts';
import { rangesOf } from '../../../sdk/haproxy/ranges.ts';

/** Upper bounds of the durations in ms. */
const BUCKETS_MS = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
const TABLE = 'llmos-signals';

/** More ranges than there are: a row's number is that of the frontend so many times, and the range's. */
const RANGES_MOST = 16;

/** The map of the ranges, which {@link signalLines} names. */
export const SIGNAL_RANGES = rangesOf(BUCKETS_MS.map((ms) => ms * 1_000));

/** The section that holds the durations of all frontends. */
export function signalTable(): string[] {
  return [`backend ${TABLE}`, '  stick-table type integer size 100k store http_req_cnt', ''];
}

/** The rules by which a frontend of HTTP counts how long its answers took; `ranges` is the file of {@link SIGNAL_RANGES}. */
export function signalLines(ranges: string): string[] {
  return [
    'http-request set-var(txn.began) date(0,us)', `http-response set-var(txn.took) date(0,us),sub(txn.began),map_int_int(${ranges},${BUCKETS_MS.length})`,
    `http-response track-sc0 be_id,mul(${RANGES_MOST}),add(txn.took) table ${TABLE}`,
  ].map((rule) => `  ${rule}`);
}

/** The commands whose answers {@link signalText} reads, in this order. */
export const SIGNAL_COMMANDS = ['show stat', `show table ${TABLE}`] as const;

/** Counters by the line that names them. */
export type Counters = Map<string, number>;

interface Family {
  name: string;
  type: 'counter' | 'gauge';
  /** The column of `show stat`, and in which row of a frontend it is read. */
  column: string;
  row: 'FRONTEND' | 'BACKEND';
  labels?: string;
}

const FAMILIES: readonly Family[] = [
  { name: 'llmos_service_connections_total', type: 'counter', column: 'stot', row: 'FRONTEND' },
  ...['1xx', '2xx', '3xx', '4xx', '5xx'].map((code): Family => ({ name: 'llmos_service_requests_total', type: 'counter', column: `hrsp_${code}`, row: 'FRONTEND', labels: `code="${code}"` })),
  { name: 'llmos_service_errors_total', type: 'counter', column: 'econ', row: 'BACKEND', labels: 'reason="connect"' },
  { name: 'llmos_service_errors_total', type: 'counter', column: 'eresp', row: 'BACKEND', labels: 'reason="response"' },
  { name: 'llmos_service_retries_total', type: 'counter', column: 'wretr', row: 'BACKEND' },
  { name: 'llmos_service_redispatches_total', type: 'counter', column: 'wredis', row: 'BACKEND' },
  { name: 'llmos_service_received_bytes_total', type: 'counter', column: 'bin', row: 'FRONTEND' },
  { name: 'llmos_service_sent_bytes_total', type: 'counter', column: 'bout', row: 'FRONTEND' },
  { name: 'llmos_service_current_connections', type: 'gauge', column: 'scur', row: 'FRONTEND' },
  { name: 'llmos_service_endpoints_well', type: 'gauge', column: 'act', row: 'BACKEND' },
];

/** What is said of each family beside its type. */
const HELP: Readonly<Record<string, string>> = {
  llmos_service_connections_total: 'Connections of clients that HAProxy took for the Service',
  llmos_service_requests_total: 'Requests of HTTP that were answered, by class of status',
  llmos_service_errors_total: 'Connections to endpoints that failed, and answers that broke off',
  llmos_service_retries_total: 'Attempts that were made again, at the same endpoint or another one',
  llmos_service_redispatches_total: 'Attempts that were made again at another endpoint',
  llmos_service_received_bytes_total: 'Bytes that clients sent',
  llmos_service_sent_bytes_total: 'Bytes that clients were sent',
  llmos_service_current_connections: 'Connections of clients that are open',
  llmos_service_endpoints_well: 'Endpoints that are asked at the moment',
  llmos_service_endpoint_connections_total: 'Connections and requests that the endpoint was given',
  llmos_service_endpoint_ejections_total: 'How often the endpoint was spared since it failed',
  llmos_service_request_duration_seconds: 'How long it took from a request to the head of its answer',
};

/** Of each endpoint: see endpoint-counts.ts. */
export const ENDPOINT_FAMILIES = [
  { name: 'llmos_service_endpoint_connections_total', column: 'stot' },
  { name: 'llmos_service_endpoint_ejections_total', column: 'chkdown' },
] as const;

/** Reads the answers to {@link SIGNAL_COMMANDS}, without those of single endpoints. Gauges bear their family with a leading `~`, so that only counters are summed up over reloads. */
export function countersOf(stat: string, table: string): Counters {
  const counters: Counters = new Map();
  const names = new Map<number, string>();
  for (const read of rowsOf(stat)) {
    names.set(Number(read('iid')), read('pxname'));
    const labels = labelsOf(read('pxname'));
    if (labels === undefined) continue;
    const isPart = read('pxname').split(':').length > 3;
    for (const family of FAMILIES) {
      if (family.row !== read('svname') || read(family.column) === '') continue;
      const all = [labels, ...(family.labels === undefined ? [] : [family.labels])].join(',');
      // Endpoints of some are among those of all.
      if (isPart && family.name === 'llmos_service_endpoints_well') continue;
      const key = `${family.type === 'gauge' ? '~' : ''}${family.name}{${all}}`;
      counters.set(key, (counters.get(key) ?? 0) + Number(read(family.column)));
    }
  }
  const durations = new Map<string, number[]>();
  for (const [, key, times] of table.matchAll(/key=(\d+) .*http_req_cnt=(\d+)/g)) {
    const name = names.get(Math.floor(Number(key) / RANGES_MOST));
    if (name === undefined) continue;
    const own = durations.get(name) ?? [];
    durations.set(name, own);
    own[Number(key) % RANGES_MOST] = Number(times);
  }
  for (const [name, own] of durations) addDurations(counters, name, own);
  return counters;
}

/** Prometheus counts in each bucket what lies below it too. */
function addDurations(counters: Counters, frontend: string, own: readonly number[]): void {
  const labels = labelsOf(frontend);
  if (labels === undefined) return;
  const name = 'llmos_service_request_duration_seconds';
  const add = (counter: string, value: number): void => void counters.set(counter, (counters.get(counter) ?? 0) + value);
  let count = 0;
  BUCKETS_MS.forEach((ms, index) => add(`${name}_bucket{${labels},le="${ms / 1_000}"}`, (count += own[index] ?? 0)));
  count += own[BUCKETS_MS.length] ?? 0;
  add(`${name}_bucket{${labels},le="+Inf"}`, count);
  add(`${name}_count{${labels}}`, count);
}

/** The counters of a process that ended are added to those of the one that came after it; gauges are the newer's. */
export function added(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): Counters {
  const sum: Counters = new Map(now);
  for (const [key, value] of before) if (!key.startsWith('~')) sum.set(key, (sum.get(key) ?? 0) + value);
  return sum;
}

/** Without the Services of which `now` does not speak: nobody carries them any more. */
export function stillCarried(counters: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): Counters {
  const whose = (key: string): string => /\{(namespace="[^"]*",service="[^"]*",port="[^"]*")/.exec(key)?.[1] ?? '';
  const carried = new Set([...now.keys()].map(whose));
  return new Map([...counters].filter(([key]) => carried.has(whose(key))));
}

/** Lines of the Prometheus text format. */
export function signalText(counters: ReadonlyMap<string, number>): string {
  const families = Map.groupBy(counters, ([key]) => (key.split('{')[0] ?? '').replace(/^~/, ''));
  const types = new Map([...FAMILIES.map(({ name, type }) => [name, type as string] as const), ...ENDPOINT_FAMILIES.map(({ name }) => [name, 'counter'] as const)]);
  const lines: string[] = [];
  const told = new Set<string>();
  for (const [name, entries] of families) {
    const family = name.replace(/_(?:bucket|count)$/, '');
    const type = types.get(name) ?? 'histogram';
    const head = type === 'histogram' ? family : name;
    if (!told.has(head)) lines.push(`# HELP ${head} ${HELP[head] ?? head}`, `# TYPE ${head} ${type}`);
    told.add(head);
    for (const [key, value] of entries) lines.push(`${key.replace(/^~/, '')} ${value}`);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** Frontends are called `namespace:name:port`, and those for some clients alone `namespace:name:port:which`; others are not those of Services. */
export function labelsOf(frontend: string): string | undefined {
  const [namespace, service, port] = frontend.split(':');
  return port === undefined ? undefined : `namespace="${namespace}",service="${service}",port="${port}"`;
}
