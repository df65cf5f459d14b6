/** Gives back what pods are done with: a claim is reserved for pods that are there, and without any its devices are free again (upstream: resourceclaim controller). */
import { Pod } from '../../api/core/pod.ts';
import { claimReferences, DELETE_PROTECTION, isDoneWithClaims } from '../../api/resource/claim-uses.ts';
import { ResourceClaim } from '../../api/resource/resource-claim.ts';
import { isApiError } from '../../api/errors.ts';
import type { ResourceClaimConsumerReference } from '../../api/generated/resource-v1.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { watching, type Controller, type ReconcileContext } from '../../sdk/index.ts';

export const claimsInUse: Controller<ResourceClaim> = {
  name: 'resource-claims-in-use',
  for: ResourceClaim,
  watches: [watching(Pod, (pod) => claimReferences(pod).flatMap(({ claimName }) => (claimName === undefined ? [] : [`${pod.metadata.namespace}/${claimName}`])))],
  async reconcile(_key, claim, context) {
    if (claim === undefined) return;
    const { reservedFor = [], allocation } = claim.status ?? {};
    const valid: ResourceClaimConsumerReference[] = [];
    for (const consumer of reservedFor) if (await needsIt(consumer, claim, context)) valid.push(consumer);
    const isLeft = valid.length === 0 && (reservedFor.length > 0 || claim.metadata.deletionTimestamp !== undefined);
    if (valid.length < reservedFor.length || (isLeft && allocation !== undefined && isProtected(claim))) await release(claim, valid, context);
    else if (isLeft && isProtected(claim)) await unprotect(claim, context);
  },
};

/** What is not in the cache may not be read yet: the API knows. Consumers that are no pods are let be. */
async function needsIt({ apiGroup = '', resource, name, uid }: ResourceClaimConsumerReference, { metadata: { namespace } }: ResourceClaim, { caches, client }: ReconcileContext): Promise<boolean> {
  if (apiGroup !== '' || resource !== Pod.plural) return true;
  const known = caches.of(Pod).get(`${namespace}/${name}`);
  const pod = known?.metadata.uid === uid ? known : await client.get(Pod, name, { namespace }).catch((error: unknown) => { if (!isApiError(error, 'NotFound')) throw error; });
  return pod !== undefined && pod.metadata.uid === uid && !isDoneWithClaims(pod);
}

const isProtected = ({ metadata }: ResourceClaim): boolean => metadata.finalizers?.includes(DELETE_PROTECTION) === true;

/** With nobody left the devices are free that the scheduler gave; what others gave is theirs to take back. */
async function release(claim: ResourceClaim, reservedFor: ResourceClaimConsumerReference[], context: ReconcileContext): Promise<void> {
  const isFree = reservedFor.length === 0 && isProtected(claim);
  const { allocation: _allocation, ...others } = claim.status ?? {};
  const status = isFree ? { ...others, reservedFor, devices: undefined } : { ...claim.status, reservedFor };
  const written = await ifThere(context.client.update(ResourceClaim, { ...claim, status }, { subresource: 'status' }));
  if (isFree && written !== undefined) await unprotect(written, context);
}

async function unprotect(claim: ResourceClaim, { client }: ReconcileContext): Promise<void> {
  const finalizers = (claim.metadata.finalizers ?? []).filter((each) => each !== DELETE_PROTECTION);
  await ifThere(client.update(ResourceClaim, { ...claim, metadata: { ...claim.metadata, finalizers } }));
}
