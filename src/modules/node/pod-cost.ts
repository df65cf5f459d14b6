/** What a pod asks for, as far as it was granted, and its class, reckoned once for each state of it: objects of the caches never change. */
import type { Pod } from '../../api/generated/core-v1.ts';
import { grantedRequests, type ResourceAmounts } from '../../api/pod-requests.ts';
import { qosClassOf } from '../../api/core/pod-qos.ts';

export interface PodCost { requests: ResourceAmounts; qosClass: ReturnType<typeof qosClassOf> }

const known = new WeakMap<Pod, PodCost>();

export function podCost(pod: Pod): PodCost {
  const found = known.get(pod);
  if (found !== undefined) return found;
  const cost = { requests: grantedRequests(pod), qosClass: qosClassOf(pod) };
  known.set(pod, cost);
  return cost;
}
