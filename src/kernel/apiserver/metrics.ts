/** /metrics: what the door counts about itself, in the Prometheus text format with upstream's names. */
import type { Store } from '../store/store.ts';

export interface Answered {
  verb: string;
  group: string;
  version: string;
  resource: string;
  subresource: string;
  /** cluster, namespace or resource: all, those of a namespace, or one; '' for other paths. */
  scope: string;
  dryRun: boolean;
  code: number;
  seconds: number;
}

export interface Metrics {
  /** Counts an answered request. Watches are counted when they begin. */
  answered(request: Answered): void;
  /** Adds lines of others to the text; what fails, or takes longer than a second, is left out of it. */
  add(text: () => string | Promise<string>): () => void;
  text(): Promise<string>;
  /** Requests under way, watches left out. */
  inFlight: number;
}

/** Upper bounds in seconds, fewer than upstream's. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 60];

interface Series {
  labels: string;
  count: number;
  seconds: number;
  buckets: number[];
  codes: Map<number, number>;
}

/** More different label sets than this are not told apart: they come from outside. */
const SERIES_MOST = 2_000;

export function createMetrics(store: Store): Metrics {
  const series = new Map<string, Series>();
  const others = new Set<() => string | Promise<string>>();
  const metrics: Metrics = {
    inFlight: 0,
    answered({ verb, group, version, resource, subresource, scope, dryRun, code, seconds }) {
      let key = `${verb} ${group} ${version} ${resource} ${subresource} ${scope} ${dryRun}`;
      if (!series.has(key) && series.size >= SERIES_MOST) key = 'other';
      let one = series.get(key);
      if (one === undefined) {
        const labels = key === 'other' ? 'verb="OTHER"' : `verb=${quoted(verb)},group=${quoted(group)},version=${quoted(version)},resource=${quoted(resource)},subresource=${quoted(subresource)},scope=${quoted(scope)},dry_run="${dryRun ? 'All' : ''}",component="apiserver"`;
        series.set(key, (one = { labels, count: 0, seconds: 0, buckets: BUCKETS.map(() => 0), codes: new Map() }));
      }
      one.count++;
      one.seconds += seconds;
      for (let at = BUCKETS.length - 1; at >= 0 && seconds <= BUCKETS[at]!; at--) one.buckets[at]!++;
      one.codes.set(code, (one.codes.get(code) ?? 0) + 1);
    },
    add(text) {
      others.add(text);
      return () => void others.delete(text);
    },
    text: async () => [requestText([...series.values()]), `# TYPE apiserver_current_inflight_requests gauge\napiserver_current_inflight_requests ${metrics.inFlight}\n`, storeText(store), processText(), ...(await Promise.all([...others].map(inTime)))].join(''),
  };
  return metrics;
}

const PATIENCE_MS = 1_000;

/** Prometheus would rather have most of it than wait for all. */
async function inTime(text: () => string | Promise<string>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => (timer = setTimeout(() => resolve(''), PATIENCE_MS)));
  try {
    return await Promise.race([late, text()]);
  } catch {
    return '';
  } finally {
    clearTimeout(timer);
  }
}

function requestText(series: readonly Series[]): string {
  let text = '# TYPE apiserver_request_total counter\n';
  for (const { labels, codes } of series) for (const [code, count] of codes) text += `apiserver_request_total{${labels},code="${code}"} ${count}\n`;
  text += '# TYPE apiserver_request_duration_seconds histogram\n';
  for (const { labels, count, seconds, buckets } of series) {
    for (const [at, bound] of BUCKETS.entries()) text += `apiserver_request_duration_seconds_bucket{${labels},le="${bound}"} ${buckets[at]}\n`;
    text += `apiserver_request_duration_seconds_bucket{${labels},le="+Inf"} ${count}\napiserver_request_duration_seconds_sum{${labels}} ${seconds}\napiserver_request_duration_seconds_count{${labels}} ${count}\n`;
  }
  return text;
}

function storeText(store: Store): string {
  const stats = store.stats();
  const gauge = (name: string, value: number): string => `# TYPE ${name} gauge\n${name} ${value}\n`;
  return gauge('llmos_store_revision', stats.revision) + gauge('llmos_store_objects', stats.objects) + gauge('llmos_store_object_bytes', stats.objectBytes)
    + gauge('apiserver_storage_size_bytes', stats.diskBytes) + gauge('apiserver_longrunning_requests', stats.watches) + gauge('llmos_store_pending_writes', stats.pendingWrites);
}

function processText(): string {
  const { rss } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return `# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes ${rss}\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total ${(user + system) / 1e6}\n`;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
