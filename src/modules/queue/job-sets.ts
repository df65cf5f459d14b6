/** JobSets in queues: one set of pods for each replicatedJob, all or none. Source: Kueue, jobs/jobset. */
import { JobSet, jobSetEnd, podsPerJob } from '../../api/jobset/job-set.ts';
import { CONTROLLER_NAME, JOB_INDEX } from '../../api/jobset/names.ts';
import type { ReplicatedJob } from '../../api/jobset/types.ts';
import type { PodSet } from '../../api/kueue/types.ts';
import type { PodTemplateSpec } from '../../api/generated/core-v1.ts';
import type { Integration } from './framework.ts';
import { topologyRequestOf } from './pod-sets.ts';
import { merged, unmerged } from './templates.ts';
import { COMPLETION_INDEX } from './topology-pods.ts';

export const jobSets: Integration<JobSet> = {
  kind: JobSet, prefix: 'jobset',
  isOurs: ({ spec }) => (spec?.managedBy ?? CONTROLLER_NAME) === CONTROLLER_NAME,
  podSetsOf: ({ spec }) => (spec?.replicatedJobs ?? []).map(podSetOf),
  isSuspended: ({ spec }) => spec?.suspend === true,
  suspended: (jobSet) => ({ ...jobSet, spec: { ...jobSet.spec!, suspend: true } }),
  isActive: ({ status }) => status?.replicatedJobsStatus?.some(({ active }) => active > 0) === true,
  endOf(jobSet) {
    const end = jobSetEnd(jobSet);
    return end === undefined ? undefined : { failed: end.type === 'Failed', message: end.message };
  },
  isReady({ spec, status }) {
    const there = (status?.replicatedJobsStatus ?? []).reduce((sum, { ready, succeeded }) => sum + ready + succeeded, 0);
    return there === (spec?.replicatedJobs ?? []).reduce((sum, { replicas = 1 }) => sum + replicas, 0);
  },
  reclaimableOf({ spec, status }) {
    const succeeded = ({ name }: ReplicatedJob): number => status?.replicatedJobsStatus?.find((each) => each.name === name)?.succeeded ?? 0;
    return (spec?.replicatedJobs ?? []).filter((each) => succeeded(each) > 0 && succeeded(each) <= (each.replicas ?? 1)).map((each) => ({ name: each.name, count: succeeded(each) * podsPerJob(each) }));
  },
  started: (jobSet, _workload, infoOf) => withTemplates({ ...jobSet, spec: { ...jobSet.spec!, suspend: false } }, (template, name) => merged(template, infoOf(name))),
  restored: (jobSet, workload) => withTemplates(jobSet, (template, name) => {
    const before = workload.spec.podSets.find((each) => each.name === name);
    return before === undefined ? template : unmerged(template, before.template);
  }),
};

function podSetOf(job: ReplicatedJob): PodSet {
  const template = job.template.spec?.template ?? {};
  const { replicas = 1 } = job;
  const topologyRequest = topologyRequestOf(template.metadata?.annotations, { podIndexLabel: COMPLETION_INDEX, subGroupIndexLabel: JOB_INDEX, subGroupCount: replicas });
  return { name: job.name, count: replicas * podsPerJob(job), ...(topologyRequest !== undefined && { topologyRequest }), template: structuredClone(template) };
}

function withTemplates(jobSet: JobSet, change: (template: PodTemplateSpec, name: string) => PodTemplateSpec): JobSet {
  const replicatedJobs = (jobSet.spec?.replicatedJobs ?? []).map((each) => {
    const pods = each.template.spec?.template;
    return pods?.spec === undefined ? each : { ...each, template: { ...each.template, spec: { ...each.template.spec!, template: change(pods, each.name) } } };
  });
  return { ...jobSet, spec: { ...jobSet.spec!, replicatedJobs } };
}
