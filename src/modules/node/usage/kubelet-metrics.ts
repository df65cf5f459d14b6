/**
 * /metrics of the kubelet: what dashboards of nodes ask for, by upstream's names and labels (pkg/kubelet/metrics, pkg/kubelet/volumemanager/metrics,
 * pkg/kubelet/metrics/collectors/volume_stats.go). What is counted comes from `counts.ts`; all else is looked up when asked.
 */
import { readdirSync } from 'node:fs';
import type { Agent } from '../agent.ts';
import { nodeInfo } from '../heartbeat.ts';
import type { PodWorker } from '../lifecycle/worker.ts';
import { mirrored } from '../mirror.ts';
import type { NodeParts } from '../parts.ts';
import { pluginOf } from '../volumes/set-up.ts';
import { head, line, type Labels } from './counts.ts';
import type { FileSystem, PodStorage } from './storage.ts';

const VOLUME_SERIES: readonly [keyof FileSystem, string, string][] = [
  ['capacityBytes', 'kubelet_volume_stats_capacity_bytes', 'Capacity in bytes of the volume'],
  ['availableBytes', 'kubelet_volume_stats_available_bytes', 'Number of available bytes in the volume'],
  ['usedBytes', 'kubelet_volume_stats_used_bytes', 'Number of used bytes in the volume'],
  ['inodes', 'kubelet_volume_stats_inodes', 'Maximum number of inodes in the volume'],
  ['inodesFree', 'kubelet_volume_stats_inodes_free', 'Number of free inodes in the volume'],
  ['inodesUsed', 'kubelet_volume_stats_inodes_used', 'Number of used inodes in the volume'],
];

export async function kubeletText(parts: NodeParts, agent: Agent, storage: ReadonlyMap<string, PodStorage>): Promise<string> {
  const workers = agent.workers();
  const { kubeletVersion = '' } = nodeInfo();
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(kubeletVersion) ?? [];
  return [
    gauge('kubelet_node_name', "The node's name. The count is always 1.", [[{ node: parts.context.machine.nodeName }, 1]]),
    ...pods(workers), ...containers(workers), volumes(workers), ...volumeStats(workers, storage),
    gauge('kubernetes_build_info', 'A metric with a constant \'1\' value labeled by major, minor and git version, and the platform from which Kubernetes was built.', [[{ git_version: kubeletVersion, major, minor, platform: `linux/${nodeInfo().architecture}` }, 1]]),
    parts.counts.text({ probes: false }), ...ownProcess(),
  ].join('');
}

type Sample = readonly [Labels, number];

function gauge(name: string, help: string, samples: readonly Sample[]): string {
  return samples.length === 0 ? '' : head(name, help, 'gauge') + samples.map(([labels, value]) => line(name, labels, value)).join('');
}

function pods(workers: readonly PodWorker[]): string[] {
  const isStatic = (worker: PodWorker): string => (mirrored(worker.pod()) === undefined ? '' : 'true');
  const byStatic = (some: readonly PodWorker[]): Sample[] => ['', 'true'].map((each) => [{ static: each }, some.filter((worker) => isStatic(worker) === each).length]);
  const running = workers.filter((worker) => worker.records().some(({ exit, startedMs }) => exit === undefined && startedMs !== undefined));
  return [
    gauge('kubelet_running_pods', 'Number of pods that have a running pod sandbox', [[{}, running.length]]),
    gauge('kubelet_desired_pods', 'The number of pods the kubelet is being instructed to run. static is true if the pod is not from the apiserver.', byStatic(workers.filter((worker) => worker.pod().metadata.deletionTimestamp === undefined))),
    gauge('kubelet_active_pods', 'The number of pods the kubelet considers active and which are being considered when admitting new pods. static is true if the pod is not from the apiserver.', byStatic(workers.filter((worker) => worker.isActive()))),
    gauge('kubelet_mirror_pods', 'The number of mirror pods the kubelet will try to create (one per admitted static pod)', [[{}, workers.filter((worker) => isStatic(worker) === 'true').length]]),
    gauge('kubelet_managed_ephemeral_containers', 'Current number of ephemeral containers in pods managed by this kubelet.', [[{}, workers.reduce((sum, worker) => sum + (worker.pod().spec?.ephemeralContainers?.length ?? 0), 0)]]),
  ];
}

/** In the words of a runtime: one that was made and never started is created. */
function containers(workers: readonly PodWorker[]): string[] {
  const states = workers.flatMap((worker) => worker.records()).map(({ exit, startedMs }): string => (exit !== undefined ? 'exited' : startedMs === undefined ? 'created' : 'running'));
  const counted = Map.groupBy(states, (state) => state);
  return [gauge('kubelet_running_containers', 'Number of containers currently running', ['created', 'exited', 'running'].flatMap((state): Sample[] => (counted.has(state) || state === 'running' ? [[{ container_state: state }, counted.get(state)?.length ?? 0]] : [])))];
}

/** What pods want, and what is in place. */
function volumes(workers: readonly PodWorker[]): string {
  const counted = new Map<string, { labels: Labels; count: number }>();
  const add = (plugin: string, state: string): void => {
    const key = `${plugin} ${state}`;
    const known = counted.get(key) ?? { labels: { plugin_name: plugin, state }, count: 0 };
    counted.set(key, { ...known, count: known.count + 1 });
  };
  for (const worker of workers) {
    const placed = worker.volumes();
    for (const volume of worker.pod().spec?.volumes ?? []) {
      const plugin = pluginOf(volume, placed?.claimed.get(volume.name));
      if (worker.isActive()) add(plugin, 'desired_state_of_world');
      if (placed?.paths.has(volume.name) === true || placed?.blockDevices.has(volume.name) === true) add(plugin, 'actual_state_of_world');
    }
  }
  return gauge('volume_manager_total_volumes', 'Number of volumes in Volume Manager', [...counted.values()].map(({ labels, count }): Sample => [labels, count]));
}

/** Once a claim, however many pods have it. */
function volumeStats(workers: readonly PodWorker[], storage: ReadonlyMap<string, PodStorage>): string[] {
  const byClaim = new Map<string, { labels: Labels; use: FileSystem }>();
  for (const worker of workers) {
    const { namespace = '' } = worker.pod().metadata;
    for (const { claim, use } of storage.get(worker.uid)?.volumes ?? []) if (claim !== undefined) byClaim.set(`${namespace}/${claim}`, { labels: { namespace, persistentvolumeclaim: claim }, use });
  }
  return VOLUME_SERIES.map(([field, name, help]) => gauge(name, help, [...byClaim.values()].map(({ labels, use }): Sample => [labels, use[field]])));
}

/** Of llmos as a whole: the node is a part of its process. */
function ownProcess(): string[] {
  const { user, system } = process.cpuUsage();
  return [
    `${head('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', 'counter')}process_cpu_seconds_total ${(user + system) / 1e6}\n`,
    gauge('process_open_fds', 'Number of open file descriptors.', [[{}, readdirSync('/proc/self/fd').length]]),
    gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', [[{}, process.memoryUsage.rss()]]),
    gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', [[{}, Math.round(performance.timeOrigin) / 1_000]]),
  ];
}
