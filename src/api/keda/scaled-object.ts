/** ScaledObject (keda.sh/v1alpha1): replicas of a workload by events outside of it, down to none. */
import type { HorizontalPodAutoscalerBehavior } from '../generated/autoscaling-v2.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, required, type FieldError } from '../field-error.ts';
import { CUSTOM_RULES } from '../custom/custom-rules.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { schemaOfType } from '../schema/facts.ts';
import { flag, int32, objectSchema, oneOf, struct, text, texts, time } from '../schema/build.ts';
import { conditionStatus, GROUP, kedaConditions, replicas, triggerErrors, triggers, VERSION, type KedaCondition, type TriggerSpec } from './triggers.ts';

export interface ScaledObjectSpec {
  scaleTargetRef: { name: string; apiVersion?: string; kind?: string; envSourceContainerName?: string };
  /** s; default 30. */
  pollingInterval?: number;
  initialCooldownPeriod?: number;
  /** s without an active trigger before the last replica goes; default 300. */
  cooldownPeriod?: number;
  idleReplicaCount?: number;
  /** Default 0. */
  minReplicaCount?: number;
  /** Default 100. */
  maxReplicaCount?: number;
  advanced?: {
    restoreToOriginalReplicaCount?: boolean;
    horizontalPodAutoscalerConfig?: { name?: string; behavior?: HorizontalPodAutoscalerBehavior };
    scalingModifiers?: { formula?: string; target?: string; activationTarget?: string; metricType?: 'AverageValue' | 'Value' };
  };
  triggers: TriggerSpec[];
  fallback?: { failureThreshold: number; replicas: number; behavior?: 'static' | 'currentReplicas' | 'currentReplicasIfHigher' | 'currentReplicasIfLower' | 'triggerScoped' };
}

export interface ScaledObjectStatus {
  scaleTargetKind?: string;
  scaleTargetGVKR?: { group: string; version: string; kind: string; resource: string };
  originalReplicaCount?: number;
  lastActiveTime?: string;
  externalMetricNames?: string[];
  resourceMetricNames?: string[];
  compositeScalerName?: string;
  conditions?: KedaCondition[];
  /** By the name of the metric. */
  health?: Record<string, { numberOfFailures?: number; status?: 'Happy' | 'Failing' }>;
  pausedReplicaCount?: number;
  hpaName?: string;
  triggersTypes?: string;
  authenticationsTypes?: string;
}

export interface ScaledObject extends KubeObject {
  spec: ScaledObjectSpec;
  status?: ScaledObjectStatus;
}

export const NAME_LABEL = 'scaledobject.keda.sh/name';
export const PAUSED = 'autoscaling.keda.sh/paused';
export const PAUSED_REPLICAS = 'autoscaling.keda.sh/paused-replicas';
export const PAUSED_SCALE_IN = 'autoscaling.keda.sh/paused-scale-in';
export const PAUSED_SCALE_OUT = 'autoscaling.keda.sh/paused-scale-out';
/** Active, whatever the triggers say. */
export const FORCED = 'autoscaling.keda.sh/force-activation';
/** `true`: an autoscaler that is there and named in `advanced.horizontalPodAutoscalerConfig` is taken over. */
export const TRANSFER = 'scaledobject.keda.sh/transfer-hpa-ownership';
/** Labels of the ScaledObject that its autoscaler does not get, with commas. */
export const EXCLUDED_LABELS = 'scaledobject.keda.sh/hpa-excluded-labels';
/** `false`, on an autoscaler: it may scale the same workload as a ScaledObject. */
export const OWNERSHIP_CHECK = 'validations.keda.sh/hpa-ownership';

const schema = objectSchema(() => ({
  spec: struct({
    scaleTargetRef: struct({ name: text, apiVersion: text, kind: text, envSourceContainerName: text }, ['name']),
    pollingInterval: int32, initialCooldownPeriod: int32, cooldownPeriod: int32, idleReplicaCount: replicas, minReplicaCount: replicas, maxReplicaCount: replicas,
    advanced: struct({
      restoreToOriginalReplicaCount: flag,
      horizontalPodAutoscalerConfig: struct({ name: text, behavior: () => schemaOfType('io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior') ?? {} }),
      scalingModifiers: struct({ formula: text, target: text, activationTarget: text, metricType: oneOf(['AverageValue', 'Value']) }),
    }),
    triggers,
    fallback: struct({ failureThreshold: int32, replicas: int32, behavior: oneOf(['static', 'currentReplicas', 'currentReplicasIfHigher', 'currentReplicasIfLower', 'triggerScoped'], 'static') }, ['failureThreshold', 'replicas']),
  }, ['scaleTargetRef', 'triggers']),
  status: struct({
    scaleTargetKind: text, scaleTargetGVKR: struct({ group: text, version: text, kind: text, resource: text }), originalReplicaCount: int32, lastActiveTime: time, externalMetricNames: texts, resourceMetricNames: texts,
    compositeScalerName: text, conditions: kedaConditions, health: { type: 'object', additionalProperties: struct({ numberOfFailures: int32, status: text }) }, pausedReplicaCount: int32, hpaName: text, triggersTypes: text, authenticationsTypes: text,
  }),
}));

export const ScaledObject: Kind<ScaledObject> = defineKind<ScaledObject>({
  group: GROUP, version: VERSION, kind: 'ScaledObject', plural: 'scaledobjects', namespaced: true, shortNames: ['so'], schema, subresources: { status: true },
  rules: { ...CUSTOM_RULES, validate: ({ spec }) => (spec === undefined ? [required('spec')] : validateBounds(spec)) },
  columns: [
    NAME, column('ScaleTargetKind', ({ status }) => status?.scaleTargetKind ?? ''), column('ScaleTargetName', ({ spec }) => spec?.scaleTargetRef?.name ?? ''),
    column('Min', ({ spec }) => spec?.minReplicaCount ?? null, { type: 'integer' }), column('Max', ({ spec }) => spec?.maxReplicaCount ?? null, { type: 'integer' }),
    ...['Ready', 'Active', 'Fallback', 'Paused'].map((type) => column(type, ({ status }: ScaledObject) => conditionStatus(status?.conditions, type))),
    column('Triggers', ({ status }) => status?.triggersTypes ?? ''), column('Authentications', ({ status }) => status?.authenticationsTypes ?? ''), AGE,
  ],
});

/** The words are upstream's (CheckReplicaCountBoundsAreValid, CheckFallbackValid). */
function validateBounds({ minReplicaCount: least, maxReplicaCount = 100, idleReplicaCount, fallback, triggers: all = [] }: ScaledObjectSpec): FieldError[] {
  const errors: FieldError[] = [];
  // One that is said is one at least, since an autoscaler has no less: beside 0, none may be idle.
  const minReplicaCount = least === undefined ? 0 : Math.max(1, least);
  if (minReplicaCount > maxReplicaCount) errors.push(invalid('spec.minReplicaCount', minReplicaCount, `MinReplicaCount=${minReplicaCount} must be less than MaxReplicaCount=${maxReplicaCount}`));
  if (idleReplicaCount !== undefined && idleReplicaCount >= minReplicaCount) errors.push(invalid('spec.idleReplicaCount', idleReplicaCount, `IdleReplicaCount=${idleReplicaCount} must be less than MinReplicaCount=${minReplicaCount}`));
  if (fallback !== undefined) {
    if (fallback.failureThreshold < 0 || fallback.replicas < 0) errors.push(invalid('spec.fallback', fallback, `FailureThreshold=${fallback.failureThreshold} & Replicas=${fallback.replicas} must both be greater than or equal to 0`));
    if (all.every(({ type }) => isResource(type))) errors.push(invalid('spec.fallback', fallback, 'at least one trigger (that is not cpu or memory) has to have the `AverageValue` or `Value` type for the fallback to be enabled'));
  }
  if (least === 0 && all.length > 0 && all.every(({ type }) => isResource(type))) errors.push(invalid('spec.minReplicaCount', 0, "scaledobject has only cpu/memory triggers AND minReplica is 0 (scale to zero doesn't work in this case)"));
  return [...errors, ...triggerErrors(all)];
}

const isResource = (type: string): boolean => type === 'cpu' || type === 'memory';
