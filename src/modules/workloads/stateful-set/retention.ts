/** Who owns the claims of a StatefulSet's pods, by spec.persistentVolumeClaimRetentionPolicy (upstream: updateClaimOwnerRefForSetAndPod). Pure. */
import type { StatefulSet } from '../../../api/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../../api/generated/core-v1.ts';
import type { KubeObject, OwnerReference } from '../../../api/meta.ts';
import { controllerOf } from '../../../api/owner.ts';
import { isInRange } from './identity.ts';

/** The owners that the claim should have; undefined when it has them. A claim that somebody else controls is left alone. */
export function wantedOwners(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod): OwnerReference[] | undefined {
  const controller = controllerOf(claim);
  if (controller !== undefined && controller.uid !== set.metadata.uid && controller.uid !== pod.metadata.uid) return undefined;
  const { whenDeleted, whenScaled } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {};
  const isScaledAway = whenScaled === 'Delete' && !isInRange(pod, set);
  const bySet = whenDeleted === 'Delete' && !isScaledAway;
  const owners = claim.metadata.ownerReferences ?? [];
  const others = owners.filter(({ uid }) => uid !== set.metadata.uid && uid !== pod.metadata.uid);
  const wanted = [...others, ...(bySet ? [reference('apps/v1', 'StatefulSet', set)] : []), ...(isScaledAway ? [reference('v1', 'Pod', pod)] : [])];
  const isSame = wanted.length === owners.length && wanted.every(({ uid }) => owners.some((each) => each.uid === uid));
  return isSame ? undefined : wanted;
}

/** An earlier pod of that name owns the claim, which goes with it. */
export function isStale(claim: PersistentVolumeClaim, pod: Pod): boolean {
  return claim.metadata.ownerReferences?.some(({ kind, name, uid }) => kind === 'Pod' && name === pod.metadata.name && uid !== pod.metadata.uid) === true;
}

function reference(apiVersion: string, kind: string, { metadata }: KubeObject): OwnerReference {
  return { apiVersion, kind, name: metadata.name ?? '', uid: metadata.uid ?? '' };
}
