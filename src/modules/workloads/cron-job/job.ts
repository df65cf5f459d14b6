/** The Job that a CronJob makes for a time: its name says which, so that it cannot be made twice. Pure. */
import { CronJob } from '../../../api/batch/cron-job.ts';
import type { Job } from '../../../api/batch/job.ts';
import { SCHEDULED_AT } from '../../../api/batch/job-labels.ts';
import { formatInZone } from '../../../api/batch/wall-time.ts';
import { controllerReference } from '../../../api/owner.ts';
import { zoneOf } from './due.ts';

export function jobName(cronJob: CronJob, atMs: number): string {
  return `${cronJob.metadata.name}-${Math.floor(atMs / 60_000)}`;
}

export function jobOfTime(cronJob: CronJob, atMs: number): Job {
  const { metadata, spec } = structuredClone(cronJob.spec!.jobTemplate);
  const zone = cronJob.spec?.timeZone === undefined ? 'UTC' : zoneOf(cronJob);
  return {
    apiVersion: 'batch/v1', kind: 'Job',
    metadata: {
      name: jobName(cronJob, atMs), namespace: cronJob.metadata.namespace, labels: { ...metadata?.labels },
      annotations: { ...metadata?.annotations, [SCHEDULED_AT]: formatInZone(atMs, zone) }, ownerReferences: [controllerReference(CronJob, cronJob)],
    },
    spec,
  };
}
