/** JobSets: Jobs that run as one and are begun anew as one. Nothing of it is loaded until there is one. */
import { Job } from '../../api/batch/job.ts';
import { PersistentVolumeClaim } from '../../api/core/persistent-volume-claim.ts';
import { Service } from '../../api/core/service.ts';
import { JobSet } from '../../api/jobset/job-set.ts';
import { firstUse } from '../../sdk/first-use.ts';
import { defineModule } from '../../sdk/index.ts';
import { runController } from '../../sdk/run-controller.ts';

export default defineModule({
  name: 'job-set',
  eventSource: 'jobset-controller',
  description: 'JobSets (jobset.x-k8s.io): Jobs that run as one, are found by name, and are begun anew as one',
  kinds: [JobSet],
  needs: [Job, Service, PersistentVolumeClaim],
  writes: [JobSet, Job, Service, PersistentVolumeClaim],
  subresources: ['status'],
  portable: true,
  async run(context) {
    if (await firstUse(context, [JobSet])) await runController((await import('./reconcile.ts')).jobSetController, context);
  },
});
