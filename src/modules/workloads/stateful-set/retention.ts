/** Who owns the claims of a StatefulSet's pods, by spec.persistentVolumeClaimRetentionPolicy (upstream: isClaimOwnerUpToDate, updateClaimOwnerRefForSetAndPod). Pure. */
import { StatefulSet } from '../../../api/apps/stateful-set.ts';
import type { PersistentVolumeClaim, Pod } from '../../../api/generated/core-v1.ts';
import { parseApiVersion, type KubeObject, type OwnerReference } from '../../../api/meta.ts';
import { controllerReference } from '../../../api/owner.ts';
import { isInRange } from './identity.ts';

const POD = { group: '', version: 'v1', kind: 'Pod' };

/**
 * The owners that the claim should have; undefined when it has them, or belongs to an earlier set or pod of the same name. The set or the pod is its controller;
 * where somebody else controls it, neither owns it.
 */
export function wantedOwners(claim: PersistentVolumeClaim, set: StatefulSet, pod: Pod): OwnerReference[] | undefined {
  const owners = claim.metadata.ownerReferences ?? [];
  const isOf = (owner: OwnerReference): boolean => names(owner, StatefulSet, set) || names(owner, POD, pod);
  const uids = [set.metadata.uid, pod.metadata.uid];
  if (owners.some((each) => isOf(each) && !uids.includes(each.uid))) return undefined;
  const others = owners.filter((each) => !isOf(each));
  const owner = ownerOf(set, pod);
  const wanted = owner === undefined || others.some(({ controller }) => controller === true) ? others : [...others, owner];
  const isSame = wanted.length === owners.length && wanted.every(({ uid, controller }) => owners.some((each) => each.uid === uid && each.controller === controller));
  return isSame ? undefined : wanted;
}

/** By the policies: a pod that was scaled away takes its claim along, else the set does. */
function ownerOf(set: StatefulSet, pod: Pod): OwnerReference | undefined {
  const { whenDeleted, whenScaled } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {};
  if (whenScaled === 'Delete' && !isInRange(pod, set)) return controllerReference(POD, pod);
  return whenDeleted === 'Delete' ? controllerReference(StatefulSet, set) : undefined;
}

function names({ apiVersion, kind, name }: OwnerReference, of: { group: string; kind: string }, { metadata }: KubeObject): boolean {
  return kind === of.kind && name === metadata.name && parseApiVersion(apiVersion).group === of.group;
}

/** An earlier pod of that name owns the claim, which goes with it. */
export function isStale(claim: PersistentVolumeClaim, pod: Pod): boolean {
  return claim.metadata.ownerReferences?.some(({ kind, name, uid }) => kind === 'Pod' && name === pod.metadata.name && uid !== pod.metadata.uid) === true;
}
