/** What a pod asks of its node (core/v1: the effective requests of a pod with init containers, sidecars and overhead). Pure. */
import type { Container, Pod, PodSpec } from './generated/core-v1.ts';
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

export function noResources(): ResourceAmounts {
  return { cpuMillis: 0, memoryBytes: 0, ephemeralStorageBytes: 0, others: undefined };
}

/** The amounts of a resource list; `pods` is left out. */
export function resourceAmounts(quantities: Quantities | undefined): ResourceAmounts {
  const amounts = noResources();
  for (const name in quantities) {
    const quantity = quantities[name] ?? '0';
    if (name === 'cpu') amounts.cpuMillis = quantityMillis(quantity);
    else if (name === 'memory') amounts.memoryBytes = quantityValue(quantity);
    else if (name === 'ephemeral-storage') amounts.ephemeralStorageBytes = quantityValue(quantity);
    else if (name !== 'pods') (amounts.others ??= {})[name] = quantityValue(quantity);
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
  if (level?.['cpu'] !== undefined) running.cpuMillis = quantityMillis(level['cpu']);
  if (level?.['memory'] !== undefined) running.memoryBytes = quantityValue(level['memory']);
  if (spec.overhead !== undefined) addResources(running, resourceAmounts(spec.overhead));
  return running;
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
