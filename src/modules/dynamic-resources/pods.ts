/** The claims that templates make for pods, and that go when their pods are done (upstream: resourceclaim controller). */
import { Pod } from '../../api/core/pod.ts';
import type { PodResourceClaimStatus } from '../../api/generated/core-v1.ts';
import { controllerReference, isControlledBy } from '../../api/owner.ts';
import { claimReferences, isDoneWithClaims, POD_CLAIM_NAME } from '../../api/resource/claim-uses.ts';
import { ResourceClaim, ResourceClaimTemplate } from '../../api/resource/resource-claim.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { watching, type Controller, type ReconcileContext } from '../../sdk/index.ts';

export const claimsOfPods: Controller<Pod> = {
  name: 'resource-claims-of-pods',
  for: Pod,
  owns: [ResourceClaim],
  watches: [watching(ResourceClaimTemplate, ({ metadata }, caches) => caches.of(Pod).list(metadata.namespace).filter(({ spec }) => spec?.resourceClaims?.some((each) => each.resourceClaimTemplateName === metadata.name)).map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`))],
  reads: [ResourceClaimTemplate],
  async reconcile(_key, pod, context) {
    if (pod === undefined || !(pod.spec?.resourceClaims ?? []).some((each) => each.resourceClaimTemplateName !== undefined)) return;
    if (isDoneWithClaims(pod)) await removeClaims(pod, context);
    else if (pod.metadata.deletionTimestamp === undefined) await makeClaims(pod, context);
  },
};

const ownClaims = (pod: Pod, { caches }: ReconcileContext): ResourceClaim[] => caches.of(ResourceClaim).list(pod.metadata.namespace ?? '').filter((claim) => isControlledBy(claim, pod));

async function makeClaims(pod: Pod, context: ReconcileContext): Promise<void> {
  const missing = claimReferences(pod).filter(({ claimName, templateName }) => templateName !== undefined && claimName === undefined);
  if (missing.length === 0) return;
  const statuses: PodResourceClaimStatus[] = [...(pod.status?.resourceClaimStatuses ?? [])];
  for (const { name, templateName = '' } of missing) {
    // One that was made just before a restart, or that the pod's status does not tell of yet.
    const there = ownClaims(pod, context).find(({ metadata }) => metadata.annotations?.[POD_CLAIM_NAME] === name);
    const claim = there ?? await makeClaim(pod, name, templateName, context);
    if (claim !== undefined) statuses.push({ name, resourceClaimName: claim.metadata.name });
  }
  if (statuses.length === (pod.status?.resourceClaimStatuses ?? []).length) return;
  const { name = '', namespace, uid } = pod.metadata;
  await ifThere(context.client.patch(Pod, name, { type: 'strategic', body: { metadata: { uid }, status: { resourceClaimStatuses: statuses } } as never }, { namespace, subresource: 'status' }));
}

async function makeClaim(pod: Pod, podClaimName: string, templateName: string, { caches, client, events }: ReconcileContext): Promise<ResourceClaim | undefined> {
  const { name = '', namespace = '' } = pod.metadata;
  const template = caches.of(ResourceClaimTemplate).get(`${namespace}/${templateName}`);
  if (template === undefined) {
    events.event(pod, 'Warning', 'FailedResourceClaimCreation', `PodResourceClaim ${podClaimName}: resource claim template "${templateName}" not found`);
    return undefined;
  }
  const { metadata = {}, spec } = template.spec;
  return client.create(ResourceClaim, {
    metadata: {
      generateName: `${name}-${podClaimName}-`, namespace, labels: metadata.labels, annotations: { ...metadata.annotations, [POD_CLAIM_NAME]: podClaimName },
      ownerReferences: [controllerReference(Pod, pod)],
    },
    spec: structuredClone(spec),
  });
}

async function removeClaims(pod: Pod, context: ReconcileContext): Promise<void> {
  for (const { metadata } of ownClaims(pod, context)) {
    if (metadata.deletionTimestamp === undefined) await ifThere(context.client.delete(ResourceClaim, metadata.name ?? '', { namespace: metadata.namespace, preconditions: { uid: metadata.uid } }));
  }
}
