/** Requests and limits as the kernel takes them, in the form of OCI (cgroup v1 words; runtimes translate them for v2). */
import { quantityMillis, quantityValue } from '../../../api/quantity.ts';
import { podRequests } from '../../../api/pod-requests.ts';
import type { Container, Pod, PodSpec, ResourceRequirements } from '../../../api/generated/core-v1.ts';
import type { OciResources } from '../bundle/oci.ts';

export const CPU_PERIOD_US = 100_000;
const LEAST_QUOTA_US = 1_000;

/** `pids` counts every thread; it is set once, and a resize leaves it. */
export interface CgroupLimits { cpuShares: number; cpuQuotaUs?: number; memoryBytes?: number; pids?: number }

export function limitsOf(resources: ResourceRequirements | undefined): CgroupLimits {
  const cpuLimit = millis(resources?.limits?.['cpu']);
  const cpuRequest = millis(resources?.requests?.['cpu']) ?? cpuLimit;
  const memory = resources?.limits?.['memory'];
  return { cpuShares: cpuShares(cpuRequest ?? 0), cpuQuotaUs: cpuQuotaUs(cpuLimit), memoryBytes: memory === undefined || quantityValue(memory) === 0 ? undefined : quantityValue(memory) };
}

/** 1,024 a core, at least 2, at most what the kernel takes. */
export function cpuShares(milli: number): number {
  return Math.min(262_144, Math.max(2, Math.floor((milli * 1_024) / 1_000)));
}

function cpuQuotaUs(milli: number | undefined): number | undefined {
  return milli === undefined || milli === 0 ? undefined : Math.max(LEAST_QUOTA_US, Math.floor((milli * CPU_PERIOD_US) / 1_000));
}

/** cgroup v2: shares 2..262144 become weight 1..10000 (the runtimes' formula). */
export function cpuWeight(shares: number): number {
  return Math.floor(1 + ((shares - 2) * 9_999) / 262_142);
}

/**
 * Whom the kernel kills first when the machine has no memory left (upstream: pkg/kubelet/qos/policy.go): BestEffort first, Guaranteed last, and pods that the node cannot do without; in between
 * by how much of the machine a container asked for. What a pod asks for as a whole beyond its containers is shared among them; a sidecar goes no sooner than those that it serves.
 */
export function oomScoreAdj({ spec }: Pick<Pod, 'spec'>, qosClass: 'Guaranteed' | 'Burstable' | 'BestEffort', container: Container, machineBytes: number): number {
  if (spec?.priorityClassName === 'system-node-critical' || qosClass === 'Guaranteed') return LAST_SCORE;
  if (qosClass === 'BestEffort') return 1_000;
  const { containers = [], initContainers = [] } = spec ?? {};
  const whole = spec?.resources?.requests?.['memory'];
  const unshared = whole === undefined ? 0 : Math.floor((quantityValue(whole) - podRequests({ spec: { ...spec, containers, resources: undefined, overhead: undefined } } as Pod).memoryBytes) / (containers.length + initContainers.length));
  const score = (requestBytes: number): number => 1_000 - Math.floor((1_000 * (requestBytes + unshared)) / machineBytes);
  const isSidecar = container.restartPolicy === 'Always' && initContainers.some(({ name }) => name === container.name);
  const own = score(memoryRequest(container));
  return Math.min(999, Math.max(1_000 + LAST_SCORE, isSidecar ? Math.min(own, score(Math.min(...containers.map(memoryRequest)))) : own));
}

const LAST_SCORE = -997;

function memoryRequest({ resources }: Container): number {
  const request = resources?.requests?.['memory'];
  return request === undefined ? 0 : quantityValue(request);
}

/** Threads that a pod may have (kubelet's podPidsLimit), when the configuration says nothing. */
const POD_PIDS_LIMIT = 16_384;
/** More than the kernel gives out. */
const MOST_PIDS = 4_194_304;

/** modules.node.podPidsLimit as it was written; undefined means no limit but the machine's. Throws when it is no such number. */
export function podPidsLimit(configured: unknown): number | undefined {
  if (configured === undefined || configured === null) return POD_PIDS_LIMIT;
  if (configured === -1) return undefined;
  if (typeof configured === 'number' && Number.isInteger(configured) && configured >= 1 && configured <= MOST_PIDS) return configured;
  throw new Error(`modules.node.podPidsLimit must be a whole number from 1 to ${MOST_PIDS}, or -1 for no limit`);
}

/**
 * `pidsLimit` counts every thread of the container; without it there is none but those of the groups above. `unified` are files of cgroup v2 and
 * what is to be written into them.
 */
export function ociResources(container: Container, options: { privileged: boolean; pagesApart?: boolean; pidsLimit?: number; cpus?: string; unified?: Readonly<Record<string, string>>; devices?: readonly { type: string; major: number; minor: number; access?: string }[] }): OciResources {
  const limits = limitsOf(container.resources);
  const resources: OciResources = { cpu: { shares: limits.cpuShares }, devices: options.privileged ? [{ allow: true, access: 'rwm' }] : [{ allow: false, access: 'rwm' }] };
  for (const { type, major, minor, access } of options.devices ?? []) if (access !== undefined) resources.devices!.push({ allow: true, type, major, minor, access });
  if (limits.cpuQuotaUs !== undefined) resources.cpu = { ...resources.cpu, quota: limits.cpuQuotaUs, period: CPU_PERIOD_US };
  if (options.cpus !== undefined) resources.cpu = { ...resources.cpu, cpus: options.cpus };
  if (limits.memoryBytes !== undefined) resources.memory = { limit: limits.memoryBytes };
  const pages = hugePageLimits(container);
  if (pages.length > 0 && options.pagesApart !== true) resources.hugepageLimits = pages;
  resources.pids = { limit: options.pidsLimit ?? -1 }; // said in any case: runtimes have limits of their own where nothing is said
  if (options.unified !== undefined && Object.keys(options.unified).length > 0) resources.unified = options.unified;
  return resources;
}

/** `hugepages-2Mi` becomes the page size `2MB` (runtime-spec, hugepageLimits). */
export function hugePageLimits({ resources }: Container): NonNullable<OciResources['hugepageLimits']> {
  return Object.entries(resources?.limits ?? {}).flatMap(([name, amount]) => {
    const bytes = name.startsWith('hugepages-') ? quantityValue(name.slice('hugepages-'.length)) : 0;
    if (bytes === 0) return [];
    return [{ pageSize: bytes >= 2 ** 30 ? `${bytes / 2 ** 30}GB` : bytes >= 2 ** 20 ? `${bytes / 2 ** 20}MB` : `${bytes / 2 ** 10}KB`, limit: quantityValue(amount) }];
  });
}

/**
 * What the pod as a whole may take, with what its RuntimeClass takes beside it (upstream: ResourceConfigForPod): what it says itself, else what its containers take together; no limit
 * unless each of them has one, those that run before the others too.
 */
export function podLimits(spec: PodSpec): CgroupLimits {
  const { resources: whole = {}, overhead = {} } = spec;
  const asked = [whole, ...[...spec.containers, ...(spec.initContainers ?? [])].map(({ resources = {} }) => resources)];
  const isBestEffort = asked.every(({ requests = {}, limits = {} }) => [requests, limits].every((each) => !each['cpu'] && !each['memory']));
  const beside = { cpu: millis(overhead['cpu']) ?? 0, memory: quantityValue(overhead['memory'] ?? '0') };
  const cpuRequest = millis(whole.requests?.['cpu']) ?? together(spec, ({ resources }) => millis(resources?.requests?.['cpu']) ?? millis(resources?.limits?.['cpu']) ?? 0);
  const cpuLimit = millis(whole.limits?.['cpu']) ?? declared(spec, ({ resources }) => millis(resources?.limits?.['cpu']));
  const memoryBytes = limitsOf(whole).memoryBytes ?? declared(spec, ({ resources }) => limitsOf(resources).memoryBytes);
  return {
    cpuShares: cpuShares(isBestEffort ? 0 : cpuRequest + beside.cpu), cpuQuotaUs: cpuQuotaUs(cpuLimit ? cpuLimit + beside.cpu : undefined),
    memoryBytes: memoryBytes === undefined ? undefined : memoryBytes + beside.memory,
  };
}

/** Undefined unless each container has one. */
function declared(spec: PodSpec, read: (container: Container) => number | undefined): number | undefined {
  return [...spec.containers, ...(spec.initContainers ?? [])].every((each) => read(each)) ? together(spec, (each) => read(each) ?? 0) : undefined;
}

/** At most at once: the containers of the application with the sidecars, or an init container with the sidecars that began before it. */
function together({ containers, initContainers = [] }: PodSpec, read: (container: Container) => number): number {
  let sidecars = 0;
  let most = 0;
  for (const each of initContainers) {
    if (each.restartPolicy === 'Always') sidecars += read(each);
    else most = Math.max(most, sidecars + read(each));
  }
  return Math.max(most, sidecars + containers.reduce((sum, each) => sum + read(each), 0));
}

function millis(quantity: string | number | undefined): number | undefined {
  return quantity === undefined ? undefined : quantityMillis(quantity);
}
