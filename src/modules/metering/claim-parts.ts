/** What pods have of claims: each that has one has an equal part of it. Pure. */
import type { PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import { isPodTerminal } from '../../api/pod-readiness.ts';
import { quantityValue } from '../../api/quantity.ts';
import { claimUses } from '../../api/storage/claim-matching.ts';
import { GIB } from './amounts.ts';

/** Undefined where it is not bound. */
export function boundBytes({ status }: PersistentVolumeClaim): number | undefined {
  const size = status?.phase === 'Bound' ? status.capacity?.['storage'] : undefined;
  return size === undefined ? undefined : quantityValue(size);
}

/** GiB by name of the claim, of a pod that is there or was there a moment ago. */
export function claimParts(claims: readonly PersistentVolumeClaim[], pods: readonly Pod[]): (pod: Pod) => ReadonlyMap<string, number> {
  const bytes = new Map<string, number>(claims.flatMap((claim) => {
    const size = boundBytes(claim);
    return size === undefined ? [] : [[`${claim.metadata.namespace}/${claim.metadata.name}`, size] as const];
  }));
  if (bytes.size === 0) return () => NONE;
  const users = new Map<string, number>();
  for (const pod of pods) if (!isPodTerminal(pod)) for (const name of namesOf(pod)) users.set(`${pod.metadata.namespace}/${name}`, (users.get(`${pod.metadata.namespace}/${name}`) ?? 0) + 1);
  return (pod) => new Map(namesOf(pod).flatMap((name) => {
    const key = `${pod.metadata.namespace}/${name}`;
    const size = bytes.get(key);
    return size === undefined ? [] : [[name, size / GIB / Math.max(1, users.get(key) ?? 0)] as const];
  }));
}

const NONE: ReadonlyMap<string, number> = new Map();

/** Each once, though several volumes are of it. */
function namesOf(pod: Pod): string[] {
  return [...new Set(claimUses(pod).map(({ claimName }) => claimName))];
}
