/** One round of a predictive autoscaler: measures, lets the engines answer, limits, sets the scale, and says why. */
import { isDeepStrictEqual } from 'node:util';
import { fillInSpec, HorizontalPodAutoscaler, SCALE_DOWN, SCALE_UP } from '../../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { PredictiveAutoscaler, type PredictiveAutoscalerSpec, type PredictiveAutoscalerStatus, type ScalingDecision } from '../../../api/autoscaling/predictive-autoscaler.ts';
import { Pod } from '../../../api/core/pod.ts';
import { isApiError } from '../../../api/errors.ts';
import type { MetricSpec } from '../../../api/generated/autoscaling-v2.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { quantityMillis } from '../../../api/quantity.ts';
import { parseSelector } from '../../../api/selector.ts';
import { rfc3339 } from '../../../base/clock.ts';
import { phaseOf } from '../../../base/phase.ts';
import { keyOf, type Kind, type ModuleContext } from '../../../sdk/index.ts';
import { limit, type History } from '../behavior.ts';
import { createConditions, type Conditions } from '../conditions.ts';
import { evaluate, type Evaluation, type Observed } from '../evaluate.ts';
import { toleranceOf, type Settings } from '../settings.ts';
import { scaleTargetOf, type ScaleTarget } from '../../../sdk/scale-target.ts';
import { LEVELS } from './distribution.ts';
import { Engine, type Answer, type EngineOptions, type PastLoad } from './engine.ts';
import type { Learning, Trainer } from './forecasters/boosted-trees.ts';
import { floorOf } from './floor.ts';
import { readPast } from './history.ts';
import { ScalingRecord } from './record.ts';
import { startSecondsOf } from './start-time.ts';

/** A PredictiveAutoscaler, or an HorizontalPodAutoscaler that asks to be treated as one. */
export type Autoscaler = KubeObject & { spec?: PredictiveAutoscalerSpec; status?: PredictiveAutoscalerStatus };

/** What is kept of one from round to round. */
export interface Kept {
  readonly history: History;
  readonly engines: Engine[];
  /** What each of them is or will be, when it has learned. */
  readonly wanted: EngineOptions[];
  readonly record: ScalingRecord;
  startSeconds: number;
  writtenMs: number;
}

export interface Predicting {
  context: ModuleContext;
  settings: Settings;
  /** By kind and key. */
  kept: Map<string, Kept>;
  train: Trainer;
}

/** Until a start was seen. */
const FIRST_START_SECONDS = 30;
/** What is a target of 70 %, for metrics whose targets are no utilisation. */
const NOMINAL_TARGET = 70;
const DEFAULT_DOWN_WINDOW_SECONDS = 300;
const WRITE_EVERY_MS = 60_000;
/** A start that is measured so much longer or shorter than before changes what is forecast. */
const START_CHANGED = 1.5;
/** Of its cpu limit. */
const SATURATED = 0.95;

export function keptKey(autoscaler: Autoscaler): string {
  return `${autoscaler.kind === 'HorizontalPodAutoscaler' ? 'horizontalpodautoscaler' : 'predictiveautoscaler'} ${keyOf(autoscaler)}`;
}

/** `rivals`: others that have the same target, as `Kind namespace/name`. */
export async function reconcilePredictive(autoscaler: Autoscaler, predicting: Predicting, rivals: readonly string[] = []): Promise<void> {
  const { context, kept } = predicting;
  const key = keptKey(autoscaler);
  const mine = kept.get(key) ?? { history: { recommended: [], changes: [] }, engines: [], wanted: [], record: new ScalingRecord(), startSeconds: FIRST_START_SECONDS, writtenMs: 0 };
  kept.set(key, mine);
  const conditions = createConditions(autoscaler.status?.conditions ?? [], context.clock.nowMs());
  const spec = structuredClone(autoscaler.spec!);
  fillInSpec(spec);
  const status = await decide({ ...autoscaler, spec }, { mine, conditions, predicting, rivals });
  await write(autoscaler, { ...status, observedGeneration: autoscaler.metadata.generation, conditions: conditions.list() }, mine, context);
}

interface Round { mine: Kept; conditions: Conditions; predicting: Predicting; rivals: readonly string[] }

async function decide(autoscaler: Autoscaler, { mine, conditions, predicting, rivals }: Round): Promise<PredictiveAutoscalerStatus> {
  const { context, settings } = predicting;
  const { spec, metadata, status: old = { desiredReplicas: 0 } } = autoscaler;
  const { scaleTargetRef, minReplicas = 1, maxReplicas, behavior } = spec!;
  const namespace = metadata.namespace ?? '';
  const nowMs = context.clock.nowMs();
  let target: ScaleTarget;
  try {
    target = await scaleTargetOf(scaleTargetRef, namespace, context);
  } catch (error) {
    const { message } = error as Error;
    context.events.event(autoscaler, 'Warning', 'FailedGetScale', message);
    conditions.set('AbleToScale', 'False', 'FailedGetScale', `the target's current scale could not be had: ${message}`);
    return old;
  }
  conditions.set('AbleToScale', 'True', 'SucceededGetScale', "the target's current scale was read");
  const current = target.replicas;
  const base = { ...old, currentReplicas: current };
  // Two would pull it to and fro: none does, as upstream's autoscalers of the same pods.
  if (rivals.length > 0) {
    const message = `the target is controlled by others too: [${rivals.join(' ')}]; leave one of them`;
    context.events.event(autoscaler, 'Warning', 'AmbiguousSelector', message);
    conditions.set('ScalingActive', 'False', 'AmbiguousSelector', message);
    return { ...base, desiredReplicas: current };
  }
  if (current === 0 && minReplicas > 0) {
    conditions.set('ScalingActive', 'False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero');
    return { ...base, desiredReplicas: 0 };
  }
  const matcher = parseSelector(target.selector);
  const pods = target.selector === '' ? [] : context.caches.of(Pod).list(namespace).filter((pod) => matcher.matches(pod.metadata.labels));
  measureStart(mine, startSecondsOf(pods));
  const observed: Observed = { namespace, current, statusReplicas: target.statusReplicas, selector: target.selector, pods, nowMs, readiness: settings, tolerance: toleranceOf(behavior, settings) };
  const all = await answerAll(autoscaler, observed, { mine, conditions, predicting });
  const { replicas: asked, rule, message, answer } = winnerOf(all, current, minReplicas);
  const limits = { least: minReplicas, most: maxReplicas, up: behavior?.scaleUp ?? SCALE_UP, down: behavior?.scaleDown ?? SCALE_DOWN, downWindowSeconds: asked === 0 ? DEFAULT_DOWN_WINDOW_SECONDS : 0, memoryMs: behavior === undefined ? DEFAULT_DOWN_WINDOW_SECONDS * 1_000 : undefined };
  const { replicas: desired, stabilizedBy, limitedBy } = limit(current, asked, { history: mine.history, limits, nowMs });
  if (stabilizedBy !== undefined) conditions.set('AbleToScale', 'True', stabilizedBy.reason, stabilizedBy.message);
  if (limitedBy === undefined) conditions.set('ScalingLimited', 'False', 'DesiredWithinRange', 'the desired count is within the acceptable range');
  else conditions.set('ScalingLimited', 'True', limitedBy.reason, limitedBy.message);
  const decision = decisionOf({ nowMs, from: current, to: desired, rule, message }, answer);
  const next: PredictiveAutoscalerStatus = {
    ...base, desiredReplicas: desired, currentMetrics: all.flatMap(({ evaluation }) => (evaluation === undefined ? [] : [evaluation.status])), startSeconds: mine.startSeconds, decision, ...comparisonOf(answer),
  };
  remember(mine, decision, nowMs);
  if (desired === current) return next;
  try {
    await target.set(desired);
  } catch (error) {
    const reason = (error as Error).message;
    context.events.event(autoscaler, 'Warning', 'FailedRescale', `New size: ${desired}; reason: ${message}; error: ${reason}`);
    conditions.set('AbleToScale', 'False', 'FailedUpdateScale', `the target's scale could not be set: ${reason}`);
    return { ...next, desiredReplicas: current };
  }
  mine.history.changes.push({ atMs: nowMs, by: desired - current });
  mine.record.decide(decision);
  context.events.event(autoscaler, 'Normal', 'SuccessfulRescale', `New size: ${desired}; reason: ${rule}: ${message}`);
  conditions.set('AbleToScale', 'True', 'SucceededRescale', `the target's scale was set to ${desired}`);
  return { ...next, lastScaleTime: rfc3339(nowMs) };
}

interface Answered { evaluation?: Evaluation; answer: Answer }

async function answerAll(autoscaler: Autoscaler, observed: Observed, { mine, conditions, predicting }: Omit<Round, 'rivals'>): Promise<Answered[]> {
  const { context, settings } = predicting;
  const { metrics = [], objective, limitUtilization } = autoscaler.spec!;
  const results = await Promise.allSettled(metrics.map((metric) => evaluate(metric, observed, context)));
  const faults: string[] = [];
  const all = results.map((result, index): Answered => {
    const metric = metrics[index]!;
    const engine = engineFor(mine, index, { stepMs: settings.syncPeriodSeconds * 1_000, startMs: mine.startSeconds * 1_000, target: targetOf(metric), limit: limitUtilization, objective, floor: floorOf(metric, autoscaler.spec!, settings) }, async () => {
      const kept = await readPast(autoscaler.spec!, { namespace: observed.namespace, pods: observed.pods, metric, target: targetOf(metric) }, context).catch((error: unknown): PastLoad[] => {
        context.log.warn('the load of the past could not be read', { error: (error as Error).message });
        return [];
      });
      // Of one metric alone it is known what its load was: then what was seen here itself is better than nothing.
      return kept.length > 0 || metrics.length > 1 ? kept : seenBy(mine.record);
    }, { context, learning: { train: predicting.train, phase: phaseOf(keptKey(autoscaler)) } });
    const evaluation = result.status === 'fulfilled' ? result.value : undefined;
    const failure = result.status === 'rejected' ? (result.reason as Error).message : undefined;
    const measured = evaluation === undefined || observed.current === 0 ? undefined : { ratio: evaluation.ratio, counted: evaluation.counted, measuredMs: evaluation.measuredMs, saturated: isSaturated(metric, evaluation, observed.pods), total: observed.current, isUsage: metric.type === 'Resource' || metric.type === 'ContainerResource' };
    const answer = engine.answer(observed.nowMs, measured, { current: observed.current, failure });
    if (answer.verdict.fault !== undefined && !(observed.current === 0 && evaluation !== undefined)) faults.push(`${answer.verdict.fault}: ${answer.verdict.message}`);
    return { evaluation, answer };
  });
  if (faults.length === 0) conditions.set('ScalingActive', 'True', 'ValidMetricFound', 'all metrics could be had');
  else conditions.set('ScalingActive', 'False', 'MetricHeld', `replicas are held: ${faults.join('; ')}`);
  return all;
}

/** The greatest answer. One whose metric is faulty asks for what there is. */
function winnerOf(all: readonly Answered[], current: number, least: number): { replicas: number; rule: string; message: string; answer?: Answer } {
  if (current === 0) {
    const most = Math.max(0, ...all.map(({ evaluation }) => evaluation?.replicas ?? 0));
    return { replicas: most, rule: 'FromZero', message: most > 0 ? 'something is there to do' : 'nothing is there to do' };
  }
  const [first, ...others] = all;
  if (first === undefined) return { replicas: current, rule: 'Held', message: 'no metric is asked for' };
  const { answer } = others.reduce((most, each) => (each.answer.replicas > most.answer.replicas || most.answer.decision === undefined && each.answer.replicas >= most.answer.replicas ? each : most), first);
  if (least === 0 && answer.replicas <= 1 && all.every(({ evaluation }) => evaluation?.replicas === 0)) return { replicas: 0, rule: 'FromZero', message: 'nothing is there to do', answer };
  if (answer.decision === undefined) return { replicas: answer.replicas, rule: 'Held', message: answer.verdict.message, answer };
  return { replicas: answer.replicas, rule: answer.decision.rule, message: answer.decision.message, answer };
}

/** A new engine learns from the past beside the way: until then the one before decides, however little it fits, and the first of all begins with nothing. */
export function engineFor(mine: Pick<Kept, 'engines' | 'wanted'>, index: number, options: EngineOptions, past: () => ReturnType<typeof readPast>, { context: { log, signal }, learning }: { context: Pick<ModuleContext, 'log' | 'signal'>; learning?: Learning }): Engine {
  const old = mine.engines[index];
  const wanted = mine.wanted[index];
  if (old !== undefined && wanted !== undefined && isDeepStrictEqual(wanted, options)) return old;
  mine.wanted[index] = options;
  const before = (mine.engines[index] ??= new Engine(options, learning));
  // What is known of the source is known to the next one too.
  const engine = new Engine(options, learning, before.guard);
  void past().then((loads) => engine.learn(loads, signal)).catch((error: unknown) => log.warn('the load of the past could not be learned', { error: (error as Error).message })).then(() => {
    if (!signal.aborted && mine.wanted[index] === options) mine.engines[index] = engine;
  });
  return before;
}

function seenBy(record: ScalingRecord): PastLoad[] {
  const { times, load } = record.columns();
  return times.map((seconds, index) => ({ atMs: seconds * 1_000, load: load[index]! }));
}

function measureStart(mine: Kept, seconds: number | undefined): void {
  if (seconds === undefined) return;
  const [measured, kept] = [Math.max(1, seconds), Math.max(1, mine.startSeconds)];
  if (measured > kept * START_CHANGED || measured < kept / START_CHANGED) mine.startSeconds = seconds;
}

function targetOf(metric: MetricSpec): number {
  return metric.resource?.target.averageUtilization ?? metric.containerResource?.target.averageUtilization ?? NOMINAL_TARGET;
}

/** Where every container may use so much cpu and no more, and they nearly do. */
function isSaturated(metric: MetricSpec, { ratio }: Evaluation, pods: Observed['pods']): boolean {
  const target = metric.resource?.name === 'cpu' ? metric.resource.target.averageUtilization : undefined;
  const containers = pods[0]?.spec?.containers ?? [];
  if (target === undefined || containers.some(({ resources }) => resources?.limits?.['cpu'] === undefined)) return false;
  const sum = (of: 'limits' | 'requests'): number => containers.reduce((total, { resources }) => total + quantityMillis(resources?.[of]?.['cpu'] ?? '0'), 0);
  return (ratio * target) / 100 >= (SATURATED * sum('limits')) / Math.max(1, sum('requests'));
}

function decisionOf(said: { nowMs: number; from: number; to: number; rule: string; message: string }, answer: Answer | undefined): ScalingDecision {
  const { nowMs, ...rest } = said;
  const decision = answer?.decision;
  const at = (level: (typeof LEVELS)[number]): number => round(decision!.quantiles[LEVELS.indexOf(level)]!);
  return {
    time: rfc3339(nowMs), ...rest,
    ...(decision !== undefined && {
      load: round(decision.load), price: round(decision.price), counterfactual: { replicas: decision.counterfactual.replicas },
      forecast: { aheadSeconds: decision.aheadMs / 1_000, median: at(0.5), p80: at(0.8), p97: at(0.97), p999: at(0.999) },
    }),
  };
}

function comparisonOf(answer: Answer | undefined): Pick<PredictiveAutoscalerStatus, 'comparison'> {
  if (answer?.decision === undefined) return {};
  const { own, reactive, careful } = answer.decision.counterfactual;
  const fared = ({ violated, replicas }: typeof own): { underProvisionedPercent: number; replicas: number } => ({ underProvisionedPercent: round(100 * violated), replicas: round(replicas) });
  return { comparison: { own: fared(own), reactive: fared(reactive), careful: fared(careful) } };
}

function remember(mine: Kept, { load, forecast, counterfactual, to }: ScalingDecision, nowMs: number): void {
  if (load === undefined || forecast === undefined) return;
  mine.record.add(nowMs, { load, replicas: to, reactive: counterfactual?.replicas ?? to, median: forecast.median, p80: forecast.p80, p97: forecast.p97 });
}

/** At once when something was decided; else once a minute, so that a thousand of them do not write all the time. */
async function write(autoscaler: Autoscaler, status: PredictiveAutoscalerStatus, mine: Kept, { client, clock }: ModuleContext): Promise<void> {
  const essence = ({ desiredReplicas, currentReplicas, conditions, observedGeneration }: PredictiveAutoscalerStatus): unknown => ({ desiredReplicas, currentReplicas, conditions, observedGeneration });
  const same = autoscaler.status !== undefined && isDeepStrictEqual(essence(status), essence(autoscaler.status));
  if (same && clock.nowMs() - mine.writtenMs < WRITE_EVERY_MS) return;
  mine.writtenMs = clock.nowMs();
  const { startSeconds, decision, comparison, ...plain } = status;
  const own = autoscaler.kind === 'HorizontalPodAutoscaler';
  const kind = (own ? HorizontalPodAutoscaler : PredictiveAutoscaler) as Kind<Autoscaler>;
  try {
    await client.update(kind, { ...autoscaler, status: own ? plain : { ...plain, startSeconds, decision, comparison } }, { subresource: 'status' });
  } catch (error) {
    // It changed or went meanwhile: the next round sees it as it is.
    if (!isApiError(error, 'Conflict') && !isApiError(error, 'NotFound')) throw error;
  }
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
