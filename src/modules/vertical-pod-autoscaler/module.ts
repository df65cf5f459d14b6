/** Vertical scaling: requests from what containers used. Nothing of it is loaded until there is a VerticalPodAutoscaler. */
import { VerticalPodAutoscaler, VerticalPodAutoscalerCheckpoint } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { Pod } from '../../api/core/pod.ts';
import { firstUse } from '../../sdk/first-use.ts';
import { defineModule } from '../../sdk/index.ts';

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
    if (await firstUse(context, [VerticalPodAutoscaler])) await (await import('./work.ts')).work(context);
  },
});
