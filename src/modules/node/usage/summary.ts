/** What kubelet says of utilisation: the Summary of /stats/summary (stats/v1alpha1), and the texts of /metrics/resource and /metrics/cadvisor. */
import { statfsSync } from 'node:fs';
import { rfc3339 } from '../../../base/clock.ts';
import type { Rate } from './series.ts';
import type { AllStalls, Stalls } from './stalls.ts';

export interface SummaryInput {
  nodeName: string;
  /** Of the machine. */
  memoryBytes: number;
  startedMs: number;
  machine: Rate | undefined;
  /** Of the machine. */
  stalls: AllStalls;
  pods: readonly PodUsage[];
  /** Folders on the node's own and on the images' file system. */
  folders: { node: string; images: string };
}

/** The usage of a pod is the sum of its containers: no process is outside of one. */
export interface PodUsage {
  name: string;
  namespace: string;
  uid: string;
  startedMs: number;
  containers: readonly { name: string; id: string; image: string; startedMs: number; limitBytes?: number; rate: Rate; stalls: AllStalls }[];
}

export function summaryOf(input: SummaryInput): object {
  return {
    node: { nodeName: input.nodeName, startTime: rfc3339(input.startedMs), ...(input.machine === undefined ? {} : usageOf(input.machine, input.memoryBytes, input.stalls)), fs: fileSystem(input.folders.node), runtime: { imageFs: fileSystem(input.folders.images) } },
    pods: input.pods.map((pod) => ({
      podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid }, startTime: rfc3339(pod.startedMs),
      containers: pod.containers.map(({ name, startedMs, limitBytes, rate, stalls }) => ({ name, startTime: rfc3339(startedMs), ...usageOf(rate, limitBytes, stalls) })),
      ...(pod.containers.length === 0 ? {} : usageOf(total(pod.containers.map(({ rate }) => rate)))),
    })),
  };
}

function usageOf({ timeMs, nanoCores, usage }: Rate, limitBytes?: number, stalls: AllStalls = {}): object {
  const time = rfc3339(timeMs);
  const available = limitBytes === undefined ? {} : { availableBytes: Math.max(0, limitBytes - usage.workingSetBytes) };
  return {
    cpu: { time, usageNanoCores: nanoCores, usageCoreNanoSeconds: Math.round(usage.cpuNs), ...psi(stalls.cpu) },
    memory: { time, ...available, usageBytes: usage.memoryBytes, workingSetBytes: usage.workingSetBytes, rssBytes: usage.rssBytes, pageFaults: usage.pageFaults, majorPageFaults: usage.majorFaults, ...psi(stalls.memory) },
    ...(stalls.io === undefined ? {} : { io: { time, ...psi(stalls.io) } }),
  };
}

function psi(stalls: Stalls | undefined): object {
  return stalls === undefined ? {} : { psi: stalls };
}

function total(rates: readonly Rate[]): Rate {
  return rates.reduce((sum, rate) => ({
    timeMs: Math.max(sum.timeMs, rate.timeMs), windowMs: Math.max(sum.windowMs, rate.windowMs), nanoCores: sum.nanoCores + rate.nanoCores,
    usage: {
      cpuNs: sum.usage.cpuNs + rate.usage.cpuNs, memoryBytes: sum.usage.memoryBytes + rate.usage.memoryBytes, workingSetBytes: sum.usage.workingSetBytes + rate.usage.workingSetBytes,
      rssBytes: sum.usage.rssBytes + rate.usage.rssBytes, majorFaults: sum.usage.majorFaults + rate.usage.majorFaults, pageFaults: sum.usage.pageFaults + rate.usage.pageFaults,
    },
  }));
}

function fileSystem(folder: string): object {
  const { blocks, bsize, bavail, bfree, files, ffree } = statfsSync(folder);
  return { time: rfc3339(Date.now()), availableBytes: bavail * bsize, capacityBytes: blocks * bsize, usedBytes: (blocks - bfree) * bsize, inodesFree: ffree, inodes: files, inodesUsed: files - ffree };
}

interface Sample { labels: Readonly<Record<string, string>>; value: number; timeMs: number }

/** In the order and with the names of kubelet's resource metrics (all of stability STABLE). */
export function resourceText({ machine, pods }: SummaryInput): string {
  const ofContainers = (value: (each: PodUsage['containers'][number]) => number): Sample[] => pods.flatMap((pod) => pod.containers.map((each) => ({ labels: { container: each.name, namespace: pod.namespace, pod: pod.name }, value: value(each), timeMs: each.rate.timeMs })));
  const ofPods = (value: (rate: Rate) => number): Sample[] => pods.filter((pod) => pod.containers.length > 0).map((pod) => {
    const rate = total(pod.containers.map((each) => each.rate));
    return { labels: { namespace: pod.namespace, pod: pod.name }, value: value(rate), timeMs: rate.timeMs };
  });
  const ofMachine = (value: (rate: Rate) => number): Sample[] => (machine === undefined ? [] : [{ labels: {}, value: value(machine), timeMs: machine.timeMs }]);
  return [
    family('container_cpu_usage_seconds_total', 'counter', ofContainers(({ rate }) => seconds(rate))),
    family('container_memory_working_set_bytes', 'gauge', ofContainers(({ rate }) => rate.usage.workingSetBytes)),
    family('container_start_time_seconds', 'gauge', ofContainers(({ startedMs }) => startedMs / 1_000)),
    family('node_cpu_usage_seconds_total', 'counter', ofMachine(seconds)),
    family('node_memory_working_set_bytes', 'gauge', ofMachine((rate) => rate.usage.workingSetBytes)),
    family('pod_cpu_usage_seconds_total', 'counter', ofPods(seconds)),
    family('pod_memory_working_set_bytes', 'gauge', ofPods((rate) => rate.usage.workingSetBytes)),
    '# TYPE resource_scrape_error gauge\nresource_scrape_error 0\n',
  ].join('');
}

/** The part of cAdvisor's metrics that dashboards and scalers ask for. */
export function cadvisorText({ pods }: SummaryInput): string {
  const of = (value: (each: PodUsage['containers'][number]) => number | undefined, more: Readonly<Record<string, string>> = {}): Sample[] => pods.flatMap((pod) => pod.containers.flatMap((each) => {
    const found = value(each);
    return found === undefined ? [] : [{ labels: { container: each.name, ...more, id: each.id, image: each.image, namespace: pod.namespace, pod: pod.name }, value: found, timeMs: each.rate.timeMs }];
  }));
  return [
    family('container_cpu_usage_seconds_total', 'counter', of(({ rate }) => seconds(rate), { cpu: 'total' })),
    family('container_memory_rss', 'gauge', of(({ rate }) => rate.usage.rssBytes)),
    family('container_memory_usage_bytes', 'gauge', of(({ rate }) => rate.usage.memoryBytes)),
    family('container_memory_working_set_bytes', 'gauge', of(({ rate }) => rate.usage.workingSetBytes)),
    family('container_spec_memory_limit_bytes', 'gauge', of(({ limitBytes }) => limitBytes ?? 0)),
    family('container_start_time_seconds', 'gauge', of(({ startedMs }) => startedMs / 1_000)),
    ...(['cpu', 'memory', 'io'] as const).flatMap((name) => [['waiting', 'some'], ['stalled', 'full']].map(([word, sort]) => family(`container_pressure_${name}_${word}_seconds_total`, 'counter', of(({ stalls }) => stalls[name]?.[sort as 'some' | 'full'].total).map((each) => ({ ...each, value: each.value / 1e9 }))))),
  ].join('');
}

function seconds(rate: Rate): number {
  return rate.usage.cpuNs / 1e9;
}

function family(name: string, type: 'counter' | 'gauge', samples: readonly Sample[]): string {
  if (samples.length === 0) return '';
  return `# TYPE ${name} ${type}\n${samples.map(({ labels, value, timeMs }) => `${name}${labelText(labels)} ${value} ${timeMs}\n`).join('')}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
