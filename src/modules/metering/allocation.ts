/** Records in the shape of OpenCost's /allocation: sets of what each namespace, workload or label had, used and cost in a step of time. Pure. */
import type { MeteredPod, UsageRecord } from '../../api/metering/usage-record.ts';
import type { PriceSheet } from '../../api/metering/price-sheet.ts';
import { rfc3339 } from '../../base/clock.ts';
import { GIB } from './accumulate.ts';
import { filtered, type Filter } from './filter.ts';
import { groupingsOf, keyOf, type Grouping } from './grouping.ts';
import { stepsOf, type Period } from './periods.ts';
import { chargeOfClaim, chargeOfRoute, chargesOfPod, tariffFor } from './price.ts';
import { slicesIn, type Slice } from './slices.ts';

/** The fields that OpenCost's consumers read; cpu in cores, memory in bytes, cost in the currency of the sheet. */
export interface Allocation {
  name: string;
  properties: Record<string, unknown>;
  window: { start: string; end: string };
  start: string;
  end: string;
  minutes: number;
  cpuCores: number; cpuCoreRequestAverage: number; cpuCoreUsageAverage: number; cpuCoreHours: number; cpuCost: number; cpuEfficiency: number;
  gpuCount: number; gpuHours: number; gpuCost: number;
  networkTransferBytes: number; networkReceiveBytes: number; networkCost: number;
  pvBytes: number; pvByteHours: number; pvCost: number;
  ramBytes: number; ramByteRequestAverage: number; ramByteUsageAverage: number; ramByteHours: number; ramCost: number; ramEfficiency: number;
  externalCost: number; sharedCost: number; totalCost: number; totalEfficiency: number;
}

export interface AllocationQuery {
  period: Period;
  /** Default: one set for the whole period. */
  stepMs?: number;
  /** `namespace`, `controller`, `label:app`, ...; several with commas between. Throws RangeError. */
  aggregate: string;
  /** With `__idle__`: what nobody asked for or used. */
  capacity?: { cpuCores: number; memoryBytes: number };
  /** Its cost is put on all others in proportion to theirs, instead of standing by itself. */
  sharesIdle?: boolean;
  filter?: Filter;
}

interface Sums { cpu: MeteredPod['cpuCoreSeconds']; memory: MeteredPod['memoryGiBSeconds']; gpuSeconds: number; sent: number; received: number; gibSeconds: number; costs: Record<'cpu' | 'memory' | 'gpu' | 'network' | 'storage', number>; fromMs: number; toMs: number; properties: Record<string, unknown> }

export function allocationSets(records: readonly UsageRecord[], sheets: readonly PriceSheet[], query: AllocationQuery): Record<string, Allocation>[] {
  const groupings = groupingsOf(query.aggregate);
  return stepsOf(query.period, query.stepMs ?? Infinity).map((step) => {
    const sums = new Map<string, Sums>();
    const slices = slicesIn(records, step);
    const { filter } = query;
    const shown = new Map<string, Sums>();
    for (const slice of slices) addSlice(sums, slice, sheets, groupings);
    if (filter !== undefined) for (const slice of slices) addSlice(shown, filtered(slice, filter), sheets, groupings);
    const set = Object.fromEntries([...(filter === undefined ? sums : shown)].map(([name, sum]) => [name, allocationOf(name, sum, step)]));
    const metered = { startMs: Math.min(...slices.map(({ startMs }) => startMs)), endMs: Math.max(...slices.map(({ endMs }) => endMs)) };
    if (query.capacity !== undefined && slices.length > 0) {
      const idle = allocationOf('__idle__', idleSum(query.capacity, [...sums.values()], metered, sheets), step);
      if (query.sharesIdle !== true) set['__idle__'] = idle;
      else shareIdle(Object.values(set), idle, [...sums.values()].reduce((total, { costs }) => total + costs.cpu + costs.memory, 0));
    }
    return set;
  });
}

/** Who is not shown bears a part all the same. */
function shareIdle(allocations: readonly Allocation[], idle: Allocation, whole: number): void {
  for (const each of allocations) {
    const part = whole === 0 ? 0 : (each.cpuCost + each.ramCost) / whole;
    each.cpuCost += part * idle.cpuCost;
    each.ramCost += part * idle.ramCost;
    each.totalCost += part * idle.totalCost;
  }
}

function addSlice(sums: Map<string, Sums>, slice: Slice, sheets: readonly PriceSheet[], groupings: readonly Grouping[]): void {
  const { prices } = tariffFor(sheets, slice.namespace, slice.startMs);
  const sumOf = (key: string, properties: Record<string, unknown>): Sums => {
    const sum = sums.get(key) ?? emptySum(slice, properties);
    sums.set(key, sum);
    sum.fromMs = Math.min(sum.fromMs, slice.startMs);
    sum.toMs = Math.max(sum.toMs, slice.endMs);
    return sum;
  };
  for (const pod of slice.pods) {
    const { key, properties } = keyOf(groupings, slice.namespace, pod);
    const sum = sumOf(key, properties);
    addAmount(sum.cpu, pod.cpuCoreSeconds);
    addAmount(sum.memory, pod.memoryGiBSeconds);
    sum.sent += pod.networkBytes.sent;
    sum.received += pod.networkBytes.received;
    for (const [name, seconds] of Object.entries(pod.otherSeconds ?? {})) if (name.endsWith('/gpu')) sum.gpuSeconds += seconds;
    for (const { meter, cost } of chargesOfPod(pod, prices)) sum.costs[meter === 'cpu' || meter === 'memory' ? meter : meter.startsWith('network-') || meter === 'requests' ? 'network' : 'gpu'] += cost;
  }
  for (const route of slice.routes) {
    const { key, properties } = keyOf(groupings, slice.namespace, undefined);
    sumOf(key, properties).costs.network += chargeOfRoute(route, prices).cost;
  }
  for (const claim of slice.claims) {
    const { key, properties } = keyOf(groupings, slice.namespace, undefined);
    const sum = sumOf(key, properties);
    sum.gibSeconds += claim.gibSeconds;
    sum.costs.storage += chargeOfClaim(claim, prices).cost;
  }
}

function emptySum({ startMs, endMs }: Period, properties: Record<string, unknown>): Sums {
  const nothing = { requested: 0, used: 0, charged: 0 };
  return { cpu: { ...nothing }, memory: { ...nothing }, gpuSeconds: 0, sent: 0, received: 0, gibSeconds: 0, costs: { cpu: 0, memory: 0, gpu: 0, network: 0, storage: 0 }, fromMs: startMs, toMs: endMs, properties };
}

function addAmount(sum: MeteredPod['cpuCoreSeconds'], more: MeteredPod['cpuCoreSeconds']): void {
  sum.requested += more.requested;
  sum.used += more.used;
  sum.charged += more.charged;
}

function idleSum(capacity: { cpuCores: number; memoryBytes: number }, sums: readonly Sums[], metered: Period, sheets: readonly PriceSheet[]): Sums {
  const seconds = (metered.endMs - metered.startMs) / 1_000;
  const left = (all: number, read: (sum: Sums) => number): number => Math.max(0, all * seconds - sums.reduce((total, sum) => total + read(sum), 0));
  const idle = emptySum(metered, {});
  const { prices } = tariffFor(sheets, '', metered.startMs);
  idle.cpu.charged = left(capacity.cpuCores, ({ cpu }) => cpu.charged);
  idle.memory.charged = left(capacity.memoryBytes / GIB, ({ memory }) => memory.charged);
  idle.costs.cpu = (idle.cpu.charged / 3_600) * (prices.cpuCoreHour ?? 0);
  idle.costs.memory = (idle.memory.charged / 3_600) * (prices.memoryGiBHour ?? 0);
  return idle;
}

function allocationOf(name: string, sum: Sums, step: Period): Allocation {
  const seconds = Math.max(1e-9, (sum.toMs - sum.fromMs) / 1_000);
  const cpuEfficiency = efficiency(sum.cpu);
  const ramEfficiency = efficiency(sum.memory);
  const { cpu, memory, gpu, network, storage } = sum.costs;
  const work = cpu + memory;
  return {
    name, properties: sum.properties, window: { start: rfc3339(step.startMs), end: rfc3339(step.endMs) }, start: rfc3339(sum.fromMs), end: rfc3339(sum.toMs), minutes: seconds / 60,
    cpuCores: sum.cpu.charged / seconds, cpuCoreRequestAverage: sum.cpu.requested / seconds, cpuCoreUsageAverage: sum.cpu.used / seconds, cpuCoreHours: sum.cpu.charged / 3_600, cpuCost: cpu, cpuEfficiency,
    gpuCount: sum.gpuSeconds / seconds, gpuHours: sum.gpuSeconds / 3_600, gpuCost: gpu,
    networkTransferBytes: sum.sent, networkReceiveBytes: sum.received, networkCost: network,
    pvBytes: (sum.gibSeconds * GIB) / seconds, pvByteHours: (sum.gibSeconds * GIB) / 3_600, pvCost: storage,
    ramBytes: (sum.memory.charged * GIB) / seconds, ramByteRequestAverage: (sum.memory.requested * GIB) / seconds, ramByteUsageAverage: (sum.memory.used * GIB) / seconds, ramByteHours: (sum.memory.charged * GIB) / 3_600, ramCost: memory, ramEfficiency,
    externalCost: 0, sharedCost: 0, totalCost: work + gpu + network + storage, totalEfficiency: work === 0 ? 0 : (cpuEfficiency * cpu + ramEfficiency * memory) / work,
  };
}

/** Used over requested; of what asked for nothing and used something it is 1, as OpenCost has it. */
function efficiency({ requested, used }: { requested: number; used: number }): number {
  return requested > 0 ? used / requested : used > 0 ? 1 : 0;
}
