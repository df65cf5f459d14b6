/** Event scaling: KEDA's ScaledObjects and ScaledJobs. Nothing of it is loaded until there is one. */
import { HorizontalPodAutoscaler } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { Job } from '../../api/batch/job.ts';
import { Pod } from '../../api/core/pod.ts';
import { ScaledJob } from '../../api/keda/scaled-job.ts';
import { ScaledObject } from '../../api/keda/scaled-object.ts';
import { ClusterTriggerAuthentication, TriggerAuthentication } from '../../api/keda/trigger-authentication.ts';
import { defineModule, type ModuleContext } from '../../sdk/index.ts';

export default defineModule({
  name: 'event-autoscaler',
  eventSource: 'keda-operator',
  description: "Replicas and jobs by events: KEDA's ScaledObjects and ScaledJobs, down to none",
  kinds: [ScaledObject, ScaledJob, TriggerAuthentication, ClusterTriggerAuthentication],
  needs: [HorizontalPodAutoscaler, Job, Pod],
  reads: 'all', // whatever has a scale, and what triggers refer to
  writes: [ScaledObject, ScaledJob, HorizontalPodAutoscaler, Job],
  scales: true,
  paths: ['/gateway/routes'],
  async run(context) {
    if (await firstUse(context)) await (await import('./work.ts')).work(context);
  },
});

/** Settles when there is something to scale; false when the module is stopped before. */
async function firstUse({ caches, signal }: ModuleContext): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const stop = (): void => resolve(false);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  const stops = [caches.of(ScaledObject).subscribe(() => resolve(true)), caches.of(ScaledJob).subscribe(() => resolve(true))];
  const isUsed = await promise;
  for (const each of stops) each();
  signal.removeEventListener('abort', stop);
  return isUsed;
}
