/**
 * What the node counts of its own work, under the names and with the buckets of the kubelet (pkg/kubelet/metrics/metrics.go, pkg/volume/util/metrics.go). Kept in memory
 * since the start of llmos; a few numbers a series, and the labels are the node's own words, so that there are few series.
 */

/** Upper bounds in seconds: the default ones of Prometheus' clients. */
const DEFAULT = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const POD_START = [0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1_200, 1_800, 2_700, 3_600];
const STORAGE = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600];
const RUNTIME = Array.from({ length: 14 }, (_, power) => Number((0.005 * 2.5 ** power).toPrecision(12)));

const HISTOGRAMS = {
  kubelet_cgroup_manager_duration_seconds: { help: 'Duration in seconds for cgroup manager operations. Broken down by method.', bounds: DEFAULT },
  kubelet_pod_start_duration_seconds: { help: 'Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run', bounds: POD_START },
  kubelet_pod_start_sli_duration_seconds: { help: 'Duration in seconds to start a pod, excluding time to pull images and run init containers, measured from pod creation timestamp to when all its containers are reported as started and observed via watch', bounds: POD_START },
  kubelet_pod_start_total_duration_seconds: { help: 'Duration in seconds to start a pod since creation, including time to pull images and run init containers, measured from pod creation timestamp to when all its containers are reported as started and observed via watch', bounds: POD_START },
  kubelet_pod_status_sync_duration_seconds: { help: 'Duration in seconds to sync a pod status update. Measures time from detection of a change to pod status until the API is successfully updated for that pod, even if multiple intevening changes to pod status occur.', bounds: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 20, 30, 45, 60] },
  kubelet_pod_worker_duration_seconds: { help: 'Duration in seconds to sync a single pod. Broken down by operation type: create, update, or sync', bounds: DEFAULT },
  kubelet_pod_worker_start_duration_seconds: { help: 'Duration in seconds from kubelet seeing a pod to starting a worker.', bounds: DEFAULT },
  kubelet_run_podsandbox_duration_seconds: { help: 'Duration in seconds of the run_podsandbox operations. Broken down by RuntimeClass.Handler.', bounds: DEFAULT },
  kubelet_runtime_operations_duration_seconds: { help: 'Duration in seconds of runtime operations. Broken down by operation type.', bounds: RUNTIME },
  prober_probe_duration_seconds: { help: 'Duration in seconds for a probe response.', bounds: DEFAULT },
  storage_operation_duration_seconds: { help: 'Storage operation duration', bounds: STORAGE },
} as const;

const COUNTERS = {
  kubelet_evictions: 'Cumulative number of pod evictions by eviction signal',
  kubelet_preemptions: 'Cumulative number of pod preemptions by preemption resource',
  kubelet_run_podsandbox_errors_total: 'Cumulative number of the run_podsandbox operation errors by RuntimeClass.Handler.',
  kubelet_runtime_operations_errors_total: 'Cumulative number of runtime operation errors by operation type.',
  kubelet_runtime_operations_total: 'Cumulative number of runtime operations by operation type.',
  kubelet_started_containers_errors_total: 'Cumulative number of errors when starting containers',
  kubelet_started_containers_total: 'Cumulative number of containers started',
  kubelet_started_pods_errors_total: 'Cumulative number of errors when starting pods',
  kubelet_started_pods_total: 'Cumulative number of pods started',
  kubelet_terminated_containers_total: 'Cumulative number of containers that ended, by exit code',
  prober_probe_total: 'Cumulative number of a liveness, readiness or startup probe for a container by result.',
  storage_operation_errors_total: 'Storage operation errors (Deprecated since 1.21.0)',
} as const;

/** Containers by their role: a sidecar is an init container to the kubelet. */
export const CONTAINER_TYPES = { init: 'init_container', sidecar: 'init_container', app: 'container', ephemeral: 'ephemeral_container' } as const;

export type Labels = Readonly<Record<string, string>>;
export type CounterName = keyof typeof COUNTERS;
export type HistogramName = keyof typeof HISTOGRAMS;

export interface Counts {
  /** One more. */
  add(name: CounterName, labels?: Labels): void;
  /** That something took so long. */
  took(name: HistogramName, seconds: number, labels?: Labels): void;
  /** Forgets series whose labels have all of these: of a pod that is gone. */
  drop(labels: Labels): void;
  /** In the Prometheus text format: those of the probes, or all others. */
  text(options: { probes: boolean }): string;
}

interface Series { labels: Labels; count: number; seconds: number; buckets: number[] }

export function nodeCounts(): Counts {
  const counters = new Map<CounterName, Map<string, Series>>();
  const histograms = new Map<HistogramName, Map<string, Series>>();
  const seriesOf = <Name>(families: Map<Name, Map<string, Series>>, name: Name, labels: Labels, buckets: number): Series => {
    let family = families.get(name);
    if (family === undefined) families.set(name, (family = new Map()));
    const key = labelText(labels);
    let series = family.get(key);
    if (series === undefined) family.set(key, (series = { labels, count: 0, seconds: 0, buckets: Array.from({ length: buckets }, () => 0) }));
    return series;
  };
  return {
    add(name, labels = {}) {
      seriesOf(counters, name, labels, 0).count++;
    },
    took(name, seconds, labels = {}) {
      const { bounds } = HISTOGRAMS[name];
      const series = seriesOf(histograms, name, labels, bounds.length);
      series.count++;
      series.seconds += seconds;
      for (const [at, bound] of bounds.entries()) if (seconds <= bound) series.buckets[at]!++;
    },
    drop(labels) {
      const wanted = Object.entries(labels);
      for (const family of [...counters.values(), ...histograms.values()]) for (const [key, series] of family) if (wanted.every(([name, value]) => series.labels[name] === value)) family.delete(key);
    },
    text({ probes }) {
      const asked = (name: string): boolean => name.startsWith('prober_') === probes;
      return [
        ...[...counters].filter(([name]) => asked(name)).map(([name, family]) => head(name, COUNTERS[name], 'counter') + [...family.values()].map(({ labels, count }) => line(name, labels, count)).join('')),
        ...[...histograms].filter(([name]) => asked(name)).map(([name, family]) => head(name, HISTOGRAMS[name].help, 'histogram') + [...family.values()].map((series) => histogramText(name, series)).join('')),
      ].join('');
    },
  };
}

function histogramText(name: HistogramName, { labels, count, seconds, buckets }: Series): string {
  const bounds: readonly number[] = HISTOGRAMS[name].bounds;
  return [
    ...bounds.map((bound, at) => line(`${name}_bucket`, { ...labels, le: String(bound) }, buckets[at]!)),
    line(`${name}_bucket`, { ...labels, le: '+Inf' }, count), line(`${name}_sum`, labels, seconds), line(`${name}_count`, labels, count),
  ].join('');
}

export function head(name: string, help: string, type: 'counter' | 'gauge' | 'histogram'): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

export function line(name: string, labels: Labels, value: number): string {
  return `${name}${labelText(labels)} ${value}\n`;
}

/** Runs work and counts it among the operations of the runtime, as the kubelet counts its calls of a container runtime. */
export async function runtimeOperation<T>(counts: Counts, operation: string, work: () => Promise<T>): Promise<T> {
  const labels = { operation_type: operation };
  const fromMs = performance.now();
  counts.add('kubelet_runtime_operations_total', labels);
  try {
    return await work();
  } catch (error) {
    counts.add('kubelet_runtime_operations_errors_total', labels);
    throw error;
  } finally {
    counts.took('kubelet_runtime_operations_duration_seconds', (performance.now() - fromMs) / 1_000, labels);
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
