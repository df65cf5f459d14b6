/** The autoscaler: asks every metric, takes the greatest answer, limits it, and sets the scale. */
import { isDeepStrictEqual } from 'node:util';
import { HorizontalPodAutoscaler, SCALE_DOWN, SCALE_UP } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { Pod } from '../../api/core/pod.ts';
import { isApiError } from '../../api/errors.ts';
import type { HorizontalPodAutoscalerStatus, MetricSpec, MetricStatus } from '../../api/generated/autoscaling-v2.ts';
import { parseSelector, type LabelMatcher } from '../../api/selector.ts';
import { rfc3339 } from '../../base/clock.ts';
import { keyOf, type ModuleContext } from '../../sdk/index.ts';
import { limit, type History, type Limits } from './behavior.ts';
import { createConditions, type Conditions } from './conditions.ts';
import { evaluate, type Evaluation, type Observed } from './evaluate.ts';
import { fallsAsleep, mayWake, noteAwake, noteScaled } from './scaled-to-zero.ts';
import { toleranceOf, type Settings } from './settings.ts';
import { scaleTargetOf, type ScaleTarget } from '../../sdk/scale-target.ts';

export interface Autoscaling {
  context: ModuleContext;
  settings: Settings;
  /** By the key of the autoscaler. A restart begins anew, with what is then as the first recommendation. */
  histories: Map<string, History>;
  /** What each of them selected last, by the same key. */
  selectors: Map<string, LabelMatcher>;
}

/** Writes the status with the conditions as they are then. Rejects with ApiError Conflict or NotFound where the autoscaler changed or went meanwhile. */
type WriteStatus = (status: HorizontalPodAutoscalerStatus) => Promise<void>;

export async function reconcile(autoscaler: HorizontalPodAutoscaler, autoscaling: Autoscaling): Promise<void> {
  const { context } = autoscaling;
  const conditions = createConditions(autoscaler.status?.conditions ?? [], context.clock.nowMs());
  let latest = autoscaler;
  const write: WriteStatus = async (status) => {
    const next: HorizontalPodAutoscalerStatus = { ...status, observedGeneration: autoscaler.metadata.generation, conditions: conditions.list() };
    if (!isDeepStrictEqual(next, latest.status)) latest = await context.client.update(HorizontalPodAutoscaler, { ...latest, status: next }, { subresource: 'status' });
  };
  try {
    await write(await decide(autoscaler, conditions, write, autoscaling));
  } catch (error) {
    // It changed or went meanwhile: the next round sees it as it is.
    if (!isApiError(error, 'Conflict') && !isApiError(error, 'NotFound')) throw error;
  }
}

async function decide(autoscaler: HorizontalPodAutoscaler, conditions: Conditions, write: WriteStatus, autoscaling: Autoscaling): Promise<HorizontalPodAutoscalerStatus> {
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
  const { currentMetrics: _, ...kept } = old;
  const base = { ...kept, currentReplicas: current };
  if (current > 0) noteAwake(autoscaler.status, conditions);
  if (current === 0 && !mayWake(spec!, autoscaler.status)) {
    conditions.set('ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero');
    return { ...base, desiredReplicas: 0 };
  }
  const history = historyOf(histories, keyOf(autoscaler), current, context.clock.nowMs());
  const rescale = async (desired: number, reason: string, currentMetrics?: MetricStatus[]): Promise<HorizontalPodAutoscalerStatus> => {
    const status = { ...base, ...(currentMetrics !== undefined && { currentMetrics }) };
    if (fallsAsleep(spec!, { from: current, to: desired })) {
      // First who did it, then the deed: a target at none of which nobody knows who set it would never wake. Upstream writes it afterwards alone.
      noteScaled(spec!, { from: current, to: desired }, conditions);
      await write(status);
    }
    try {
      await target.set(desired);
    } catch (error) {
      const { message } = error as Error;
      say('Warning', 'FailedRescale', `New size: ${desired}; reason: ${reason}; error: ${message}`);
      conditions.set('AbleToScale', 'False', 'FailedUpdateScale', `the HPA controller was unable to update the target scale: ${message}`);
      return status;
    }
    history.changes.push({ atMs: context.clock.nowMs(), by: desired - current });
    say('Normal', 'SuccessfulRescale', `New size: ${desired}; reason: ${reason}`);
    noteScaled(spec!, { from: current, to: desired }, conditions);
    conditions.set('AbleToScale', 'True', 'SucceededRescale', `the HPA controller was able to update the target scale to ${desired}`);
    return { ...status, desiredReplicas: desired, lastScaleTime: rfc3339(context.clock.nowMs()) };
  };
  // What is out of bounds comes back into them, whatever the metrics say and however fast.
  if (current > bounds.most) return rescale(bounds.most, 'Current number of replicas above Spec.MaxReplicas');
  const below = 'Current number of replicas below Spec.MinReplicas';
  if (current > 0 && current < bounds.least) return rescale(bounds.least, below);
  const { statuses, winner } = await measure(autoscaler, target, conditions, autoscaling);
  // The least was raised while the target slept: it is had, though nobody knows how many more.
  if (winner === undefined && current < bounds.least) return rescale(bounds.least, below, statuses);
  if (winner === undefined) return { ...base, ...(statuses.length > 0 && { currentMetrics: statuses }) };
  const { replicas: desired, stabilizedBy, limitedBy } = limit(current, winner.replicas, { history, limits: limitsOf(autoscaler, { ...bounds, current }, autoscaling.settings), nowMs: context.clock.nowMs() });
  if (stabilizedBy === undefined) conditions.set('AbleToScale', 'True', 'ReadyForNewScale', 'recommended size matches current size');
  else conditions.set('AbleToScale', 'True', stabilizedBy.reason, stabilizedBy.message);
  if (limitedBy === undefined) conditions.set('ScalingLimited', 'False', 'DesiredWithinRange', 'the desired count is within the acceptable range');
  else conditions.set('ScalingLimited', 'True', limitedBy.reason, limitedBy.message);
  if (desired === current) return { ...base, desiredReplicas: current, currentMetrics: statuses };
  const reason = winner.replicas <= current && desired > current && current === 0 ? below : winner.replicas > current ? `${winner.name} above target` : winner.replicas < current ? 'All metrics below target' : '';
  return rescale(desired, reason, statuses);
}

/** Of every metric what the status shows (one that could not be had has no type, so that the others keep their places), and the one that asks for the most, if that may be done. */
interface Measurement { statuses: MetricStatus[]; winner?: Evaluation }

/** Where a metric cannot be had, the others may still hold or raise the number, and never lower it. */
async function measure(autoscaler: HorizontalPodAutoscaler, target: ScaleTarget, conditions: Conditions, { context, settings, selectors }: Autoscaling): Promise<Measurement> {
  const namespace = autoscaler.metadata.namespace ?? '';
  const warn = (reason: string, message: string): void => context.events.event(autoscaler, 'Warning', reason, message);
  const refuse = (event: string, said: string, { reason, message }: { reason: string; message: string }): Measurement => {
    warn(event, said);
    conditions.set('ScalingActive', 'False', reason, message);
    warn('FailedComputeMetricsReplicas', said);
    return { statuses: [] };
  };
  if (target.selector === '') return refuse('SelectorRequired', 'selector is required', { reason: 'InvalidSelector', message: "the HPA target's scale is missing a selector" });
  let matcher: LabelMatcher;
  try {
    matcher = parseSelector(target.selector);
  } catch (error) {
    const message = `couldn't convert selector into a corresponding internal selector object: ${(error as Error).message}`;
    return refuse('InvalidSelector', message, { reason: 'InvalidSelector', message });
  }
  const pods = context.caches.of(Pod).list(namespace).filter(({ metadata }) => matcher.matches(metadata.labels));
  selectors.set(keyOf(autoscaler), matcher);
  const rivals = selectingAny(pods, namespace, selectors);
  if (rivals.length > 1) {
    const message = `pods by selector ${target.selector} are controlled by multiple HPAs: [${rivals.join(' ')}]`;
    return refuse('AmbiguousSelector', message, { reason: 'AmbiguousSelector', message });
  }
  const { behavior, metrics = [] } = autoscaler.spec!;
  const observed: Observed = {
    namespace, current: target.replicas, statusReplicas: target.statusReplicas, selector: target.selector, pods, nowMs: context.clock.nowMs(), readiness: settings,
    tolerance: toleranceOf(behavior, settings),
  };
  const results = await Promise.allSettled(metrics.map((metric) => evaluate(metric, observed, context)));
  const all = results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const statuses = results.map((each): MetricStatus => (each.status === 'fulfilled' ? each.value.status : { type: '' }));
  const failed = results.flatMap((each, index) => (each.status === 'rejected' ? [failureOf(metrics[index]!, (each.reason as Error).message)] : []));
  for (const { reason, message } of failed) warn(reason, message);
  const winner = all.reduce<Evaluation | undefined>((most, each) => (most === undefined || each.replicas > most.replicas ? each : most), undefined);
  const [first] = failed;
  if (winner === undefined || (first !== undefined && winner.replicas < target.replicas)) {
    if (first === undefined) return { statuses };
    conditions.set('ScalingActive', 'False', first.reason, `the HPA was unable to compute the replica count: ${first.message}`);
    warn('FailedComputeMetricsReplicas', `invalid metrics (${failed.length} invalid out of ${metrics.length}), first error is: ${first.what}: ${first.message}`);
    return { statuses };
  }
  conditions.set('ScalingActive', 'True', 'ValidMetricFound', `the HPA was able to successfully calculate a replica count from ${winner.name}`);
  return { statuses, winner };
}

/** All that select one of the pods: none of two may decide for the other. */
function selectingAny(pods: readonly Pod[], namespace: string, selectors: ReadonlyMap<string, LabelMatcher>): string[] {
  const near = [...selectors].filter(([key]) => key.startsWith(`${namespace}/`));
  return near.length === 1 ? [near[0]![0]] : near.filter(([, matcher]) => pods.some(({ metadata }) => matcher.matches(metadata.labels))).map(([key]) => key).toSorted();
}

/** What failed, in upstream's words: the reason of the condition, and of which metric it was. */
function failureOf({ type, resource, containerResource, external }: MetricSpec, message: string): { reason: string; what: string; message: string } {
  const metric = { Resource: `${resource?.name} resource metric`, ContainerResource: `${containerResource?.container} container metric`, Pods: 'pods metric', Object: 'object metric', External: `${external?.metric.name} external metric` }[type];
  return { reason: FAILURES[type] ?? 'InvalidMetricSourceType', what: `failed to get ${metric} value`, message };
}

const FAILURES: Readonly<Record<string, string>> = {
  Resource: 'FailedGetResourceMetric', ContainerResource: 'FailedGetContainerResourceMetric', Pods: 'FailedGetPodsMetric', Object: 'FailedGetObjectMetric', External: 'FailedGetExternalMetric',
};

/** Without a behaviour upstream doubles, or goes to four, at every look; with one its rules hold, and what they do not say is as they are by default. */
function limitsOf({ spec }: HorizontalPodAutoscaler, { current, ...bounds }: { least: number; most: number; current: number }, { downscaleStabilizationSeconds }: Settings): Limits {
  const behavior = spec?.behavior;
  const doubling = { ...SCALE_UP, policies: [{ type: 'Pods', value: Math.max(current, 4 - current), periodSeconds: 0 }] };
  return { ...bounds, up: behavior === undefined ? doubling : (behavior.scaleUp ?? SCALE_UP), down: behavior?.scaleDown ?? SCALE_DOWN, downWindowSeconds: downscaleStabilizationSeconds, restores: behavior === undefined };
}

function historyOf(histories: Map<string, History>, key: string, current: number, nowMs: number): History {
  let history = histories.get(key);
  if (history === undefined) histories.set(key, (history = { recommended: [{ atMs: nowMs, replicas: current }], changes: [] }));
  return history;
}
