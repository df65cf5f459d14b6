/** How pods use claims of devices (core/v1 PodResourceClaim). */
import type { Pod } from '../generated/core-v1.ts';
import { isControlledBy } from '../owner.ts';
import { isPodTerminal } from '../pod-readiness.ts';
import type { ResourceClaim } from './resource-claim.ts';

/** A claim keeps its devices until nobody is there that it is reserved for. */
export const DELETE_PROTECTION = 'resource.kubernetes.io/delete-protection';
/** On claims that were made from a template: the name in the pod. */
export const POD_CLAIM_NAME = 'resource.kubernetes.io/pod-claim-name';

export interface ClaimReference {
  /** As containers name it. */
  name: string;
  /** Undefined while the claim has not been made from its template. */
  claimName: string | undefined;
  templateName?: string;
}

/** The claims of a pod; without those that its status says it needs no claim for. */
export function claimReferences({ spec, status }: Pod): ClaimReference[] {
  return (spec?.resourceClaims ?? []).flatMap(({ name, resourceClaimName, resourceClaimTemplateName }): ClaimReference[] => {
    if (resourceClaimTemplateName === undefined) return [{ name, claimName: resourceClaimName }];
    const made = status?.resourceClaimStatuses?.find((each) => each.name === name);
    return made !== undefined && made.resourceClaimName === undefined ? [] : [{ name, claimName: made?.resourceClaimName, templateName: resourceClaimTemplateName }];
  });
}

/** Why a claim is not for this pod; undefined where it is. Only claims that a template made belong to one. */
export function foreignClaim(claim: ResourceClaim, pod: Pod, { templateName }: ClaimReference): string | undefined {
  if (templateName === undefined || isControlledBy(claim, pod)) return undefined;
  return `ResourceClaim ${claim.metadata.namespace}/${claim.metadata.name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`;
}

export function isReservedFor({ status }: ResourceClaim, { metadata }: Pod): boolean {
  return status?.reservedFor?.some(({ uid }) => uid === metadata.uid) === true;
}

/** Whether it needs its devices no more: it has ended, or goes without having had a node. */
export function isDoneWithClaims(pod: Pod): boolean {
  return isPodTerminal(pod) || (pod.metadata.deletionTimestamp !== undefined && !pod.spec?.nodeName);
}
