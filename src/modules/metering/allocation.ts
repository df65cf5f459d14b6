/** Records in the shape of OpenCost's /allocation: sets of what each namespace, workload or label had, used and cost in a step of time. Pure. */
import type { MeteredClaim, MeteredPod, UsageRecord } from '../../api/metering/usage-record.ts';
import type { PriceSheet, Prices } from '../../api/metering/price-sheet.ts';
import { rfc3339 } from '../../base/clock.ts';
import type { Allocation } from './allocation-fields.ts';
import { addAmounts, GIB } from './amounts.ts';
import type { Filter } from './filter.ts';
import { asksForContainers, groupingsOf, keyOf, type Grouping } from './grouping.ts';
import { stepsOf, type Period } from './periods.ts';
import { chargeOfClaim, chargeOfRoute, chargesOfPod, tariffFor } from './price.ts';
import { intersection, propertiesOf, type Properties } from './properties.ts';
import { shareCosts, shareIdle, type Sharing } from './share.ts';
import { filtered, slicesIn, type Slice } from './slices.ts';
import type { Subject } from './subject.ts';

export interface AllocationQuery {
  period: Period;
  /** Default: one set for the whole period. */
  stepMs?: number;
  /** The sets' periods, in the place of steps. */
  parts?: readonly Period[];
  /** `namespace`, `controller`, `label:app`, ...; several with commas between. Throws RangeError. */
  aggregate: string;
  /** With `__idle__`: what nobody asked for or used. */
  capacity?: { cpuCores: number; memoryBytes: number };
  /** Its cost is put on all others in proportion to theirs, instead of standing by itself. */
  sharesIdle?: boolean;
  filter?: Filter;
  /** Whether the filter asks for containers. */
  byContainer?: boolean;
  /** What these have is shared by the others, and they are not shown. */
  sharing?: Sharing;
  /** Labels and annotations that all of an allocation have are among its properties. */
  metadata?: boolean;
  /** Its name; default `cluster`. */
  cluster?: string;
}

interface Sums { cpu: MeteredPod['cpuCoreSeconds']; memory: MeteredPod['memoryGiBSeconds']; gpuSeconds: number; sent: number; received: number; gibSeconds: number; costs: Record<'cpu' | 'memory' | 'gpu' | 'network' | 'storage', number>; fromMs: number; toMs: number; properties: Properties | undefined; hasPods: boolean }

export function allocationSets(records: readonly UsageRecord[], sheets: readonly PriceSheet[], query: AllocationQuery): Record<string, Allocation>[] {
  const by: Grouped = { groupings: groupingsOf(query.aggregate, query.cluster), cluster: query.cluster, metadata: query.metadata === true };
  const byContainer = query.byContainer === true || asksForContainers(by.groupings);
  const { filter, sharing } = query;
  return (query.parts ?? stepsOf(query.period, query.stepMs ?? Infinity)).map((step) => {
    const sums = new Map<string, Sums>();
    const shared = new Map<string, Sums>();
    const all = slicesIn(records, step, { byContainer, claimsOfPods: true });
    if (sharing !== undefined) for (const slice of all) addSlice(shared, filtered(slice, sharing.isShared), sheets, { ...by, groupings: [] });
    const slices = sharing === undefined ? all : all.map((slice) => filtered(slice, (subject) => !sharing.isShared(subject)));
    const shown = new Map<string, Sums>();
    for (const slice of slices) addSlice(sums, slice, sheets, by);
    if (filter !== undefined) for (const slice of slices) addSlice(shown, filtered(slice, filter), sheets, by);
    const set = Object.fromEntries([...(filter === undefined ? sums : shown)].map(([name, sum]) => [name, allocationOf(name, sum, step)]));
    shareCosts(Object.values(set), { whole: [...sums.values()].map(costOf), shared: [...shared.values()].map(costOf), split: sharing?.split ?? 'weighted' });
    const metered = { startMs: Math.min(...slices.map(({ startMs }) => startMs)), endMs: Math.max(...slices.map(({ endMs }) => endMs)) };
    if (query.capacity !== undefined && slices.length > 0) {
      const idle = allocationOf('__idle__', idleSum(query.capacity, [...sums.values(), ...shared.values()], metered, sheets), step);
      if (query.sharesIdle !== true) set['__idle__'] = idle;
      else shareIdle(Object.values(set), idle, [...sums.values()].reduce((total, { costs }) => total + costs.cpu + costs.memory, 0));
    }
    return set;
  });
}

interface Grouped { groupings: readonly Grouping[]; cluster: string | undefined; metadata: boolean }

function costOf({ costs }: Sums): number {
  return Object.values(costs).reduce((sum, each) => sum + each, 0);
}

function addSlice(sums: Map<string, Sums>, slice: Slice, sheets: readonly PriceSheet[], { groupings, cluster, metadata }: Grouped): void {
  const { prices } = tariffFor(sheets, slice.namespace, slice.startMs);
  const sumOf = (subject: Subject): Sums => {
    const key = keyOf(groupings, subject);
    const sum = sums.get(key) ?? emptySum(slice);
    sums.set(key, sum);
    sum.fromMs = Math.min(sum.fromMs, slice.startMs);
    sum.toMs = Math.max(sum.toMs, slice.endMs);
    const properties = propertiesOf(groupings, subject, cluster);
    // Claims and routes take nothing from what is said of the pods beside them, as what is unmounted does not with OpenCost.
    if (sum.properties === undefined || (subject.pod !== undefined && sum.properties['pod'] === undefined && !sum.hasPods)) sum.properties = properties;
    else if (subject.pod !== undefined) sum.properties = intersection(sum.properties, properties, { metadata });
    else if (sum.properties['namespace'] !== slice.namespace) sum.properties = intersection(sum.properties, { ...sum.properties, namespace: slice.namespace }, { metadata });
    sum.hasPods ||= subject.pod !== undefined;
    return sum;
  };
  for (const part of slice.pods) {
    const { pod } = part;
    const sum = sumOf({ ...slice.about, ...part });
    for (const claim of part.claims ?? []) addClaim(sum, claim, prices);
    addAmounts(sum.cpu, pod.cpuCoreSeconds);
    addAmounts(sum.memory, pod.memoryGiBSeconds);
    sum.sent += pod.networkBytes.sent;
    sum.received += pod.networkBytes.received;
    for (const [name, seconds] of Object.entries(pod.otherSeconds ?? {})) if (name.endsWith('/gpu')) sum.gpuSeconds += seconds;
    for (const { meter, cost } of chargesOfPod(pod, prices)) sum.costs[meter === 'cpu' || meter === 'memory' ? meter : meter.startsWith('network-') || meter === 'requests' ? 'network' : 'gpu'] += cost;
  }
  for (const route of slice.routes) sumOf(slice.about).costs.network += chargeOfRoute(route, prices).cost;
  for (const claim of slice.claims) addClaim(sumOf(slice.about), claim, prices);
}

function addClaim(sum: Sums, claim: MeteredClaim, prices: Prices): void {
  sum.gibSeconds += claim.gibSeconds;
  sum.costs.storage += chargeOfClaim(claim, prices).cost;
}

function emptySum({ startMs, endMs }: Period): Sums {
  const nothing = { requested: 0, used: 0, charged: 0 };
  return { cpu: { ...nothing }, memory: { ...nothing }, gpuSeconds: 0, sent: 0, received: 0, gibSeconds: 0, costs: { cpu: 0, memory: 0, gpu: 0, network: 0, storage: 0 }, fromMs: startMs, toMs: endMs, properties: undefined, hasPods: false };
}

function idleSum(capacity: { cpuCores: number; memoryBytes: number }, sums: readonly Sums[], metered: Period, sheets: readonly PriceSheet[]): Sums {
  const seconds = (metered.endMs - metered.startMs) / 1_000;
  const left = (all: number, read: (sum: Sums) => number): number => Math.max(0, all * seconds - sums.reduce((total, sum) => total + read(sum), 0));
  const idle = emptySum(metered);
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
    name, properties: sum.properties ?? {}, window: { start: rfc3339(step.startMs), end: rfc3339(step.endMs) }, start: rfc3339(sum.fromMs), end: rfc3339(sum.toMs), minutes: seconds / 60,
    cpuCores: sum.cpu.charged / seconds, cpuCoreRequestAverage: sum.cpu.requested / seconds, cpuCoreLimitAverage: null, cpuCoreUsageAverage: sum.cpu.used / seconds, cpuCoreHours: sum.cpu.charged / 3_600, cpuCost: cpu, cpuCostAdjustment: 0, cpuCostIdle: 0, cpuEfficiency,
    gpuCount: sum.gpuSeconds / seconds, gpuHours: sum.gpuSeconds / 3_600, gpuCost: gpu, gpuCostAdjustment: 0, gpuCostIdle: 0, gpuEfficiency: null,
    networkTransferBytes: sum.sent, networkReceiveBytes: sum.received, networkCost: network, networkCrossZoneCost: 0, networkCrossRegionCost: 0, networkInternetCost: 0, networkCostAdjustment: 0,
    loadBalancerCost: 0, loadBalancerCostAdjustment: 0, lbAllocations: null,
    pvBytes: (sum.gibSeconds * GIB) / seconds, pvByteHours: (sum.gibSeconds * GIB) / 3_600, pvCost: storage, pvCostAdjustment: 0, pvs: null,
    ramBytes: (sum.memory.charged * GIB) / seconds, ramByteRequestAverage: (sum.memory.requested * GIB) / seconds, ramByteLimitAverage: null, ramByteUsageAverage: (sum.memory.used * GIB) / seconds, ramByteHours: (sum.memory.charged * GIB) / 3_600, ramCost: memory, ramCostAdjustment: 0, ramCostIdle: 0, ramEfficiency,
    externalCost: 0, sharedCost: 0, totalCost: work + gpu + network + storage, totalEfficiency: work === 0 ? 0 : (cpuEfficiency * cpu + ramEfficiency * memory) / work,
  };
}

/** Used over requested; of what asked for nothing and used something it is 1, as OpenCost has it. */
function efficiency({ requested, used }: { requested: number; used: number }): number {
  return requested > 0 ? used / requested : used > 0 ? 1 : 0;
}

const SUMMARY = [
  'name', 'start', 'end', 'cpuCoreRequestAverage', 'cpuCoreUsageAverage', 'cpuCost', 'cpuCostIdle', 'gpuCost', 'gpuCostIdle', 'networkCost', 'loadBalancerCost', 'pvCost', 'ramByteRequestAverage', 'ramByteUsageAverage', 'ramCost',
  'ramCostIdle', 'sharedCost', 'externalCost', 'totalEfficiency', 'totalCost',
] as const satisfies readonly (keyof Allocation)[];

/** As OpenCost's /allocation/summary: of each the averages and costs alone. */
export function summaryOf(sets: readonly Record<string, Allocation>[], parts: readonly Period[], period: Period): object {
  const windowOf = ({ startMs, endMs }: Period): object => ({ start: rfc3339(startMs), end: rfc3339(endMs) });
  const short = (each: Allocation): object => Object.fromEntries(SUMMARY.map((field) => [field, each[field]]));
  return { step: ((parts[0]?.endMs ?? 0) - (parts[0]?.startMs ?? 0)) * 1e6, sets: sets.map((set, index) => ({ allocations: Object.fromEntries(Object.entries(set).map(([name, each]) => [name, short(each)])), window: windowOf(parts[index]!) })), window: windowOf(period) };
}
