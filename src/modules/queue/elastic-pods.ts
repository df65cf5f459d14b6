/** Pods of elastic Jobs wait at a gate until the slice that they are of is admitted. Source: Kueue, workloadslicing StartWorkloadSlicePods. */
import { Job } from '../../api/batch/job.ts';
import { Pod } from '../../api/core/pod.ts';
import { ELASTIC } from '../../api/kueue/names.ts';
import { Workload } from '../../api/kueue/workload.ts';
import { controllerOf } from '../../api/owner.ts';
import { isPodTerminal } from '../../api/pod-readiness.ts';
import { ifThere } from '../../sdk/if-there.ts';
import { watching, type Caches, type Controller } from '../../sdk/index.ts';
import { is, isReserved } from './conditions.ts';
import { workloadsOf } from './owner.ts';
import { countOf } from './slices.ts';
import { withoutGate } from './topology-pods.ts';

const BY_JOB = 'queue-elastic-job';

const isGated = ({ spec }: Pod): boolean => spec?.schedulingGates?.some(({ name }) => name === ELASTIC) === true;
const hasGate = ({ spec }: Job): boolean => spec?.template.spec?.schedulingGates?.some(({ name }) => name === ELASTIC) === true;

function keyOfJob({ metadata: { namespace, ownerReferences } }: Pod | Workload): string[] {
  const owner = controllerOf({ metadata: { ownerReferences } });
  return owner?.kind === Job.kind ? [`${namespace}/${owner.name}`] : [];
}

export const elasticPods: Controller<Job> = {
  name: 'queued-elastic-pods',
  for: Job,
  watches: [watching(Pod, (pod) => (isGated(pod) ? keyOfJob(pod) : [])), watching(Workload, keyOfJob)],
  writes: [Pod],
  async reconcile(_key, job, { caches, client }) {
    if (job === undefined || !hasGate(job) || job.spec?.suspend === true) return;
    const pods = podsOf(job, caches);
    const open = admittedOf(job, caches) - pods.filter((pod) => !isGated(pod)).length;
    for (const pod of pods.filter(isGated).slice(0, Math.max(0, open))) await ifThere(client.update(Pod, withoutGate(pod, ELASTIC, {})));
  },
};

function podsOf({ metadata }: Job, caches: Caches): readonly Pod[] {
  const cache = caches.of(Pod);
  cache.addIndex(BY_JOB, (pod) => (controllerOf(pod)?.kind !== Job.kind || pod.metadata.deletionTimestamp !== undefined || isPodTerminal(pod) ? [] : [controllerOf(pod)!.uid]));
  return cache.byIndex(BY_JOB, metadata.uid ?? '').toSorted((left, right) => (left.metadata.creationTimestamp ?? '').localeCompare(right.metadata.creationTimestamp ?? '') || (left.metadata.name ?? '').localeCompare(right.metadata.name ?? ''));
}

/** How many pods it may have now. */
function admittedOf({ metadata }: Job, caches: Caches): number {
  const slices = workloadsOf(caches, metadata.uid ?? '').filter((each) => isReserved(each) && is(each, 'Admitted') && !is(each, 'Evicted') && !is(each, 'Finished'));
  return Math.max(0, ...slices.map((each) => (each.status?.admission?.podSetAssignments ?? []).reduce((sum, assignment) => sum + countOf(each, assignment), 0)));
}
