/**
 * What this node has and what pods may have of it (upstream: Reserve Compute Resources): allocatable = capacity - systemReserved - kubeReserved
 * (modules.node, quantities of cpu, memory, ephemeral-storage; for cpu reservedSystemCPUs, a list, takes their place) - the hard eviction thresholds of memory and disk.
 * Nodes that share one machine have equal parts of all of it, rounded down, so that their sum is never more than there is.
 */
import { existsSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { isQuantity, quantityMillis, quantityOf, quantityOfMilli, quantityValue } from '../../api/quantity.ts';
import type { MachineFacts } from '../../sdk/module.ts';
import { CGROUP_ROOT } from './cgroup/layout.ts';
import { parseCpuList } from './cpus/cpu-list.ts';
import { amountIn } from './pressure/judge.ts';
import type { PressureSettings, Signal } from './pressure/settings.ts';

export type Quantities = Readonly<Record<string, string>>;

export interface NodeCapacity {
  read(): { capacity: Quantities; allocatable: Quantities };
  /** Whole cpus that are kept for the system, rounded up. */
  readonly reservedCpus: number;
  readonly reserved: Reservation;
  /** maxPods of the configuration; default 500, at most 240 on a further node. */
  readonly mostPods: number;
  /** What device plugins give, by resource name: all, and those that are well. */
  devices(): ReadonlyMap<string, { all: number; healthy: number }>;
}

export interface Reservation { cpuMillis: number; memoryBytes: number; diskBytes: number }

const MOST_PODS = 500;
const MOST_PODS_EVER = 10_000;
/** A further node has 253 addresses for pods, and keeps some ready. */
const MOST_PODS_FURTHER = 240;

export function nodeCapacity(options: { machine: MachineFacts; folder: string; config: Readonly<Record<string, unknown>>; pressure: PressureSettings; devices: NodeCapacity['devices'] }): NodeCapacity {
  const { machine, pressure } = options;
  const share = (amount: number): number => Math.floor(amount / (machine.nodes ?? 1));
  const mostPods = Math.min(mostPodsOf(options.config), machine.further === undefined ? Infinity : MOST_PODS_FURTHER);
  const reserved = sum(reservation(options.config, 'systemReserved'), reservation(options.config, 'kubeReserved'));
  const own = options.config['reservedSystemCPUs'];
  if (own !== undefined) reserved.cpuMillis = parseCpuList(String(own)).length * 1_000;
  if (reserved.cpuMillis >= machine.cpuMillis || reserved.memoryBytes >= machine.memoryBytes) throw new Error('modules.node.systemReserved and kubeReserved leave nothing of this machine for pods');
  const hard = (signal: Signal, capacity: number): number => {
    const threshold = pressure.thresholds.find((each) => each.hard && each.signal === signal);
    return threshold === undefined ? 0 : Math.floor(amountIn(threshold.least, capacity));
  };
  return {
    reserved, mostPods, reservedCpus: Math.ceil(reserved.cpuMillis / 1_000), devices: options.devices,
    read() {
      const disk = statfsSync(options.folder);
      const diskBytes = disk.blocks * disk.bsize;
      const huge = hugePages(machine.cgroupVersion);
      const memoryBytes = machine.memoryBytes - huge.reduce((all, each) => all + each.bytes, 0);
      const given = [...options.devices()];
      const amounts = (cpuMillis: number, ofMemory: number, ofDisk: number): Record<string, string> => ({
        cpu: quantityOfMilli(share(cpuMillis)), memory: `${Math.floor(share(ofMemory) / 1_024)}Ki`, 'ephemeral-storage': `${Math.floor(share(ofDisk) / 1_024)}Ki`, pods: String(mostPods),
      });
      const whole = amounts(machine.cpuMillis, machine.memoryBytes, diskBytes);
      const left = amounts(machine.cpuMillis - reserved.cpuMillis, Math.max(0, memoryBytes - reserved.memoryBytes - hard('memory.available', machine.memoryBytes)), Math.max(0, diskBytes - reserved.diskBytes - hard('nodefs.available', diskBytes)));
      const pages = Object.fromEntries(huge.map(({ name, pageBytes, bytes }) => [name, quantityOf(Math.floor(share(bytes) / pageBytes) * pageBytes, 'BinarySI')]));
      return {
        capacity: { ...whole, ...pages, ...Object.fromEntries(given.map(([name, { all }]) => [name, String(all)])) },
        allocatable: { ...left, ...pages, ...Object.fromEntries(given.map(([name, { healthy }]) => [name, String(healthy)])) },
      };
    },
  };
}

function mostPodsOf({ maxPods = MOST_PODS }: Readonly<Record<string, unknown>>): number {
  if (typeof maxPods !== 'number' || !Number.isInteger(maxPods) || maxPods < 1 || maxPods > MOST_PODS_EVER) throw new Error(`modules.node.maxPods must be a whole number from 1 to ${MOST_PODS_EVER}, not ${JSON.stringify(maxPods)}`);
  return maxPods;
}

function reservation(config: Readonly<Record<string, unknown>>, key: string): Reservation {
  const given = config[key] ?? {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new Error(`modules.node.${key} must be a map of quantities`);
  const known = ['cpu', 'memory', 'ephemeral-storage'];
  for (const [name, value] of Object.entries(given)) {
    if (!known.includes(name) || !isQuantity(value) || quantityValue(value) < 0) throw new Error(`modules.node.${key}.${name} must be a quantity of ${known.join(', ')}, not ${JSON.stringify(value)}`);
  }
  const { cpu = '0', memory = '0', 'ephemeral-storage': disk = '0' } = given as Record<string, string>;
  return { cpuMillis: quantityMillis(cpu), memoryBytes: quantityValue(memory), diskBytes: quantityValue(disk) };
}

function sum(one: Reservation, other: Reservation): Reservation {
  return { cpuMillis: one.cpuMillis + other.cpuMillis, memoryBytes: one.memoryBytes + other.memoryBytes, diskBytes: one.diskBytes + other.diskBytes };
}

/** Pages that are set aside on the machine, by size; none where their controller is not beside the others, since no limit could be kept. */
export function hugePages(version: 'v1' | 'v2', folder = '/sys/kernel/mm/hugepages', root = CGROUP_ROOT): { name: string; pageBytes: number; bytes: number }[] {
  const sizes = existsSync(folder) ? readdirSync(folder).flatMap((name) => /^hugepages-(\d+)kB$/.exec(name)?.[1] ?? []).map(Number) : [];
  const kept = version === 'v1' ? existsSync(join(root, 'hugetlb', 'cgroup.procs')) : readFileSync(join(root, 'cgroup.controllers'), 'utf8').split(/\s+/).includes('hugetlb');
  return sizes.sort((a, b) => a - b).map((kib) => ({ name: `hugepages-${quantityOf(kib * 1_024, 'BinarySI')}`, pageBytes: kib * 1_024, bytes: kept ? kib * 1_024 * Number(readFileSync(join(folder, `hugepages-${kib}kB`, 'nr_hugepages'), 'utf8')) : 0 }));
}
