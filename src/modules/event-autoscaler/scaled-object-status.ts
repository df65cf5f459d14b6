/** What a ScaledObject says of itself. Pure. */
import { withCondition } from '../../api/conditions.ts';
import type { HorizontalPodAutoscalerCondition } from '../../api/generated/autoscaling-v2.ts';
import type { ScaledObject, ScaledObjectStatus } from '../../api/keda/scaled-object.ts';
import type { KedaCondition } from '../../api/keda/triggers.ts';
import { parseApiVersion } from '../../api/meta.ts';
import { rfc3339 } from '../../base/clock.ts';
import { autoscalerName, isResource } from './autoscaler.ts';
import { COMPOSITE } from './composite.ts';
import { inFallback, isNil } from './fallback.ts';
import type { Source } from './sources.ts';

type Scaling = Pick<HorizontalPodAutoscalerCondition, 'status' | 'reason' | 'message'>;

/** How it stands after a turn. */
export interface Standing {
  all: readonly Source[];
  /** What the autoscaler is asked by: all, or what the formula makes of them. */
  metrics: readonly Source[];
  isComposite: boolean;
  /** Why the sources could not be made anew. */
  amiss: string | undefined;
  active: boolean;
  paused: boolean;
  /** One way alone, or altogether. */
  partlyPaused: boolean;
  /** Active since the annotation says so. */
  forced: boolean;
  /** No trigger is active, and the cooldown period is not over. */
  cooling: boolean;
  /** What the annotation says to keep while it is paused. */
  pausedReplicas: number | undefined;
  /** What the autoscaler says of its metrics (ScalingActive), as far as that is known. */
  scaling: Scaling | undefined;
  /** It has no triggers but cpu and memory, which the autoscaler reads itself. */
  resourceOnly: boolean;
}

/** `target` is what is scaled: its replicas before this turn, and how its resource is called, as far as it is known. */
export function statusOf(object: ScaledObject, standing: Standing, target: { apiVersion: string; kind: string; plural: string; replicas: number }, nowMs: number): ScaledObjectStatus {
  const { spec, status = {} } = object;
  const { group, version } = parseApiVersion(target.apiVersion);
  const { all, paused, active, pausedReplicas } = standing;
  return {
    ...status, scaleTargetKind: `${target.apiVersion}.${target.kind}`, scaleTargetGVKR: { group, version, kind: target.kind, resource: target.plural }, originalReplicaCount: status.originalReplicaCount ?? target.replicas,
    ...(active ? { lastActiveTime: rfc3339(nowMs) } : {}), externalMetricNames: all.map(({ name }) => name), compositeScalerName: standing.isComposite ? COMPOSITE : undefined, resourceMetricNames: spec.triggers.map(({ type }) => type).filter(isResource), hpaName: paused ? undefined : autoscalerName(object),
    health: Object.fromEntries(all.map(({ name, failures }) => [name, { numberOfFailures: failures, status: failures === 0 ? 'Happy' : 'Failing' }])), triggersTypes: [...new Set(spec.triggers.map(({ type }) => type))].join(','),
    authenticationsTypes: [...new Set(spec.triggers.map(({ authenticationRef }) => authenticationRef?.name).filter((name) => name !== undefined))].join(','), pausedReplicaCount: pausedReplicas,
    conditions: conditionsOf(object, standing, nowMs),
  };
}

function conditionsOf({ status, spec }: ScaledObject, { all, metrics, isComposite, amiss, active, paused, partlyPaused, forced, cooling, scaling, resourceOnly }: Standing, nowMs: number): KedaCondition[] {
  const failing = all.some(({ failures }) => failures > 0) ? all.filter(({ failures }) => failures > 0) : metrics.filter(({ failures }) => failures > 0);
  const fallen = metrics.some((source) => inFallback(source, spec.fallback)) || (isComposite && all.some((source) => isNil(source, spec.fallback)));
  const why = [...failing.map(({ name, error }) => `${name}: ${error}`), ...(amiss === undefined ? [] : [amiss])].join('; ');
  const now = rfc3339(nowMs);
  return ([
    failing.length === 0 || paused ? { type: 'Ready', status: 'True', reason: 'ScaledObjectReady', message: 'ScaledObject is defined correctly and is ready for scaling' }
      : metrics.every(({ failures }) => failures > 0) && !resourceOnly ? { type: 'Ready', status: 'False', reason: 'TriggerError', message: `Triggers defined in ScaledObject are not working correctly; capacity is held. ${why}` }
        : { type: 'Ready', status: 'Unknown', reason: 'PartialTriggerError', message: `Some triggers defined in ScaledObject are not working correctly. ${why}` },
    active ? { type: 'Active', status: 'True', reason: 'ScalerActive', message: forced ? 'Scaling is performed because activation is being forced by annotation' : 'Scaling is performed because triggers are active' }
      : cooling ? { type: 'Active', status: 'False', reason: 'ScalerCooldown', message: 'Scaler cooling down because triggers are not active' } : { type: 'Active', status: failing.length > 0 && !paused ? 'Unknown' : 'False', reason: paused ? 'ScalerPaused' : failing.length > 0 ? 'TriggerError' : 'ScalerNotActive', message: 'Scaling is not performed because triggers are not active' },
    spec.fallback === undefined ? { type: 'Fallback', status: 'False', reason: 'NoFallbackFound', message: 'No fallbacks are active on this scaled object' } : fallen ? { type: 'Fallback', status: 'True', reason: 'FallbackExists', message: 'At least one trigger is falling back on this scaled object' } : { type: 'Fallback', status: 'False', reason: 'NoFallbackFound', message: 'No fallbacks are active on this scaled object' },
    partlyPaused ? { type: 'Paused', status: 'True', reason: 'ScaledObjectPaused', message: 'ScaledObject is paused' } : { type: 'Paused', status: 'False', reason: 'ScaledObjectUnpaused', message: 'pause annotation removed for ScaledObject' },
    ...(scaling === undefined ? [] : [autoscalerCondition(scaling)]),
  ] as KedaCondition[]).reduce<KedaCondition[]>((others, condition) => withCondition(others, condition, now), status?.conditions ?? []);
}

/** Whether its autoscaler can do its part. One whose target sleeps is as it should be. */
function autoscalerCondition({ status, reason = '', message = '' }: Scaling): KedaCondition {
  if (status !== 'False') return { type: 'HPAActive', status: 'True', reason: 'HPAActive', message };
  if (reason === 'ScalingDisabled') return { type: 'HPAActive', status: 'True', reason: 'HPAScalingDisabled', message };
  return { type: 'HPAActive', status: 'False', reason: 'HPAMetricsUnavailable', message: message === '' ? reason : `${reason}: ${message}` };
}

/** Of a turn that could not be made, for the reason in `message`. */
export function failedStatus({ status }: ScaledObject, message: string, nowMs: number): ScaledObjectStatus {
  const unknown = ['Fallback', 'Paused'].filter((type) => !status?.conditions?.some((each) => each.type === type)).map((type): KedaCondition => ({ type, status: 'Unknown' }));
  const failed: KedaCondition[] = [{ type: 'Ready', status: 'False', reason: 'ScaledObjectCheckFailed', message }, { type: 'Active', status: 'Unknown', reason: 'UnknownState', message: 'ScaledObject is not ready' }, ...unknown];
  return { ...status, conditions: failed.reduce<KedaCondition[]>((all, condition) => withCondition(all, condition, rfc3339(nowMs)), status?.conditions ?? []) };
}
