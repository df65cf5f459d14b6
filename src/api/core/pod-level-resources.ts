/** Resources of a pod as a whole (core/v1 PodSpec.resources; upstream: KEP 2837): what is left out, and what cannot be. */
import type { PodSpec } from '../generated/core-v1.ts';
import { forbidden, invalid, type FieldError } from '../field-error.ts';
import { podRequests } from '../pod-requests.ts';
import { compareQuantities, isQuantity, quantityOf, quantityOfMilli } from '../quantity.ts';
import { resourceErrors } from './resource-validation.ts';

const NAMES = ['cpu', 'memory'] as const;

/** A request that is left out is what the containers ask together, or, where they ask nothing, the limit. After the containers' own defaults. */
export function defaultPodResources(spec: PodSpec): void {
  const { limits } = spec.resources ?? {};
  if (limits === undefined) return;
  const requests = (spec.resources!.requests ??= {});
  const sum = sumOf(spec);
  for (const name of NAMES) if (limits[name] !== undefined) requests[name] ??= sum[name] === '0' ? limits[name] : sum[name];
}

export function podResourceErrors(spec: PodSpec, path: string): FieldError[] {
  const resources = spec.resources;
  if (resources === undefined) return [];
  const errors = resourceErrors(resources, path);
  for (const list of ['limits', 'requests'] as const) for (const name of Object.keys(resources[list] ?? {})) {
    if (!(NAMES as readonly string[]).includes(name) && !name.startsWith('hugepages-')) errors.push(invalid(`${path}.${list}[${name}]`, name, 'must be cpu, memory or hugepages for a pod as a whole'));
  }
  if (resources.claims !== undefined && resources.claims.length > 0) errors.push(forbidden(`${path}.claims`, 'may not be set for resources of a pod as a whole'));
  if (errors.length > 0) return errors;
  const sum = sumOf(spec);
  for (const name of NAMES) {
    const [request, limit] = [resources.requests?.[name], resources.limits?.[name]];
    if (request !== undefined && compareQuantities(sum[name], request) > 0) errors.push(invalid(`${path}.requests[${name}]`, request, `must be greater than or equal to aggregate container requests of ${sum[name]}`));
    for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
      const own = container.resources?.limits?.[name];
      if (limit !== undefined && own !== undefined && isQuantity(own) && compareQuantities(own, limit) > 0) errors.push(invalid(`${path}.limits[${name}]`, limit, `must be greater than or equal to the limit of container ${container.name}, ${own}`));
    }
  }
  return errors;
}

/** Of the containers alone. */
function sumOf(spec: PodSpec): { cpu: string; memory: string } {
  const readable = (spec.containers ?? []).concat(spec.initContainers ?? []).every(({ resources }) => NAMES.every((name) => resources?.requests?.[name] === undefined || isQuantity(resources.requests[name])));
  if (!readable) return { cpu: '0', memory: '0' }; // refused elsewhere
  const { cpuMillis, memoryBytes } = podRequests({ metadata: {}, spec: { ...spec, containers: spec.containers ?? [], resources: undefined, overhead: undefined } });
  return { cpu: quantityOfMilli(cpuMillis), memory: quantityOf(memoryBytes, 'BinarySI') };
}
