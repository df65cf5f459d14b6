/** Volumes that one pod alone may have: who has one (upstream: the kubelet's checks of ReadWriteOncePod, KEP-2485). */
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { Admissions } from './admit.ts';

/** Of each node, by the name of the volume: the uid of the pod that has it. */
const holders = new WeakMap<Admissions, Map<string, string>>();

/** Who has begun with it goes on, of an earlier llmos too; else who came first, until nothing of it is here. `others` are pods of this node that use it and have not ended. */
export function takeAlone(admissions: Admissions, pod: Pod, { volumeName, others }: { volumeName: string; others: readonly Pod[] }): boolean {
  const ofNode = holders.get(admissions) ?? new Map<string, string>();
  holders.set(admissions, ofNode);
  const holder = ofNode.get(volumeName);
  // One that was deleted by force may still be ending here, though nobody knows it any more.
  const isHeld = holder !== undefined && holder !== pod.metadata.uid && admissions.holds(holder);
  if (!hasBegun(pod) && (isHeld || others.some(hasBegun))) return false;
  ofNode.set(volumeName, pod.metadata.uid ?? '');
  return true;
}

function hasBegun({ status }: Pod): boolean {
  return [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].some(({ containerID }) => containerID !== undefined);
}
