/** Threshold scaling: HorizontalPodAutoscalers and what they do. */
import { HorizontalPodAutoscaler, HorizontalPodAutoscalerV1 } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { PREDICTIVE_ANNOTATION } from '../../api/autoscaling/predictive-autoscaler.ts';
import { Pod } from '../../api/core/pod.ts';
import { defineModule, keyOf, type ModuleContext } from '../../sdk/index.ts';
import { apart } from './apart.ts';
import { reconcile, type Autoscaling } from './reconcile.ts';
import { settingsOf } from './settings.ts';

export default defineModule({
  name: 'horizontal-pod-autoscaler',
  description: 'Replicas by what pods use',
  eventSource: 'horizontal-pod-autoscaler',
  kinds: [HorizontalPodAutoscaler, HorizontalPodAutoscalerV1],
  needs: [Pod],
  reads: 'all', // metrics, and whatever has a scale
  writes: [HorizontalPodAutoscaler],
  scales: true,
  portable: true,
  run: autoscale,
});

/** All of them every few seconds: their inputs change by themselves, so there is nothing to wait for. */
async function autoscale(context: ModuleContext): Promise<void> {
  const { signal, clock, caches, log } = context;
  const autoscaling: Autoscaling = { context, settings: settingsOf(context.config), histories: new Map(), selectors: new Map() };
  const autoscalers = caches.of(HorizontalPodAutoscaler);
  caches.of(Pod);
  const { round, settled } = apart(clock, signal);
  while (!signal.aborted) {
    // Where there is one for them, those that ask for it are left to it.
    const ahead = context.kinds.find('llmos.dev', 'PredictiveAutoscaler') !== undefined;
    const all = autoscalers.list().filter(({ metadata }) => !ahead || metadata.annotations?.[PREDICTIVE_ANNOTATION] !== 'true');
    const keys = new Set(all.map(keyOf));
    for (const kept of [autoscaling.histories, autoscaling.selectors]) for (const key of kept.keys()) if (!keys.has(key)) kept.delete(key);
    await round(new Map(all.map((autoscaler) => [keyOf(autoscaler), () => reconcile(autoscaler, autoscaling).catch((error: unknown) => {
      if (!signal.aborted) log.warn('an autoscaler could not be looked at', { autoscaler: keyOf(autoscaler), error: (error as Error).message });
    })])));
    await clock.sleep(autoscaling.settings.syncPeriodSeconds * 1_000, signal);
  }
  await settled();
}
