/** The volumes that all pods of a JobSet may mount, and the Service by which they find each other. Source: kubernetes-sigs/jobset, volume_claim_policy.go and createHeadlessSvcIfNecessary. */
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { Service } from '../../api/core/service.ts';
import { JobSet } from '../../api/jobset/job-set.ts';
import { JOB_SET_NAME } from '../../api/jobset/names.ts';
import { controllerReference } from '../../api/owner.ts';
import { isApiError, type ReconcileContext } from '../../sdk/index.ts';

export function claimName(jobSet: string, template: string): string {
  return `${template}-${jobSet}`;
}

/** Those that are kept when the JobSet goes do not belong to it. */
export async function ensureClaims(jobSet: JobSet, { client, caches, events }: ReconcileContext): Promise<void> {
  const { metadata, spec } = jobSet;
  for (const { templates = [], retentionPolicy } of spec?.volumeClaimPolicies ?? []) {
    for (const template of templates) {
      const name = claimName(metadata.name ?? '', template.metadata?.name ?? '');
      if (caches.of(PersistentVolumeClaim).get(`${metadata.namespace}/${name}`) !== undefined) continue;
      const { labels, annotations } = template.metadata ?? {};
      const isKept = retentionPolicy?.whenDeleted === 'Retain';
      const claim = { metadata: { name, namespace: metadata.namespace, labels: { ...labels, [JOB_SET_NAME]: metadata.name ?? '' }, ...(annotations && { annotations }), ...(!isKept && { ownerReferences: [controllerReference(JobSet, jobSet)] }) }, spec: template.spec };
      await client.create(PersistentVolumeClaim, claim as PersistentVolumeClaim).catch(orTell('PVCCreationFailed', jobSet, events));
    }
  }
}

export async function ensureService(jobSet: JobSet, name: string, { client, caches, events }: ReconcileContext): Promise<void> {
  const { metadata, spec } = jobSet;
  if (caches.of(Service).get(`${metadata.namespace}/${name}`) !== undefined) return;
  const service: Service = {
    metadata: { name, namespace: metadata.namespace, ownerReferences: [controllerReference(JobSet, jobSet)] },
    spec: { clusterIP: 'None', selector: { [JOB_SET_NAME]: metadata.name ?? '' }, publishNotReadyAddresses: spec?.network?.publishNotReadyAddresses ?? true },
  };
  await client.create(Service, service).catch(orTell('HeadlessServiceCreationFailed', jobSet, events));
}

/** What is there already is as well; all else is told, and tried again. */
function orTell(reason: string, jobSet: JobSet, events: ReconcileContext['events']): (error: unknown) => void {
  return (error) => {
    if (isApiError(error, 'AlreadyExists')) return;
    events.event(jobSet, 'Warning', reason, (error as Error).message);
    throw error;
  };
}
