/**
 * What only those who ask for it want to know of a container, a pod or the machine: throttling, kinds of memory, swap, processes, network. Read when asked, kept nowhere.
 * The files are those of cgroup v1 (cpu, cpuacct, memory, pids) and v2, and of /proc.
 */
import { join } from 'node:path';
import { CGROUP_ROOT, oomKills } from '../cgroup/layout.ts';
import { textOf } from '../read-files.ts';

export interface ContainerDetails {
  userSeconds: number;
  systemSeconds: number;
  /** Of the scheduler's bandwidth control; absent without a limit of cpu. */
  throttling?: { periods: number; throttledPeriods: number; throttledSeconds: number; quotaUs: number; periodUs: number };
  cpuShares: number;
  cacheBytes: number;
  mappedBytes: number;
  mostBytes: number;
  swapBytes: number;
  /** What is left of the limit of swap; absent where nothing is limited or counted. */
  swapAvailableBytes?: number;
  /** How often the limit of memory was hit. */
  failures: number;
  oomKills: number;
  processes: number;
  threads: number;
}

export interface InterfaceUse { name: string; rxBytes: number; rxPackets: number; rxErrors: number; rxDropped: number; txBytes: number; txPackets: number; txErrors: number; txDropped: number }

/** A control group that is gone has used nothing. */
export function containerDetails(options: { version: 'v1' | 'v2'; path: string; root?: string }): ContainerDetails {
  const root = options.root ?? CGROUP_ROOT;
  return options.version === 'v1' ? detailsV1((controller, file) => textOf(join(root, controller, options.path, file))) : detailsV2((file) => textOf(join(root, options.path, file)));
}

const TICKS_A_SECOND = 100;
/** What v1 says where there is no limit. */
const UNLIMITED_BYTES = 2 ** 62;

function detailsV1(read: (controller: string, file: string) => string): ContainerDetails {
  const [stat, times, cpu, procs] = [read('memory', 'memory.stat'), read('cpuacct', 'cpuacct.stat'), read('cpu', 'cpu.stat'), read('cpu', 'cgroup.procs')];
  const quotaUs = Number(read('cpu', 'cpu.cfs_quota_us') || -1);
  const swapLimit = field(stat, 'hierarchical_memsw_limit');
  const [swapBytes, memoryBytes] = [field(stat, 'total_swap'), Number(read('memory', 'memory.usage_in_bytes') || 0)];
  return {
    userSeconds: field(times, 'user') / TICKS_A_SECOND, systemSeconds: field(times, 'system') / TICKS_A_SECOND,
    ...(quotaUs > 0 ? { throttling: { periods: field(cpu, 'nr_periods'), throttledPeriods: field(cpu, 'nr_throttled'), throttledSeconds: field(cpu, 'throttled_time') / 1e9, quotaUs, periodUs: Number(read('cpu', 'cpu.cfs_period_us')) } } : {}),
    cpuShares: Number(read('cpu', 'cpu.shares') || 0), cacheBytes: field(stat, 'total_cache'), mappedBytes: field(stat, 'total_mapped_file'),
    mostBytes: Number(read('memory', 'memory.max_usage_in_bytes') || 0), swapBytes, ...(swapLimit > 0 && swapLimit < UNLIMITED_BYTES ? { swapAvailableBytes: Math.max(0, swapLimit - memoryBytes - swapBytes) } : {}),
    failures: Number(read('memory', 'memory.failcnt') || 0), oomKills: oomKills(read('memory', 'memory.oom_control')), processes: linesOf(procs), threads: Number(read('pids', 'pids.current') || 0) || linesOf(read('cpu', 'tasks')),
  };
}

function detailsV2(read: (file: string) => string): ContainerDetails {
  const [stat, cpu, events] = [read('memory.stat'), read('cpu.stat'), read('memory.events')];
  const [quota, period] = read('cpu.max').trim().split(' ');
  const swapMost = read('memory.swap.max').trim();
  const swapBytes = Number(read('memory.swap.current') || 0);
  const weight = Number(read('cpu.weight') || 0);
  return {
    userSeconds: field(cpu, 'user_usec') / 1e6, systemSeconds: field(cpu, 'system_usec') / 1e6,
    ...(Number(quota) > 0 ? { throttling: { periods: field(cpu, 'nr_periods'), throttledPeriods: field(cpu, 'nr_throttled'), throttledSeconds: field(cpu, 'throttled_usec') / 1e6, quotaUs: Number(quota), periodUs: Number(period) } } : {}),
    cpuShares: weight === 0 ? 0 : Math.round(2 + ((weight - 1) * 262_142) / 9_999), cacheBytes: field(stat, 'file'), mappedBytes: field(stat, 'file_mapped'),
    mostBytes: Number(read('memory.peak') || 0), swapBytes, ...(/^\d+$/.test(swapMost) ? { swapAvailableBytes: Math.max(0, Number(swapMost) - swapBytes) } : {}),
    failures: field(events, 'max'), oomKills: oomKills(events), processes: linesOf(read('cgroup.procs')), threads: Number(read('pids.current') || 0),
  };
}

/** /proc/PID/net/dev: what went through the interfaces that the process sees, but loopback; eth0 first. Undefined when it is gone. */
export function interfacesOf(text: string): InterfaceUse[] {
  return text.split('\n').slice(2).flatMap((line) => {
    const [, name = '', rest = ''] = /^\s*([^:]+):(.*)$/.exec(line) ?? [];
    if (name === '' || name === 'lo') return [];
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0, , , , , txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = rest.trim().split(/\s+/).map(Number);
    return [{ name, rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }];
  }).sort((one, other) => Number(other.name === 'eth0') - Number(one.name === 'eth0'));
}

/** Of the network that a process has. */
export function networkOf(pid: number | 'self'): InterfaceUse[] {
  return interfacesOf(textOf(`/proc/${pid}/net/dev`));
}

export interface MachineDetails { mostPids: number; threads: number; swapBytes: number; swapAvailableBytes: number; interfaces: InterfaceUse[] }

/** Interfaces that are the other end of a pod's are the pod's. */
export function machineDetails(): MachineDetails {
  const meminfo = textOf('/proc/meminfo');
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0) * 1_024;
  return {
    mostPids: Number(textOf('/proc/sys/kernel/pid_max') || 0), threads: Number(/\/(\d+) /.exec(textOf('/proc/loadavg'))?.[1] ?? 0),
    swapBytes: kib('SwapTotal') - kib('SwapFree'), swapAvailableBytes: kib('SwapFree'), interfaces: networkOf('self').filter(({ name }) => !name.startsWith('veth')),
  };
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

function linesOf(text: string): number {
  return text.split('\n').filter(Boolean).length;
}
