/** Vertical scaling: requests from what containers used. Nothing of it is loaded until there is a VerticalPodAutoscaler. */
import { VerticalPodAutoscaler, VerticalPodAutoscalerCheckpoint } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { Pod } from '../../api/core/pod.ts';
import { defineModule, type ModuleContext } from '../../sdk/index.ts';

export default defineModule({
  name: 'vertical-pod-autoscaler',
  eventSource: 'vpa-updater',
  description: 'Requests by what containers used: recommendations, at creation, in place, or by eviction',
  kinds: [VerticalPodAutoscaler, VerticalPodAutoscalerCheckpoint],
  needs: [Pod],
  reads: 'all', // whatever has pods
  writes: [VerticalPodAutoscaler, VerticalPodAutoscalerCheckpoint, Pod],
  portable: true,
  async run(context) {
    if (await firstUse(context)) await (await import('./work.ts')).work(context);
  },
});

/** Settles when there is one; false when the module is stopped before. */
async function firstUse({ caches, signal }: ModuleContext): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const stop = (): void => resolve(false);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  const stops = [caches.of(VerticalPodAutoscaler).subscribe(() => resolve(true))];
  const isUsed = await promise;
  for (const each of stops) each();
  signal.removeEventListener('abort', stop);
  return isUsed;
}
