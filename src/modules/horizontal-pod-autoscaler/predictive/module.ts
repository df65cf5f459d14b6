/** Scaling ahead of the load: PredictiveAutoscalers, and the HorizontalPodAutoscalers that ask for it by their annotation. */
import { HorizontalPodAutoscaler } from '../../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { PREDICTIVE_ANNOTATION, PredictiveAutoscaler, ScalingHistory } from '../../../api/autoscaling/predictive-autoscaler.ts';
import { Pod } from '../../../api/core/pod.ts';
import { defineModule, type ModuleContext } from '../../../sdk/index.ts';
import { apart } from '../apart.ts';
import { settingsOf } from '../settings.ts';
import type { Trainer } from './forecasters/boosted-trees.ts';
import type { Autoscaler, Predicting } from './reconcile.ts';
import { rivalsOf } from './rivals.ts';

export default defineModule({
  name: 'predictive-autoscaler',
  description: 'Replicas for the load that will be when they are ready',
  eventSource: 'predictive-autoscaler',
  kinds: [PredictiveAutoscaler],
  needs: [Pod],
  reads: 'all', // metrics, and whatever has a scale
  writes: [PredictiveAutoscaler, HorizontalPodAutoscaler],
  scales: true,
  portable: true,
  run: predict,
});

async function predict(context: ModuleContext): Promise<void> {
  const { signal, clock, caches, log } = context;
  let train: Trainer | undefined;
  const trainLater: Trainer = async (set) => (train ??= (await import('./trainer.ts')).createTrainer(log, signal))(set);
  const predicting: Predicting = { context, settings: settingsOf(context.config, 'predictive-autoscaler'), kept: new Map(), train: trainLater };
  const withdraw = serveHistory(predicting);
  const predictive = caches.of(PredictiveAutoscaler);
  // The autoscalers of another cluster are its own: two would set the same scale.
  const reactive = context.may === undefined || context.kinds.find('autoscaling', 'HorizontalPodAutoscaler') === undefined ? undefined : caches.of(HorizontalPodAutoscaler);
  // But with one of them on the same target nobody would have what he wants.
  const elsewhere = context.kinds.find('autoscaling', 'HorizontalPodAutoscaler') === undefined ? undefined : caches.of(HorizontalPodAutoscaler);
  caches.of(Pod);
  const apartly = apart(clock, signal);
  try {
    while (!signal.aborted) {
      const all: Autoscaler[] = [
        ...predictive.list().map((each) => ({ ...each, kind: 'PredictiveAutoscaler' })),
        ...(reactive?.list() ?? []).filter(({ metadata }) => metadata.annotations?.[PREDICTIVE_ANNOTATION] === 'true').map((each) => ({ ...each, kind: 'HorizontalPodAutoscaler' })),
      ];
      const others = (elsewhere?.list() ?? []).map((each) => ({ ...each, kind: 'HorizontalPodAutoscaler' }));
      if (all.length > 0 || predicting.kept.size > 0) await round(all, others, predicting);
      await clock.sleep(predicting.settings.syncPeriodSeconds * 1_000, signal);
    }
  } finally {
    withdraw();
    await apartly.settled();
  }

  /** What learns is loaded with the first that asks for it. */
  async function round(all: readonly Autoscaler[], others: readonly Autoscaler[], own: Predicting): Promise<void> {
    const { keptKey, reconcilePredictive } = await import('./reconcile.ts');
    const keys = new Set(all.map(keptKey));
    for (const key of own.kept.keys()) if (!keys.has(key)) own.kept.delete(key);
    const rivals = rivalsOf([...all, ...others]);
    await apartly.round(new Map(all.map((autoscaler) => [keptKey(autoscaler), () => reconcilePredictive(autoscaler, own, rivals(autoscaler)).catch((error: unknown) => {
      if (!signal.aborted) log.warn('a predictive autoscaler could not be looked at', { autoscaler: keptKey(autoscaler), error: (error as Error).message });
    })])));
  }
}

/** Only where the door is ours: elsewhere the status tells of the last decision alone. */
function serveHistory({ context, kept }: Predicting): () => void {
  if (context.may === undefined) return () => undefined;
  const list = (wanted: string | undefined): ScalingHistory[] => [...kept].flatMap(([key, { record, engines, startSeconds }]) => {
    const [kind = '', path = ''] = key.split(' ');
    const [namespace = '', name = ''] = path.split('/');
    if (wanted !== undefined && namespace !== wanted) return [];
    const autoscaler = (context.caches.of(kind === 'horizontalpodautoscaler' ? HorizontalPodAutoscaler : PredictiveAutoscaler) as { get(key: string): Autoscaler | undefined }).get(path);
    if (autoscaler === undefined) return [];
    const target = engines[0]?.options.target ?? 70;
    return [{
      apiVersion: 'llmos.dev/v1alpha1', kind: 'ScalingHistory', metadata: { name: `${kind}.${name}`, namespace, creationTimestamp: autoscaler.metadata.creationTimestamp! }, scaleTargetRef: autoscaler.spec!.scaleTargetRef, ...record.columns(), startSeconds,
      limit: (engines[0]?.options.limit ?? (target * 8) / 7) / 100, decisions: [...record.decisions], forecasters: (engines[0]?.outlook.explain() ?? []).map((each) => ({ ...each, load: Number(each.load.toFixed(3)), weight: Number(each.weight.toFixed(4)) })),
    }];
  });
  return context.serve(ScalingHistory, { list, get: (namespace, name) => list(namespace).find(({ metadata }) => metadata.name === name) });
}
