/** The groups above those of pods (upstream: kubelet qos container manager, node allocatable): how cpu is shared between classes of pods, and what pods may take together. */
import type { Pod } from '../../../api/generated/core-v1.ts';
import { podCost } from '../pod-cost.ts';
import { makePodCgroup, setCgroupLimits } from './layout.ts';
import { cpuShares } from './resources.ts';

interface Where { version: 'v1' | 'v2'; instance: string; root?: string }

const LEAST_SHARES = 2;
/** By instance, so that what is there is not written again. */
const written = new Map<string, number>();

/** Pods that ask for nothing together weigh as little as can be; Burstable ones what they asked for. Guaranteed ones stand beside. */
export function shareBetweenClasses({ instance, ...where }: Where, pods: readonly Pod[]): void {
  let millis = 0;
  for (const pod of pods) {
    const { requests, qosClass } = podCost(pod);
    if (qosClass === 'Burstable') millis += requests.cpuMillis;
  }
  if (written.get(instance) === millis) return;
  makePodCgroup({ ...where, path: `/${instance}/besteffort`, limits: { cpuShares: LEAST_SHARES } });
  makePodCgroup({ ...where, path: `/${instance}/burstable`, limits: { cpuShares: cpuShares(millis) } });
  written.set(instance, millis);
}

/** Keeps what is reserved from all pods together; without a reservation there is no limit. */
export function limitAllPods({ instance, ...where }: Where, machine: { cpuMillis: number; memoryBytes: number }, reserved: { cpuMillis: number; memoryBytes: number }): void {
  const limits = { cpuShares: reserved.cpuMillis > 0 ? cpuShares(machine.cpuMillis - reserved.cpuMillis) : 1_024, memoryBytes: reserved.memoryBytes > 0 ? machine.memoryBytes - reserved.memoryBytes : undefined };
  makePodCgroup({ ...where, path: `/${instance}`, limits: { ...limits, memoryBytes: limits.memoryBytes ?? machine.memoryBytes } }); // the group of memory must be there for its limit to be lifted
  setCgroupLimits({ ...where, path: `/${instance}`, limits });
}
