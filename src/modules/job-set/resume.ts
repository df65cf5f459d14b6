/** Lets a suspended Job run, where its JobSet's template says now: a queue may have changed that while it waited. Source: kubernetes-sigs/jobset, resumeJob. */
import { Job } from '../../api/batch/job.ts';
import type { JobSet } from '../../api/jobset/job-set.ts';
import type { ReplicatedJob } from '../../api/jobset/types.ts';
import type { ReconcileContext } from '../../sdk/index.ts';
import { indexOf } from './children.ts';
import { jobOf } from './job.ts';

export async function resume(job: Job, jobSet: JobSet, replicated: ReplicatedJob, { client }: ReconcileContext): Promise<void> {
  const next = structuredClone(job);
  // A template may change only of a Job that has no start time.
  if (job.status?.startTime !== undefined) {
    const { startTime: _startTime, ...status } = job.status;
    next.metadata = (await client.update(Job, { ...job, status }, { subresource: 'status' })).metadata;
  }
  const wanted = jobOf(jobSet, replicated, indexOf(job)).spec!.template;
  const template = next.spec!.template;
  template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, ...wanted.metadata?.labels }, annotations: { ...template.metadata?.annotations, ...wanted.metadata?.annotations } };
  // Those of a flavor that it had before go. (Upstream adds to them, and so keeps them.)
  for (const field of ['nodeSelector', 'tolerations', 'schedulingGates'] as const) {
    delete template.spec![field];
    if (wanted.spec?.[field] !== undefined) Object.assign(template.spec!, { [field]: wanted.spec[field] });
  }
  next.spec!.suspend = false;
  await client.update(Job, next);
}
