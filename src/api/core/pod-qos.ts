/** The quality-of-service class of a pod (core/v1 PodQOSClass). */
import type { Pod, ResourceRequirements } from '../generated/core-v1.ts';
import { compareQuantities } from '../quantity.ts';

const COMPUTE = ['cpu', 'memory'] as const;

/** Guaranteed: every container has limits for cpu and memory that equal its requests. BestEffort: none asks for any. Else Burstable. */
export function qosClassOf(pod: Pod): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  // Where the pod as a whole says what it takes, its containers do not count (pod-level resources).
  const whole = COMPUTE.some((name) => pod.spec?.resources?.limits?.[name] !== undefined || pod.spec?.resources?.requests?.[name] !== undefined);
  const containers: readonly { resources?: ResourceRequirements }[] = whole ? [pod.spec!] : [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  let any = false;
  let guaranteed = true;
  for (const { resources = {} } of containers) for (const name of COMPUTE) {
    const limit = positive(resources.limits?.[name]);
    const request = positive(resources.requests?.[name]) ?? limit;
    if (limit !== undefined || request !== undefined) any = true;
    if (limit === undefined || request === undefined || compareQuantities(limit, request) !== 0) guaranteed = false;
  }
  return !any ? 'BestEffort' : guaranteed ? 'Guaranteed' : 'Burstable';
}

function positive(quantity: string | number | undefined): string | number | undefined {
  return quantity !== undefined && compareQuantities(quantity, 0) > 0 ? quantity : undefined;
}
