/** What a pod asks of its node (core/v1: the effective requests of a pod with init containers, sidecars and overhead). Pure. */
import type { Container, ContainerStatus, Pod, PodSpec } from './generated/core-v1.ts';
import { quantityMillis, quantityValue } from './quantity.ts';

/** Whole numbers: cpu in thousandths of a core, the rest in bytes or pieces. */
export interface ResourceAmounts {
  cpuMillis: number;
  memoryBytes: number;
  ephemeralStorageBytes: number;
  /** Extended resources and huge pages by name; undefined when there are none. */
  others: Record<string, number> | undefined;
}

type Quantities = Readonly<Record<string, string>>;

/** No machine has more: a million GiB of memory, a million million cores. Whole numbers of this size are added and taken away again exactly, as the scheduler does for a node. */
const MOST = 2 ** 50;
const millisOf = (quantity: string): number => Math.min(quantityMillis(quantity), MOST);
const valueOf = (quantity: string): number => Math.min(quantityValue(quantity), MOST);

export function noResources(): ResourceAmounts {
  return { cpuMillis: 0, memoryBytes: 0, ephemeralStorageBytes: 0, others: undefined };
}

/** The amounts of a resource list; `pods` is left out. */
export function resourceAmounts(quantities: Quantities | undefined): ResourceAmounts {
  const amounts = noResources();
  for (const name in quantities) {
    const quantity = quantities[name] ?? '0';
    if (name === 'cpu') amounts.cpuMillis = millisOf(quantity);
    else if (name === 'memory') amounts.memoryBytes = valueOf(quantity);
    else if (name === 'ephemeral-storage') amounts.ephemeralStorageBytes = valueOf(quantity);
    else if (name !== 'pods') (amounts.others ??= {})[name] = valueOf(quantity);
  }
  return amounts;
}

/** Changes `sum`. */
export function addResources(sum: ResourceAmounts, more: ResourceAmounts, sign: 1 | -1 = 1): void {
  sum.cpuMillis += sign * more.cpuMillis;
  sum.memoryBytes += sign * more.memoryBytes;
  sum.ephemeralStorageBytes += sign * more.ephemeralStorageBytes;
  for (const name in more.others) (sum.others ??= {})[name] = (sum.others?.[name] ?? 0) + sign * (more.others[name] ?? 0);
}

/** The requests that the scheduler and the node reckon with. `unset` stands in for a container's missing cpu and memory (for scoring). */
export function podRequests(pod: Pod, unset?: { cpuMillis: number; memoryBytes: number }): ResourceAmounts {
  const spec = pod.spec;
  if (spec === undefined) return noResources();
  const running = sumOf(spec, unset);
  const level = spec.resources?.requests;
  if (level?.['cpu'] !== undefined) running.cpuMillis = millisOf(level['cpu']);
  if (level?.['memory'] !== undefined) running.memoryBytes = valueOf(level['memory']);
  for (const name in level) if (name.startsWith('hugepages-')) (running.others ??= {})[name] = valueOf(level[name]!);
  if (spec.overhead !== undefined) addResources(running, resourceAmounts(spec.overhead));
  return running;
}

/**
 * What is to be kept free on its node for a pod that is being resized: the most of what is wanted, granted and in effect; what the node can never give is not waited for
 * (upstream: PodRequests with UseStatusResources).
 */
export function reservedRequests(pod: Pod, unset?: { cpuMillis: number; memoryBytes: number }): ResourceAmounts {
  const hopeless = pod.status?.conditions?.some(({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible') === true;
  return podRequests(withRequests(pod, (wanted, { resources, allocatedResources }) => most([...(hopeless ? [] : [wanted]), resources?.requests, allocatedResources])), unset);
}

/** What its node has granted to a pod, whatever it wants by now. */
export function grantedRequests(pod: Pod): ResourceAmounts {
  return podRequests(withRequests(pod, (wanted, { resources, allocatedResources }) => allocatedResources ?? resources?.requests ?? wanted));
}

type Told = Pick<ContainerStatus, 'resources' | 'allocatedResources'>;
type Choice = (wanted: Quantities | undefined, told: Told) => Quantities | undefined;

/** The pod itself where its status tells of nothing else than it wants. */
function withRequests(pod: Pod, choose: Choice): Pod {
  const { spec, status } = pod;
  if (spec === undefined || status?.containerStatuses === undefined) return pod;
  const statuses = [...status.containerStatuses, ...(status.initContainerStatuses ?? [])];
  const chosen = <T extends Pick<Container, 'resources'>>(part: T, told: Told | undefined): T => {
    const requests = told?.allocatedResources === undefined && told?.resources?.requests === undefined ? undefined : choose(part.resources?.requests, told);
    return requests === undefined || sameQuantities(requests, part.resources?.requests) ? part : { ...part, resources: { ...part.resources, requests } };
  };
  const all = (containers: readonly Container[]): Container[] => containers.map((each) => chosen(each, statuses.find(({ name }) => name === each.name)));
  const whole = spec.resources === undefined ? spec : chosen(spec, status);
  return { ...pod, spec: { ...whole, containers: all(spec.containers), ...(spec.initContainers === undefined ? {} : { initContainers: all(spec.initContainers) }) } };
}

function most(lists: readonly (Quantities | undefined)[]): Quantities {
  const largest: Record<string, string> = {};
  for (const list of lists) for (const name in list) if (largest[name] === undefined || quantityMillis(list[name]!) > quantityMillis(largest[name])) largest[name] = list[name]!;
  return largest;
}

function sameQuantities(one: Quantities, other: Quantities = {}): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

/** Containers run together; init containers one after the other, beside the sidecars (restartPolicy Always) started before them. */
function sumOf(spec: PodSpec, unset: { cpuMillis: number; memoryBytes: number } | undefined): ResourceAmounts {
  const sum = noResources();
  for (const container of spec.containers) addResources(sum, requestsOf(container, unset));
  if (spec.initContainers === undefined) return sum;
  const sidecars = noResources();
  const peak = noResources();
  for (const container of spec.initContainers) {
    const own = requestsOf(container, unset);
    if (container.restartPolicy === 'Always') {
      addResources(sum, own);
      addResources(sidecars, own);
      raise(peak, sidecars);
    } else {
      addResources(own, sidecars);
      raise(peak, own);
    }
  }
  raise(sum, peak);
  return sum;
}

function raise(least: ResourceAmounts, other: ResourceAmounts): void {
  least.cpuMillis = Math.max(least.cpuMillis, other.cpuMillis);
  least.memoryBytes = Math.max(least.memoryBytes, other.memoryBytes);
  least.ephemeralStorageBytes = Math.max(least.ephemeralStorageBytes, other.ephemeralStorageBytes);
  for (const name in other.others) (least.others ??= {})[name] = Math.max(least.others?.[name] ?? 0, other.others[name] ?? 0);
}

function requestsOf(container: Container, unset: { cpuMillis: number; memoryBytes: number } | undefined): ResourceAmounts {
  const requests = container.resources?.requests;
  const amounts = resourceAmounts(requests);
  if (unset !== undefined) {
    if (requests?.['cpu'] === undefined) amounts.cpuMillis = unset.cpuMillis;
    if (requests?.['memory'] === undefined) amounts.memoryBytes = unset.memoryBytes;
  }
  return amounts;
}
