/** Which replicatedJobs may be made. Pure. Source: kubernetes-sigs/jobset, startup_policy.go and depends_on.go. */
import type { JobSetSpec, JobSetStatus, ReplicatedJob } from '../../api/jobset/types.ts';

export function isInOrder(spec: JobSetSpec | undefined): boolean {
  return spec?.startupPolicy?.startupPolicyOrder === 'InOrder';
}

/** All of its Jobs are ready, or have ended. */
export function isStarted({ name, replicas = 1 }: Pick<ReplicatedJob, 'name' | 'replicas'>, { replicatedJobsStatus = [] }: JobSetStatus): boolean {
  const { ready = 0, succeeded = 0, failed = 0 } = replicatedJobsStatus.find((each) => each.name === name) ?? {};
  return ready + succeeded + failed === replicas;
}

/** Those that it depends on are as far as it wants them. */
export function isDue({ dependsOn = [] }: ReplicatedJob, spec: JobSetSpec | undefined, status: JobSetStatus): boolean {
  return dependsOn.every(({ name, status: wanted }) => {
    const job = spec?.replicatedJobs?.find((each) => each.name === name);
    if (job === undefined) return false;
    const succeeded = status.replicatedJobsStatus?.find((each) => each.name === name)?.succeeded ?? 0;
    return wanted === 'Complete' ? succeeded === (job.replicas ?? 1) : isStarted(job, status);
  });
}
