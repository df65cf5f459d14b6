/** Generic ephemeral volumes: each gets a claim of the pod's own, which goes with the pod (upstream: ephemeral volume controller). */
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import { isPodTerminal } from '../../api/pod-readiness.ts';
import { claimUses, isMadeFor } from '../../api/storage/claim-matching.ts';
import { watching, type Controller, type ReconcileContext } from '../../sdk/index.ts';

export const ephemeralVolumes: Controller<Pod> = {
  name: 'ephemeral-volume',
  eventSource: 'ephemeral_volume',
  for: Pod,
  // A claim that stood in the way is gone.
  watches: [watching(PersistentVolumeClaim, ({ metadata }, caches) => caches.of(Pod).list(metadata.namespace).filter((pod) => hasEphemeral(pod) && claimUses(pod).some((each) => each.claimName === metadata.name)).map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`))],
  writes: [PersistentVolumeClaim],
  async reconcile(_key, pod, context) {
    if (pod === undefined || !hasEphemeral(pod) || pod.metadata.deletionTimestamp !== undefined || isPodTerminal(pod)) return;
    for (const { volume, claimName, isEphemeral } of claimUses(pod)) if (isEphemeral) await makeClaim(pod, volume, claimName, context);
  },
};

function hasEphemeral({ spec }: Pod): boolean {
  return spec?.volumes?.some(({ ephemeral }) => ephemeral !== undefined) === true;
}

async function makeClaim(pod: Pod, volumeName: string, name: string, { caches, client, events }: ReconcileContext): Promise<void> {
  const { namespace, uid } = pod.metadata;
  const there = caches.of(PersistentVolumeClaim).get(`${namespace}/${name}`);
  if (there !== undefined) {
    if (!isMadeFor(there, pod)) events.event(pod, 'Warning', 'ClaimNotOwned', `the claim ${name} is not of this pod: delete one of the two, or call them differently`);
    return;
  }
  const template = pod.spec?.volumes?.find((each) => each.name === volumeName)?.ephemeral?.volumeClaimTemplate;
  if (template?.spec === undefined) return;
  const owner = { apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name ?? '', uid: uid ?? '', controller: true, blockOwnerDeletion: true };
  try {
    await client.create(PersistentVolumeClaim, { metadata: { name, namespace, labels: template.metadata?.labels, annotations: template.metadata?.annotations, ownerReferences: [owner] }, spec: template.spec });
  } catch (error) {
    if (!isApiError(error, 'AlreadyExists')) throw error; // the cache is behind: its event follows
  }
}
