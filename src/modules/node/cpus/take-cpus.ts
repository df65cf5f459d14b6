/** Which cpus an exclusive container gets (upstream: cpu manager, policy static): whole sockets, then whole cores, then single threads of cores that are begun. */
import { readFileSync } from 'node:fs';
import { parseCpuList } from './cpu-list.ts';

export interface Cpu { id: number; core: string; socket: string }

/** Undefined when there are not so many. Pure. */
export function takeCpus(topology: readonly Cpu[], free: ReadonlySet<number>, count: number): number[] | undefined {
  if (free.size < count) return undefined;
  const left = new Set(free);
  const taken: number[] = [];
  const take = (cpus: readonly Cpu[]): void => {
    for (const { id } of cpus) {
      left.delete(id);
      taken.push(id);
    }
  };
  for (const key of ['socket', 'core'] as const) {
    for (const group of Map.groupBy(topology, (cpu) => cpu[key]).values()) if (group.length <= count - taken.length && group.every(({ id }) => left.has(id))) take(group);
  }
  const freeOf = (cpu: Cpu): number => topology.filter((other) => other.core === cpu.core && left.has(other.id)).length;
  take(topology.filter(({ id }) => left.has(id)).sort((a, b) => freeOf(a) - freeOf(b) || a.id - b.id).slice(0, count - taken.length));
  return taken.sort((a, b) => a - b);
}

/** The cpus that this process may use, by the kernel's word. */
export function readTopology(read = (file: string): string => readFileSync(file, 'utf8')): Cpu[] {
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(read('/proc/self/status'))?.[1] ?? '0';
  const fact = (cpu: number, name: string): string => {
    try { return read(`/sys/devices/system/cpu/cpu${cpu}/topology/${name}`).trim(); } catch { return ''; }
  };
  return parseCpuList(allowed).map((id) => {
    const socket = fact(id, 'physical_package_id') || '0';
    return { id, socket, core: `${socket}/${fact(id, 'core_id') || `cpu${id}`}` };
  });
}
