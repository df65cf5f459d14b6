/**
 * What a control group, or the machine, has used: cpu as time since its beginning, memory as it is now.
 *
 * Working set = usage - inactive_file (at least 0): what cannot be taken back without hurting; kubelet's and metrics-server's formula.
 * v1: cpuacct.usage (ns), memory.usage_in_bytes, total_* of memory.stat. v2: usage_usec of cpu.stat, memory.current, memory.stat.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CGROUP_ROOT } from '../cgroup/layout.ts';

export interface Usage {
  /** Cpu time used since the beginning. */
  cpuNs: number;
  /** With the file cache. */
  memoryBytes: number;
  workingSetBytes: number;
  /** Anonymous memory. */
  rssBytes: number;
  /** Major page faults since the beginning; 0 where the kernel does not say. */
  majorFaults: number;
  pageFaults: number;
}

/** undefined when the group is gone. */
export function cgroupUsage(options: { version: 'v1' | 'v2'; path: string; root?: string }): Usage | undefined {
  const root = options.root ?? CGROUP_ROOT;
  try {
    return options.version === 'v1' ? usageV1(root, options.path) : usageV2(join(root, options.path));
  } catch {
    return undefined;
  }
}

function usageV1(root: string, path: string): Usage {
  const stat = readFileSync(join(root, 'memory', path, 'memory.stat'), 'utf8');
  const memoryBytes = Number(readFileSync(join(root, 'memory', path, 'memory.usage_in_bytes'), 'utf8'));
  return {
    cpuNs: Number(readFileSync(join(root, 'cpuacct', path, 'cpuacct.usage'), 'utf8')), memoryBytes, workingSetBytes: Math.max(0, memoryBytes - field(stat, 'total_inactive_file')),
    rssBytes: field(stat, 'total_rss'), majorFaults: field(stat, 'total_pgmajfault'), pageFaults: field(stat, 'total_pgfault'),
  };
}

function usageV2(folder: string): Usage {
  const stat = readFileSync(join(folder, 'memory.stat'), 'utf8');
  const memoryBytes = Number(readFileSync(join(folder, 'memory.current'), 'utf8'));
  return {
    cpuNs: field(readFileSync(join(folder, 'cpu.stat'), 'utf8'), 'usage_usec') * 1_000, memoryBytes, workingSetBytes: Math.max(0, memoryBytes - field(stat, 'inactive_file')),
    rssBytes: field(stat, 'anon'), majorFaults: field(stat, 'pgmajfault'), pageFaults: field(stat, 'pgfault'),
  };
}

/** Ticks of /proc/stat a second (USER_HZ, the same on all Linux architectures that Node runs on). */
const TICK_NS = 1e7;

/**
 * The machine: cpu = user + nice + system + irq + softirq of /proc/stat (guests are within user, idle and iowait are not used time);
 * memory = MemTotal - MemFree, working set without Inactive(file), from /proc/meminfo.
 */
export function machineUsage(stat = readFileSync('/proc/stat', 'utf8'), meminfo = readFileSync('/proc/meminfo', 'utf8')): Usage {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (/^cpu\s+(.*)$/m.exec(stat)?.[1] ?? '').split(/\s+/).map(Number);
  const kib = (name: string): number => Number(new RegExp(`^${name.replace(/[()]/g, '\\$&')}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0) * 1_024;
  const memoryBytes = kib('MemTotal') - kib('MemFree');
  return { cpuNs: (user + nice + system + irq + softirq) * TICK_NS, memoryBytes, workingSetBytes: Math.max(0, memoryBytes - kib('Inactive(file)')), rssBytes: kib('AnonPages'), majorFaults: 0, pageFaults: 0 };
}

function field(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}
