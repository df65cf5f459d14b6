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
function volumeFits(claim: PersistentVolumeClaim, volume: PersistentVolume): boolean {
  const { spec, metadata, status } = volume;
  if (spec?.claimRef !== undefined || status?.phase === 'Failed' || status?.phase === 'Released') return false;
  const { selector } = claim.spec ?? {};
  return misfit(claim, volume) === undefined && (selector === undefined || matcherOfSelector(selector).matches(metadata.labels));
}

/** Why a volume is not what the claim asks for, which may have named it, in upstream's words (checkVolumeSatisfyClaim); undefined when it is. */
export function misfit(claim: PersistentVolumeClaim, volume: PersistentVolume): string | undefined {
  const [wanted, spec] = [claim.spec ?? {}, volume.spec ?? {}];
  if (volume.metadata.deletionTimestamp !== undefined) return `the volume is marked for deletion ${JSON.stringify(volume.metadata.name)}`;
  if (!isLargeEnough(claim, volume)) return 'requested PV is too small';
  if ((spec.storageClassName ?? '') !== (wanted.storageClassName ?? '')) return 'storageClassName does not match';
  if ((spec.volumeAttributesClassName ?? '') !== (wanted.volumeAttributesClassName ?? '')) return 'volumeAttributesClassName does not match';
  if (!isOfMode(claim, volume)) return 'incompatible volumeMode';
  return allowsAccess(claim, volume) ? undefined : 'incompatible accessMode';
}

function isLargeEnough({ spec }: PersistentVolumeClaim, volume: PersistentVolume): boolean {
  return volumeBytes(volume) >= quantityValue(spec?.resources?.requests?.['storage'] ?? '0');
}

function isOfMode({ spec: wanted }: PersistentVolumeClaim, { spec }: PersistentVolume): boolean {
  return (spec?.volumeMode ?? 'Filesystem') === (wanted?.volumeMode ?? 'Filesystem');
}

function allowsAccess({ spec: wanted }: PersistentVolumeClaim, { spec }: PersistentVolume): boolean {
  return wanted?.accessModes?.every((mode) => spec?.accessModes?.includes(mode)) !== false;
}

/** One kept for the claim by its name. */
export function isKeptFor({ metadata }: PersistentVolumeClaim, { spec }: PersistentVolume): boolean {
  const { claimRef } = spec ?? {};
  return claimRef?.name === metadata.name && claimRef?.namespace === metadata.namespace && (claimRef?.uid === undefined || claimRef.uid === metadata.uid);
}

/** The one kept for the claim, if it is large enough and of its modes: class and labels do not count then. */
export function keptVolume(claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[]): PersistentVolume | undefined {
  return volumes.find((each) => isKeptFor(claim, each) && each.metadata.deletionTimestamp === undefined && isLargeEnough(claim, each) && isOfMode(claim, each) && allowsAccess(claim, each));
}

/** The one kept for the claim, else the smallest that is free and fits; undefined when it cannot be used on the node. */
export function bestVolume(claim: PersistentVolumeClaim, volumes: readonly PersistentVolume[], node?: SelectableNode): PersistentVolume | undefined {
  const kept = keptVolume(claim, volumes);
  if (kept !== undefined) return node === undefined || isUsableOn(kept, node) ? kept : undefined;
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
