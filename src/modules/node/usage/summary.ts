/** What kubelet says of utilisation: the Summary of /stats/summary (stats/v1alpha1), and the texts of /metrics/resource and /metrics/cadvisor. */
import { rfc3339 } from '../../../base/clock.ts';
import type { Rate } from './series.ts';
import type { ContainerDetails, InterfaceUse, MachineDetails } from './details.ts';
import type { AllStalls, Stalls } from './stalls.ts';
import { fileSystemOf, type FileSystem, type PodStorage, type Space } from './storage.ts';

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
  /** Where they are told. */
  details?: MachineDetails;
  cpuCount: number;
}

/** The usage of a pod is the sum of its containers: no process is outside of one. */
export interface PodUsage {
  name: string;
  namespace: string;
  uid: string;
  startedMs: number;
  containers: readonly ContainerUse[];
  /** Of its control group. */
  id: string;
  /** What it may take as a whole, when that is bounded. */
  limitBytes?: number;
  /** Of its control group. */
  stalls?: AllStalls;
  /** None for those on the machine's own. */
  network: readonly InterfaceUse[];
  storage?: PodStorage;
}

export interface ContainerUse {
  name: string;
  /** Its control group. */
  id: string;
  /** The id that its runtime knows it by. */
  containerId: string;
  image: string;
  startedMs: number;
  limitBytes?: number;
  rate: Rate;
  stalls: AllStalls;
  details?: ContainerDetails;
}

export function summaryOf(input: SummaryInput): object {
  const node = fileSystemOf(input.folders.node);
  const images = fileSystemOf(input.folders.images);
  return {
    node: {
      nodeName: input.nodeName, startTime: rfc3339(input.startedMs), ...(input.machine === undefined ? {} : usageOf(input.machine, input.memoryBytes, input.stalls)), ...ofMachine(input.details),
      fs: { time: now(), ...node }, runtime: { imageFs: { time: now(), ...images }, containerFs: { time: now(), ...node } },
    },
    pods: input.pods.map((pod) => ({
      podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid }, startTime: rfc3339(pod.startedMs),
      containers: pod.containers.map((each) => ({
        name: each.name, startTime: rfc3339(each.startedMs), ...usageOf(each.rate, each.limitBytes, each.stalls), ...swapOf(each.details === undefined ? [] : [each.details]), ...storageOf(pod.storage?.containers.get(each.name), node),
      })),
      ...(pod.containers.length === 0 ? {} : usageOf(total(pod.containers.map(({ rate }) => rate)), pod.limitBytes, pod.stalls)), ...networkOf(pod.network), ...ofPod(pod, node),
    })),
  };
}

function now(): string {
  return rfc3339(Date.now());
}

function ofMachine(details: MachineDetails | undefined): object {
  if (details === undefined) return {};
  const { mostPids, threads, swapBytes, swapAvailableBytes, interfaces } = details;
  return { ...networkOf(interfaces), rlimit: { time: now(), maxpid: mostPids, curproc: threads }, swap: { time: now(), swapAvailableBytes, swapUsageBytes: swapBytes } };
}

function ofPod({ containers, storage, namespace }: PodUsage, node: FileSystem): object {
  const details = containers.flatMap((each) => each.details ?? []);
  const spaces = storage === undefined ? [] : [...[...storage.containers.values()].flatMap(({ rootfs, logs }) => [rootfs, logs]), ...storage.volumes.filter(({ isLocal }) => isLocal).map(({ use }) => ({ bytes: use.usedBytes, inodes: use.inodesUsed }))];
  return {
    ...(details.length === 0 ? {} : { process_stats: { process_count: details.reduce((sum, { processes }) => sum + processes, 0) }, ...swapOf(details) }),
    ...(storage === undefined ? {} : { volume: storage.volumes.map(({ name, claim, use }) => ({ time: now(), ...use, name, ...(claim === undefined ? {} : { pvcRef: { name: claim, namespace } }) })), 'ephemeral-storage': spaceOf({ bytes: sumOf(spaces.map(({ bytes }) => bytes)), inodes: sumOf(spaces.map(({ inodes }) => inodes)) }, node) }),
  };
}

function storageOf(spaces: { rootfs: Space; logs: Space } | undefined, node: FileSystem): object {
  return spaces === undefined ? {} : { rootfs: spaceOf(spaces.rootfs, node), logs: spaceOf(spaces.logs, node) };
}

/** What one thing has of a file system. */
function spaceOf({ bytes, inodes }: Space, { availableBytes, capacityBytes, inodesFree, inodes: all }: FileSystem): object {
  return { time: now(), availableBytes, capacityBytes, usedBytes: bytes, inodesFree, inodes: all, inodesUsed: inodes };
}

function swapOf(details: readonly ContainerDetails[]): object {
  if (details.length === 0) return {};
  const available = details.flatMap(({ swapAvailableBytes = [] }) => swapAvailableBytes);
  return { swap: { time: now(), ...(available.length === details.length ? { swapAvailableBytes: sumOf(available) } : {}), swapUsageBytes: sumOf(details.map(({ swapBytes }) => swapBytes)) } };
}

function networkOf(interfaces: readonly InterfaceUse[]): object {
  if (interfaces.length === 0) return {};
  const of = ({ name, rxBytes, rxErrors, txBytes, txErrors }: InterfaceUse): object => ({ name, rxBytes, rxErrors, txBytes, txErrors });
  return { network: { time: now(), ...of(interfaces[0]!), interfaces: interfaces.map(of) } };
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
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

interface Sample { labels: Readonly<Record<string, string>>; value: number; timeMs: number }

/** In the order and with the names of kubelet's resource metrics. */
export function resourceText({ machine, pods, details }: SummaryInput): string {
  const swapOfContainers = (value: (details: ContainerDetails) => number | undefined): Sample[] => pods.flatMap((pod) => pod.containers.flatMap((each) => {
    const found = each.details === undefined ? undefined : value(each.details);
    return found === undefined ? [] : [{ labels: { container: each.name, namespace: pod.namespace, pod: pod.name }, value: found, timeMs: each.rate.timeMs }];
  }));
  const ofContainers = (value: (each: PodUsage['containers'][number]) => number): Sample[] => pods.flatMap((pod) => pod.containers.map((each) => ({ labels: { container: each.name, namespace: pod.namespace, pod: pod.name }, value: value(each), timeMs: each.rate.timeMs })));
  const ofPods = (value: (rate: Rate) => number): Sample[] => pods.filter((pod) => pod.containers.length > 0).map((pod) => {
    const rate = total(pod.containers.map((each) => each.rate));
    return { labels: { namespace: pod.namespace, pod: pod.name }, value: value(rate), timeMs: rate.timeMs };
  });
  const ofNode = (value: (rate: Rate) => number): Sample[] => (machine === undefined ? [] : [{ labels: {}, value: value(machine), timeMs: machine.timeMs }]);
  return [
    family('container_cpu_usage_seconds_total', 'counter', ofContainers(({ rate }) => seconds(rate))),
    family('container_memory_working_set_bytes', 'gauge', ofContainers(({ rate }) => rate.usage.workingSetBytes)),
    family('container_start_time_seconds', 'gauge', ofContainers(({ startedMs }) => startedMs / 1_000)),
    family('container_swap_limit_bytes', 'gauge', swapOfContainers(({ swapBytes, swapAvailableBytes }) => (swapAvailableBytes === undefined ? undefined : swapAvailableBytes + swapBytes))),
    family('container_swap_usage_bytes', 'gauge', swapOfContainers(({ swapBytes }) => swapBytes)),
    family('node_cpu_usage_seconds_total', 'counter', ofNode(seconds)),
    family('node_memory_working_set_bytes', 'gauge', ofNode((rate) => rate.usage.workingSetBytes)),
    family('node_swap_usage_bytes', 'gauge', details === undefined ? [] : [{ labels: {}, value: details.swapBytes, timeMs: machine?.timeMs ?? Date.now() }]),
    family('pod_cpu_usage_seconds_total', 'counter', ofPods(seconds)),
    family('pod_memory_working_set_bytes', 'gauge', ofPods((rate) => rate.usage.workingSetBytes)),
    family('pod_swap_usage_bytes', 'gauge', pods.filter(({ containers }) => containers.some((each) => each.details !== undefined)).map((pod) => ({ labels: { namespace: pod.namespace, pod: pod.name }, value: sumOf(pod.containers.map((each) => each.details?.swapBytes ?? 0)), timeMs: pod.containers[0]!.rate.timeMs }))),
    '# TYPE resource_scrape_error gauge\nresource_scrape_error 0\n',
  ].join('');
}

/** The part of cAdvisor's metrics that dashboards and scalers ask for: of containers, of pods as a whole (no container, no image), of the machine (id `/`). */
export function cadvisorText({ pods, machine, details: ofMachineToo, cpuCount, memoryBytes }: SummaryInput): string {
  const of = (value: (each: ContainerUse) => number | undefined, more: Readonly<Record<string, string>> = {}): Sample[] => pods.flatMap((pod) => pod.containers.flatMap((each) => {
    const found = value(each);
    return found === undefined ? [] : [{ labels: { container: each.name, ...more, id: each.id, image: each.image, name: each.containerId, namespace: pod.namespace, pod: pod.name }, value: found, timeMs: each.rate.timeMs }];
  }));
  const detail = (value: (details: ContainerDetails) => number | undefined): Sample[] => of(({ details }) => (details === undefined ? undefined : value(details)));
  const throttling = (value: (found: NonNullable<ContainerDetails['throttling']>) => number): Sample[] => detail((details) => (details.throttling === undefined ? undefined : value(details.throttling)));
  const whole = (value: (rate: Rate) => number, more: Readonly<Record<string, string>> = {}): Sample[] => [
    ...(machine === undefined ? [] : [{ labels: { container: '', ...more, id: '/', image: '', name: '', namespace: '', pod: '' }, value: value(machine), timeMs: machine.timeMs }]),
    ...pods.filter(({ containers }) => containers.length > 0).map((pod) => {
      const rate = total(pod.containers.map((each) => each.rate));
      return { labels: { container: '', ...more, id: pod.id, image: '', name: '', namespace: pod.namespace, pod: pod.name }, value: value(rate), timeMs: rate.timeMs };
    }),
  ];
  const both = (value: (rate: Rate) => number, more?: Readonly<Record<string, string>>): Sample[] => [...whole(value, more), ...of(({ rate }) => value(rate), more)];
  const network = (value: (use: InterfaceUse) => number): Sample[] => [{ id: '/', name: '', namespace: '', network: ofMachineToo?.interfaces ?? [], timeMs: machine?.timeMs ?? Date.now() }, ...pods.map((pod) => ({ ...pod, timeMs: pod.containers[0]?.rate.timeMs ?? Date.now() }))]
    .flatMap(({ id, name, namespace, network: interfaces, timeMs }) => interfaces.map((use) => ({ labels: { container: '', id, image: '', interface: use.name, name: '', namespace, pod: name }, value: value(use), timeMs })));
  return [
    family('container_cpu_cfs_periods_total', 'counter', throttling(({ periods }) => periods)),
    family('container_cpu_cfs_throttled_periods_total', 'counter', throttling(({ throttledPeriods }) => throttledPeriods)),
    family('container_cpu_cfs_throttled_seconds_total', 'counter', throttling(({ throttledSeconds }) => throttledSeconds)),
    family('container_cpu_system_seconds_total', 'counter', detail(({ systemSeconds }) => systemSeconds)),
    family('container_cpu_usage_seconds_total', 'counter', both(seconds, { cpu: 'total' })),
    family('container_cpu_user_seconds_total', 'counter', detail(({ userSeconds }) => userSeconds)),
    family('container_last_seen', 'gauge', of(({ rate }) => Math.floor(rate.timeMs / 1_000))),
    family('container_memory_cache', 'gauge', detail(({ cacheBytes }) => cacheBytes)),
    family('container_memory_failcnt', 'counter', detail(({ failures }) => failures)),
    family('container_memory_mapped_file', 'gauge', detail(({ mappedBytes }) => mappedBytes)),
    family('container_memory_max_usage_bytes', 'gauge', detail(({ mostBytes }) => mostBytes)),
    family('container_memory_rss', 'gauge', both((rate) => rate.usage.rssBytes)),
    family('container_memory_swap', 'gauge', detail(({ swapBytes }) => swapBytes)),
    family('container_memory_usage_bytes', 'gauge', both((rate) => rate.usage.memoryBytes)),
    family('container_memory_working_set_bytes', 'gauge', both((rate) => rate.usage.workingSetBytes)),
    ...([['receive', 'rx'], ['transmit', 'tx']] as const).flatMap(([word, way]) => ([['bytes', 'Bytes'], ['errors', 'Errors'], ['packets_dropped', 'Dropped'], ['packets', 'Packets']] as const)
      .map(([name, field]) => family(`container_network_${word}_${name}_total`, 'counter', network((use) => use[`${way}${field}`])))),
    family('container_oom_events_total', 'counter', detail((details) => details.oomKills)),
    family('container_processes', 'gauge', detail(({ processes }) => processes)),
    family('container_spec_cpu_period', 'gauge', throttling(({ periodUs }) => periodUs)),
    family('container_spec_cpu_quota', 'gauge', throttling(({ quotaUs }) => quotaUs)),
    family('container_spec_cpu_shares', 'gauge', detail(({ cpuShares }) => cpuShares)),
    family('container_spec_memory_limit_bytes', 'gauge', of(({ limitBytes }) => limitBytes ?? 0)),
    family('container_start_time_seconds', 'gauge', of(({ startedMs }) => startedMs / 1_000)),
    family('container_threads', 'gauge', detail(({ threads }) => threads)),
    ...(['cpu', 'memory', 'io'] as const).flatMap((name) => [['waiting', 'some'], ['stalled', 'full']].map(([word, sort]) => family(`container_pressure_${name}_${word}_seconds_total`, 'counter', of(({ stalls }) => stalls[name]?.[sort as 'some' | 'full'].total).map((each) => ({ ...each, value: each.value / 1e9 }))))),
    `# TYPE machine_cpu_cores gauge\nmachine_cpu_cores ${cpuCount}\n# TYPE machine_memory_bytes gauge\nmachine_memory_bytes ${memoryBytes}\n`,
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
