/** The autoscaler: asks every metric, takes the greatest answer, limits it, and sets the scale. */
import { isDeepStrictEqual } from 'node:util';
import { HorizontalPodAutoscaler, SCALE_DOWN, SCALE_UP } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import type { HorizontalPodAutoscalerStatus, MetricSpec } from '../../api/generated/autoscaling-v2.ts';
import { parseSelector } from '../../api/selector.ts';
import { rfc3339 } from '../../base/clock.ts';
import { keyOf, type ModuleContext } from '../../sdk/index.ts';
import { limit, type History, type Limits } from './behavior.ts';
import { createConditions, type Conditions } from './conditions.ts';
import { evaluate, type Evaluation, type Observed } from './evaluate.ts';
import { toleranceOf, type Settings } from './settings.ts';
import { scaleTargetOf, type ScaleTarget } from '../../sdk/scale-target.ts';

export interface Autoscaling {
  context: ModuleContext;
  settings: Settings;
  /** By the key of the autoscaler. A restart begins anew, with what is then as the first recommendation. */
  histories: Map<string, History>;
  /** What each of them selected last, with its namespace, by the same key. */
  selectors: Map<string, string>;
}

export async function reconcile(autoscaler: HorizontalPodAutoscaler, autoscaling: Autoscaling): Promise<void> {
  const { context } = autoscaling;
  const conditions = createConditions(autoscaler.status?.conditions ?? [], context.clock.nowMs());
  const status = await decide(autoscaler, conditions, autoscaling);
  const next: HorizontalPodAutoscalerStatus = { ...status, observedGeneration: autoscaler.metadata.generation, conditions: conditions.list() };
  if (isDeepStrictEqual(next, autoscaler.status)) return;
  try {
    await context.client.update(HorizontalPodAutoscaler, { ...autoscaler, status: next }, { subresource: 'status' });
  } catch (error) {
    // It changed or went meanwhile: the next round sees it as it is.
    if (!isApiError(error, 'Conflict') && !isApiError(error, 'NotFound')) throw error;
  }
}

async function decide(autoscaler: HorizontalPodAutoscaler, conditions: Conditions, autoscaling: Autoscaling): Promise<HorizontalPodAutoscalerStatus> {
  const { context, histories } = autoscaling;
  const { spec, metadata, status: old = { desiredReplicas: 0 } } = autoscaler;
  const say = (type: 'Normal' | 'Warning', reason: string, message: string): void => context.events.event(autoscaler, type, reason, message);
  let target: ScaleTarget;
  try {
    target = await scaleTargetOf(spec!.scaleTargetRef, metadata.namespace ?? '', context);
  } catch (error) {
    const message = (error as Error).message;
    say('Warning', 'FailedGetScale', message);
    conditions.set('AbleToScale', 'False', 'FailedGetScale', `the HPA controller was unable to get the target's current scale: ${message}`);
    return old;
  }
  conditions.set('AbleToScale', 'True', 'SucceededGetScale', "the HPA controller was able to get the target's current scale");
  const { replicas: current } = target;
  const bounds = { least: spec!.minReplicas ?? 1, most: spec!.maxReplicas };
  const base = { ...old, currentReplicas: current };
  if (current === 0 && bounds.least !== 0) {
    conditions.set('ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero');
    return { ...base, desiredReplicas: 0 };
  }
  const history = historyOf(histories, keyOf(autoscaler), current, context.clock.nowMs());
  const measured = await measure(autoscaler, target, conditions, autoscaling);
  if (measured === undefined && current >= bounds.least && current <= bounds.most) return { ...base, desiredReplicas: current };
  const asked = measured === undefined ? current : measured.winner.replicas;
  const { replicas: desired, limitedBy } = limit(current, asked, { history, limits: limitsOf(autoscaler, bounds, autoscaling.settings), nowMs: context.clock.nowMs() });
  if (limitedBy === undefined) conditions.set('ScalingLimited', 'False', 'DesiredWithinRange', 'the desired count is within the acceptable range');
  else if (limitedBy.reason.endsWith('Stabilized')) conditions.set('AbleToScale', 'True', limitedBy.reason, limitedBy.message);
  else conditions.set('ScalingLimited', 'True', limitedBy.reason, limitedBy.message);
  const next = { ...base, desiredReplicas: desired, ...(measured !== undefined && { currentMetrics: measured.all.map(({ status }) => status) }) };
  if (desired === current) return next;
  const beyond = current > bounds.most ? 'above Spec.MaxReplicas' : current < bounds.least ? 'below Spec.MinReplicas' : undefined;
  const why = beyond !== undefined ? `Current number of replicas ${beyond}` : `${measured?.winner.name} ${desired > current ? 'above' : 'below'} target`;
  try {
    await target.set(desired);
  } catch (error) {
    const message = (error as Error).message;
    say('Warning', 'FailedRescale', `New size: ${desired}; reason: ${why}; error: ${message}`);
    conditions.set('AbleToScale', 'False', 'FailedUpdateScale', `the HPA controller was unable to update the target scale: ${message}`);
    return { ...next, desiredReplicas: current };
  }
  history.changes.push({ atMs: context.clock.nowMs(), by: desired - current });
  say('Normal', 'SuccessfulRescale', `New size: ${desired}; reason: ${desired > current || beyond !== undefined ? why : 'All metrics below target'}`);
  conditions.set('AbleToScale', 'True', 'SucceededRescale', `the HPA controller was able to update the target scale to ${desired}`);
  return { ...next, lastScaleTime: rfc3339(context.clock.nowMs()) };
}

/**
 * All metrics that could be had, and the one that asks for the most. Where one cannot be had, the others may still hold or raise the number, and never lower it.
 * Undefined when nothing may be decided.
 */
async function measure(autoscaler: HorizontalPodAutoscaler, target: ScaleTarget, conditions: Conditions, { context, settings, selectors }: Autoscaling): Promise<{ all: Evaluation[]; winner: Evaluation } | undefined> {
  const namespace = autoscaler.metadata.namespace ?? '';
  const fail = (reason: string, message: string): undefined => {
    context.events.event(autoscaler, 'Warning', reason, message);
    conditions.set('ScalingActive', 'False', reason, message);
    return undefined;
  };
  if (target.selector === '') return fail('InvalidSelector', "the HPA target's scale is missing a selector");
  const rivals = rivalsOf(autoscaler, target.selector, selectors);
  if (rivals.length > 1) return fail('AmbiguousSelector', `pods by selector ${target.selector} are controlled by multiple HPAs: ${rivals.join(', ')}`);
  const matcher = parseSelector(target.selector);
  const pods = context.caches.of(Pod).list(namespace).filter(({ metadata }) => matcher.matches(metadata.labels));
  const { behavior, metrics = [] } = autoscaler.spec!;
  const observed: Observed = {
    namespace, current: target.replicas, selector: target.selector, pods, nowMs: context.clock.nowMs(), readiness: settings,
    tolerance: toleranceOf(behavior, settings),
  };
  const results = await Promise.allSettled(metrics.map((metric) => evaluate(metric, observed, context)));
  const all = results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const failed = results.findIndex((each) => each.status === 'rejected');
  const winner = all.reduce<Evaluation | undefined>((most, each) => (most === undefined || each.replicas > most.replicas ? each : most), undefined);
  if (failed !== -1 && (winner === undefined || winner.replicas < target.replicas)) {
    const { reason } = results[failed] as PromiseRejectedResult;
    return fail(FAILURES[(metrics[failed] as MetricSpec).type] ?? 'InvalidMetricSourceType', `the HPA was unable to compute the replica count: ${(reason as Error).message}`);
  }
  if (winner === undefined) return undefined;
  conditions.set('ScalingActive', 'True', 'ValidMetricFound', `the HPA was able to successfully calculate a replica count from ${winner.name}`);
  return { all, winner };
}

/** All that select the same pods, this one with them: none of two may decide for the other. */
function rivalsOf({ metadata }: HorizontalPodAutoscaler, selector: string, selectors: Map<string, string>): string[] {
  const [key, mine] = [keyOf({ metadata }), `${metadata.namespace}/${selector}`];
  selectors.set(key, mine);
  return [...selectors].flatMap(([each, selected]) => (selected === mine ? [each] : []));
}

const FAILURES: Readonly<Record<string, string>> = {
  Resource: 'FailedGetResourceMetric', ContainerResource: 'FailedGetContainerResourceMetric', Pods: 'FailedGetPodsMetric', Object: 'FailedGetObjectMetric', External: 'FailedGetExternalMetric',
};

function limitsOf({ spec }: HorizontalPodAutoscaler, bounds: { least: number; most: number }, { downscaleStabilizationSeconds }: Settings): Limits {
  return { ...bounds, up: spec?.behavior?.scaleUp ?? SCALE_UP, down: spec?.behavior?.scaleDown ?? SCALE_DOWN, downWindowSeconds: downscaleStabilizationSeconds };
}

function historyOf(histories: Map<string, History>, key: string, current: number, nowMs: number): History {
  let history = histories.get(key);
  if (history === undefined) histories.set(key, (history = { recommended: [{ atMs: nowMs, replicas: current }], changes: [] }));
  return history;
}
