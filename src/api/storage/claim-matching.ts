/** Which claims a pod uses, which volumes a claim may have, and on which nodes a volume can be used (upstream: pv_controller, volume binder). Pure. */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../generated/core-v1.ts';
import { compileTerm, type SelectableNode } from '../node-selection.ts';
import { quantityValue } from '../quantity.ts';
import { matcherOfSelector } from '../selector.ts';

/** On a claim: the node that the scheduler chose for its first pod; provisioners wait for it. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';

export interface ClaimUse {
  /** Of the volume in the pod. */
  volume: string;
  claimName: string;
  /** The claim is made for the pod and goes with it. */
  isEphemeral: boolean;
}

export function claimUses({ metadata, spec }: Pod): ClaimUse[] {
  return (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }): ClaimUse[] => {
    if (persistentVolumeClaim !== undefined) return [{ volume: name, claimName: persistentVolumeClaim.claimName, isEphemeral: false }];
    return ephemeral === undefined ? [] : [{ volume: name, claimName: `${metadata.name}-${name}`, isEphemeral: true }];
  });
}

/** A claim for an ephemeral volume must have been made for this very pod. */
export function isMadeFor(claim: PersistentVolumeClaim, pod: Pod): boolean {
  return claim.metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === pod.metadata.uid) === true;
}

export function isBound({ spec, status }: PersistentVolumeClaim): boolean {
  return Boolean(spec?.volumeName) && status?.phase === 'Bound';
}

/** Whether a volume that nobody has is what the claim asks for. */
function volumeFits({ spec: wanted = {} }: PersistentVolumeClaim, { spec = {}, metadata }: PersistentVolume): boolean {
  if (spec.claimRef !== undefined || metadata.deletionTimestamp !== undefined) return false;
  if ((spec.storageClassName ?? '') !== (wanted.storageClassName ?? '') || (spec.volumeMode ?? 'Filesystem') !== (wanted.volumeMode ?? 'Filesystem')) return false;
  if ((spec.volumeAttributesClassName ?? '') !== (wanted.volumeAttributesClassName ?? '')) return false;
  if (wanted.accessModes?.every((mode) => spec.accessModes?.includes(mode)) === false) return false;
  if (wanted.selector !== undefined && !matcherOfSelector(wanted.selector).matches(metadata.labels)) return false;
  return volumeBytes({ spec }) >= quantityValue(wanted.resources?.requests?.['storage'] ?? '0');
}

/** One kept for the claim by its name. */
export function isKeptFor({ metadata }: PersistentVolumeClaim, { spec }: PersistentVolume): boolean {
  const { claimRef } = spec ?? {};
  return claimRef?.name === metadata.name && claimRef?.namespace === metadata.namespace && (claimRef?.uid === undefined || claimRef.uid === metadata.uid);
}

/** One kept for the claim, else the smallest that is free and fits, and can be used on the node. */
export function bestVolume(claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[], node?: SelectableNode): PersistentVolume | undefined {
  const kept = volumes.find((each) => isKeptFor(claim, each));
  if (kept !== undefined) return kept;
  return volumes.filter((each) => volumeFits(claim, each) && (node === undefined || isUsableOn(each, node))).sort((left, right) => volumeBytes(left) - volumeBytes(right))[0];
}

/** By spec.nodeAffinity.required. */
export function isUsableOn({ spec }: PersistentVolume, node: SelectableNode): boolean {
  const required = spec?.nodeAffinity?.required;
  return required === undefined || required.nodeSelectorTerms.some((term) => compileTerm(term)(node));
}

function volumeBytes({ spec }: Pick<PersistentVolume, 'spec'>): number {
  return quantityValue(spec?.capacity?.['storage'] ?? '0');
}
