/** Event scaling: KEDA's ScaledObjects and ScaledJobs. Nothing of it is loaded until there is one. */
import { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { Job } from '../../api/batch/job.ts';
import { Pod } from '../../api/core/pod.ts';
import { ScaledJob } from '../../api/keda/scaled-job.ts';
import { ScaledObject } from '../../api/keda/scaled-object.ts';
import { ClusterTriggerAuthentication, TriggerAuthentication } from '../../api/keda/trigger-authentication.ts';
import { firstUse } from '../../sdk/first-use.ts';
import { defineModule } from '../../sdk/index.ts';

export default defineModule({
  name: 'event-autoscaler',
  eventSource: 'keda-operator',
  description: "Replicas and jobs by events: KEDA's ScaledObjects and ScaledJobs, down to none",
  kinds: [ScaledObject, ScaledJob, TriggerAuthentication, ClusterTriggerAuthentication],
  needs: [HorizontalPodAutoscaler, Job, Pod],
  reads: 'all', // whatever has a scale, and what triggers refer to
  writes: [ScaledObject, ScaledJob, TriggerAuthentication, ClusterTriggerAuthentication, HorizontalPodAutoscaler, Job],
  scales: true,
  tokens: true,
  portable: true,
  paths: ['/gateway/routes'],
  async run(context) {
    if (await firstUse(context, [ScaledObject, ScaledJob])) await (await import('./work.ts')).work(context);
  },
});
