/** Workloads that were made before their Jobs, as by a tool that asks for quota first. Source: Kueue, jobframework ensurePrebuiltWorkloadOwnership. */
import type { Kind } from '../../api/kind.ts';
import { JOB_UID, PREBUILT } from '../../api/kueue/names.ts';
import { Workload } from '../../api/kueue/workload.ts';
import type { KubeObject } from '../../api/meta.ts';
import { controllerOf, controllerReference } from '../../api/owner.ts';
import type { Caches, ReconcileContext } from '../../sdk/index.ts';

const BY_PREBUILT = 'prebuilt-workload';

export function prebuiltNameOf({ metadata }: KubeObject): string | undefined {
  return metadata.labels?.[PREBUILT];
}

/** Keys of the jobs of a kind that name a Workload. */
export const waitsForPrebuilt = <T extends KubeObject>(kind: Kind<T>) => ({ metadata }: Workload, caches: Caches): string[] => {
  const cache = caches.of(kind);
  cache.addIndex(BY_PREBUILT, (job) => (prebuiltNameOf(job) === undefined ? [] : [`${job.metadata.namespace}/${prebuiltNameOf(job)}`]));
  return cache.byIndex(BY_PREBUILT, `${metadata.namespace}/${metadata.name}`).map((job) => `${job.metadata.namespace}/${job.metadata.name}`);
};

/** The job's Workload, which becomes its own; none as long as it is not there, or is another's. */
export async function prebuiltIn<T extends KubeObject>(kind: Kind<T>, job: T, { client, caches, events }: ReconcileContext): Promise<Workload[]> {
  const { namespace, uid = '' } = job.metadata;
  const workload = caches.of(Workload).get(`${namespace}/${prebuiltNameOf(job)}`);
  if (workload === undefined) return [];
  const owner = controllerOf(workload);
  if (owner?.uid === uid) return [workload];
  if (owner !== undefined) {
    events.event(job, 'Warning', 'PrebuiltWorkload', `Workload ${namespace}/${prebuiltNameOf(job)} belongs to ${owner.kind} ${owner.name}`);
    return [];
  }
  const { metadata } = workload;
  return [await client.update(Workload, { ...workload, metadata: { ...metadata, ownerReferences: [...(metadata.ownerReferences ?? []), controllerReference(kind, job)], labels: { ...metadata.labels, [JOB_UID]: uid } } })];
}
