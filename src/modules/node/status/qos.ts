/** The quality-of-service class of a pod, by cpu and memory of its containers (core/v1 PodQOSClass). */
import { quantityMillis } from '../../../api/quantity.ts';
import type { PodSpec } from '../../../api/generated/core-v1.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

export function qosClass(spec: PodSpec): QosClass {
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  let any = false;
  let guaranteed = true;
  for (const { resources } of all) {
    for (const name of ['cpu', 'memory']) {
      const limit = millis(resources?.limits?.[name]);
      const request = millis(resources?.requests?.[name]) ?? limit;
      if (request || limit) any = true;
      if (!limit || request !== limit) guaranteed = false;
    }
  }
  return !any ? 'BestEffort' : guaranteed ? 'Guaranteed' : 'Burstable';
}

function millis(quantity: string | number | undefined): number | undefined {
  return quantity === undefined ? undefined : quantityMillis(quantity);
}
