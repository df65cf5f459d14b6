/** v1beta1 and v1beta2 of Kueue's kinds: the same objects with some fields under other names. Source: apis/kueue/v1beta1/*_conversion.go. */
import type { Kind } from '../kind.ts';
import type { Json, KubeObject } from '../meta.ts';
import { GROUP } from './schema.ts';

type Fields = Record<string, Json | undefined>;

export const V1BETA1 = `${GROUP}/v1beta1`;
const V1BETA2 = `${GROUP}/v1beta2`;

/** Objects are kept in v1beta1, which every release of Kueue serves that knows either. */
export const conversion: NonNullable<Kind['conversion']> = {
  storageApiVersion: V1BETA1,
  convert: (objects, apiVersion) => Promise.resolve(objects.map((object) => convertKueue(object, apiVersion))),
};

/** A new object in the version asked for. */
export function convertKueue(object: KubeObject, apiVersion: string): KubeObject {
  const copy = structuredClone(object) as KubeObject & { spec?: Fields; status?: Fields };
  if (copy.apiVersion === apiVersion) return copy;
  const newer = apiVersion === V1BETA2;
  copy.apiVersion = apiVersion;
  for (const [part, older, recent] of RENAMED[copy.kind ?? ''] ?? []) {
    const fields = copy[part];
    if (fields !== undefined) rename(fields, ...(newer ? ([older, recent] as const) : ([recent, older] as const)));
  }
  if (copy.kind === 'Workload' && copy.spec !== undefined) convertPriorityClass(copy.spec, newer);
  if (copy.kind === 'Workload' && copy.status !== undefined) convertTopologies(copy.status, newer);
  if (copy.kind === 'LocalQueue' && newer) delete copy.status?.['flavors'];
  if (copy.kind === 'ClusterQueue' && copy.spec !== undefined) convertQueueSpec(copy.spec, newer);
  return copy;
}

/** What only the name differs of: in spec or status, the name of v1beta1, that of v1beta2. */
const RENAMED: Readonly<Record<string, readonly (readonly ['spec' | 'status', string, string])[]>> = {
  ClusterQueue: [['spec', 'cohort', 'cohortName']],
  Cohort: [['spec', 'parent', 'parentName']],
  LocalQueue: [['status', 'flavorUsage', 'flavorsUsage']],
  Workload: [['status', 'accumulatedPastExexcutionTimeSeconds', 'accumulatedPastExecutionTimeSeconds']],
};

function rename(fields: Fields, from: string, to: string): void {
  if (fields[from] === undefined) return;
  fields[to] = fields[from];
  delete fields[from];
}

/** v1beta2 knows rules only, and the new words of flavorFungibility. */
function convertQueueSpec(spec: Fields, newer: boolean): void {
  if (!newer) return;
  const checks = spec['admissionChecks'] as string[] | undefined;
  if (checks !== undefined) {
    delete spec['admissionChecks'];
    if (checks.length > 0) spec['admissionChecksStrategy'] ??= { admissionChecks: checks.map((name) => ({ name })) };
  }
  const fungibility = spec['flavorFungibility'] as Fields | undefined;
  for (const key of ['whenCanBorrow', 'whenCanPreempt']) if (fungibility?.[key] === 'Borrow' || fungibility?.[key] === 'Preempt') fungibility[key] = 'MayStopSearch';
}

const WORKLOAD_CLASS = { group: GROUP, kind: 'WorkloadPriorityClass' };
const POD_CLASS = { group: 'scheduling.k8s.io', kind: 'PriorityClass' };
export const WORKLOAD_PRIORITY_SOURCE = `${GROUP}/workloadpriorityclass`;
export const POD_PRIORITY_SOURCE = 'scheduling.k8s.io/priorityclass';

function convertPriorityClass(spec: Fields, newer: boolean): void {
  if (newer) {
    const { priorityClassName: name, priorityClassSource: source } = spec;
    delete spec['priorityClassName'];
    delete spec['priorityClassSource'];
    if (name !== undefined && name !== '') spec['priorityClassRef'] = { ...(source === WORKLOAD_PRIORITY_SOURCE ? WORKLOAD_CLASS : POD_CLASS), name };
    return;
  }
  const ref = spec['priorityClassRef'] as { kind?: string; name?: string } | undefined;
  delete spec['priorityClassRef'];
  if (ref?.name === undefined) return;
  spec['priorityClassName'] = ref.name;
  spec['priorityClassSource'] = ref.kind === WORKLOAD_CLASS.kind ? WORKLOAD_PRIORITY_SOURCE : POD_PRIORITY_SOURCE;
}

interface Domains { levels: string[]; domains?: { values: string[]; count: number }[]; slices?: Slice[] }
interface Slice {
  domainCount: number;
  valuesPerLevel: { universal?: string; individual?: { prefix?: string; suffix?: string; roots: string[] } }[];
  podCounts: { universal?: number; individual?: number[] };
}

/** v1beta1 lists domain by domain, v1beta2 level by level in slices of which one is enough. */
function convertTopologies(status: Fields, newer: boolean): void {
  const { podSetAssignments = [] } = (status['admission'] ?? {}) as unknown as { podSetAssignments?: { topologyAssignment?: Domains }[] };
  for (const { topologyAssignment: each } of podSetAssignments) {
    if (each === undefined) continue;
    if (newer) {
      each.slices = slicesOf(each);
      delete each.domains;
    } else {
      each.domains = (each.slices ?? []).flatMap(domainsOf);
      delete each.slices;
    }
  }
}

function slicesOf({ levels, domains = [] }: Domains): Slice[] {
  if (domains.length === 0) return [];
  const valuesPerLevel = levels.map((_, level) => {
    const roots = domains.map(({ values }) => values[level]!);
    return roots.every((each) => each === roots[0]) ? { universal: roots[0]! } : { individual: { roots } };
  });
  const counts = domains.map(({ count }) => count);
  return [{ domainCount: domains.length, valuesPerLevel, podCounts: counts.every((each) => each === counts[0]) ? { universal: counts[0]! } : { individual: counts } }];
}

function domainsOf({ domainCount, valuesPerLevel, podCounts }: Slice): NonNullable<Domains['domains']> {
  return Array.from({ length: domainCount }, (_, index) => ({
    values: valuesPerLevel.map(({ universal, individual }) => universal ?? `${individual?.prefix ?? ''}${individual?.roots[index] ?? ''}${individual?.suffix ?? ''}`),
    count: podCounts.universal ?? podCounts.individual?.[index] ?? 0,
  }));
}
