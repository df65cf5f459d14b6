/** VerticalPodAutoscaler and its checkpoints (autoscaling.k8s.io/v1). Source: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/apis. */
import { AGE, column, NAME } from '../columns.ts';
import { invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { CUSTOM_RULES } from '../custom/custom-rules.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { compareQuantities, isQuantity, parseQuantity, WRONG_FORMAT } from '../quantity.ts';
import type { Int64 } from '../int64.ts';
import { conditions, float64, int32, int64, objectSchema, oneOf, quantities, quantity, struct, text, texts, time } from '../schema/build.ts';

const GROUP = 'autoscaling.k8s.io';
const UPDATE_MODES = ['Off', 'Initial', 'Recreate', 'InPlaceOrRecreate', 'InPlace', 'Auto'] as const;
export type UpdateMode = (typeof UPDATE_MODES)[number];
export type Amounts = Record<string, string>;

/** More cpu from creation until a while after the pod is ready. */
export interface StartupBoost {
  cpu?: {
    /** `Factor`: the request times `factor`; `Quantity`: the request and `quantity` more. */
    type?: 'Factor' | 'Quantity';
    /** 1 or more. */
    factor?: number;
    quantity?: string | number;
    /** For how long after the pod is ready; default 0. */
    durationSeconds?: number;
  };
}

export interface ContainerResourcePolicy {
  /** `*` is for all that no other names. */
  containerName?: string;
  mode?: 'Auto' | 'Off';
  minAllowed?: Amounts;
  maxAllowed?: Amounts;
  /** Default cpu and memory. */
  controlledResources?: string[];
  /** Default RequestsAndLimits: limits keep their proportion. */
  controlledValues?: 'RequestsAndLimits' | 'RequestsOnly';
  /** What a container that ran out of memory had, times this; default 1.2. */
  oomBumpUpRatio?: string | number;
  /** Bytes more that it gets at least; default 100Mi. */
  oomMinBumpUp?: string | number;
  /** In place of that of all containers. */
  startupBoost?: StartupBoost;
}

export interface RecommendedContainerResources {
  containerName: string;
  target: Amounts;
  lowerBound: Amounts;
  upperBound: Amounts;
  /** Before the policy. */
  uncappedTarget: Amounts;
}

export interface VerticalPodAutoscaler extends KubeObject {
  spec: {
    targetRef?: { apiVersion?: string; kind: string; name: string };
    updatePolicy?: { updateMode?: UpdateMode; minReplicas?: number; /** Who ran out of memory sooner after its start is changed at once; default 600. */ evictAfterOOMSeconds?: number; evictionRequirements?: { resources: string[]; changeRequirement: string }[] };
    resourcePolicy?: { containerPolicies?: ContainerResourcePolicy[] };
    recommenders?: { name: string }[];
    startupBoost?: StartupBoost;
  };
  status?: { observedGeneration?: number; recommendation?: { containerRecommendations?: RecommendedContainerResources[] }; conditions?: { type: string; status: string; reason: string; message: string; lastTransitionTime: string }[] };
}

/** Weights of buckets, the heaviest 10,000. */
export interface HistogramCheckpoint { referenceTimestamp?: string; bucketWeights?: Record<string, number>; totalWeight?: number }

export interface VerticalPodAutoscalerCheckpoint extends KubeObject {
  spec?: { vpaObjectName?: string; containerName?: string };
  status?: { lastUpdateTime?: string; version?: string; cpuHistogram?: HistogramCheckpoint; memoryHistogram?: HistogramCheckpoint; firstSampleStart?: string; lastSampleStart?: string; totalSamplesCount?: Int64 };
}

const histogram = struct({ referenceTimestamp: time, bucketWeights: { type: 'object', additionalProperties: int32 }, totalWeight: float64 });

const BOOST_TYPES = ['Factor', 'Quantity'] as const;
const startupBoost = struct({ cpu: struct({ type: text, factor: int32, quantity, durationSeconds: int32 }) });

const schema = objectSchema(() => ({
  spec: struct({
    targetRef: struct({ apiVersion: text, kind: text, name: text }, ['kind', 'name']),
    updatePolicy: struct({ updateMode: text, minReplicas: int32, evictAfterOOMSeconds: int32, evictionRequirements: { type: 'array', items: struct({ resources: texts, changeRequirement: oneOf(['TargetHigherThanRequests', 'TargetLowerThanRequests']) }, ['changeRequirement', 'resources']) } }),
    resourcePolicy: struct({ containerPolicies: { type: 'array', items: struct({ containerName: text, mode: oneOf(['Auto', 'Off']), minAllowed: quantities, maxAllowed: quantities, controlledResources: { type: 'array', items: oneOf(['cpu', 'memory']) }, controlledValues: oneOf(['RequestsAndLimits', 'RequestsOnly']), oomBumpUpRatio: quantity, oomMinBumpUp: quantity, startupBoost }) } }),
    recommenders: { type: 'array', items: struct({ name: text }, ['name']) }, startupBoost,
  }),
  status: struct({
    observedGeneration: int64, recommendation: struct({ containerRecommendations: { type: 'array', items: struct({ containerName: text, target: quantities, lowerBound: quantities, upperBound: quantities, uncappedTarget: quantities }, ['target']) } }), conditions,
  }),
}));

const first = ({ status }: VerticalPodAutoscaler, resource: string): string => status?.recommendation?.containerRecommendations?.[0]?.target?.[resource] ?? '';

/** What upstream's admission controller refuses (ValidateVPA), and its words. */
function specErrors(spec: VerticalPodAutoscaler['spec'] | undefined): FieldError[] {
  if (spec?.targetRef === undefined) return [required('spec.targetRef')];
  const { updatePolicy, resourcePolicy, recommenders = [] } = spec;
  const mode = updatePolicy?.updateMode;
  const errors = (resourcePolicy?.containerPolicies ?? []).flatMap((policy, index) => policyErrors(policy, `spec.resourcePolicy.containerPolicies[${index}]`));
  if (updatePolicy !== undefined && (mode ?? '') === '') errors.push(required('spec.updatePolicy.updateMode', 'updateMode is required if UpdatePolicy is used'));
  else if (mode !== undefined && !UPDATE_MODES.includes(mode)) errors.push(notSupported('spec.updatePolicy.updateMode', mode, UPDATE_MODES, 'as-given'));
  if (updatePolicy?.minReplicas !== undefined && updatePolicy.minReplicas <= 0) errors.push(invalid('spec.updatePolicy.minReplicas', updatePolicy.minReplicas, `MinReplicas has to be positive, got ${updatePolicy.minReplicas}`));
  if (updatePolicy?.evictAfterOOMSeconds !== undefined && updatePolicy.evictAfterOOMSeconds < 1) errors.push(invalid('spec.updatePolicy.evictAfterOOMSeconds', updatePolicy.evictAfterOOMSeconds, 'must be greater than or equal to 1'));
  if (recommenders.length > 1) errors.push(invalid('spec.recommenders', recommenders.map(({ name }) => name), "the current version of VPA object shouldn't specify more than one recommenders"));
  return [...errors, ...boostErrors(spec.startupBoost, 'spec.startupBoost')];
}

function boostErrors(boost: StartupBoost | undefined, path: string): FieldError[] {
  if (boost?.cpu === undefined) return [];
  const { type, factor, quantity: more, durationSeconds } = boost.cpu;
  const errors: FieldError[] = [];
  if ((type ?? '') === '') errors.push(required(`${path}.cpu.type`, `must be either ${BOOST_TYPES.join(' or ')}`));
  else if (!BOOST_TYPES.includes(type!)) errors.push(notSupported(`${path}.cpu.type`, type, BOOST_TYPES));
  if (type === 'Factor' && factor === undefined) errors.push(required(`${path}.cpu.factor`, 'must be >= 1 for type Factor'));
  else if (type === 'Factor' && factor! < 1) errors.push(invalid(`${path}.cpu.factor`, factor, 'must be >= 1 for type Factor'));
  if (type === 'Quantity' && more === undefined) errors.push(required(`${path}.cpu.quantity`, 'is needed for type Quantity'));
  else if (type === 'Quantity') errors.push(...amountErrors('cpu', String(more), `${path}.cpu.quantity`));
  if (durationSeconds !== undefined && durationSeconds < 0) errors.push(invalid(`${path}.cpu.durationSeconds`, durationSeconds, 'must be greater than or equal to 0'));
  return errors;
}

function amountErrors(resource: string, amount: string, path: string): FieldError[] {
  const whole = resource === 'cpu' ? 1_000_000n : 1_000_000_000n;
  if (!isQuantity(amount)) return [invalid(path, amount, WRONG_FORMAT)];
  if (parseQuantity(amount).nano % whole !== 0n) return [invalid(path, amount, `must be a whole number of ${resource === 'cpu' ? 'milli CPUs' : 'bytes'}`)];
  return [];
}

function policyErrors({ containerName, mode, minAllowed = {}, maxAllowed = {}, controlledValues, oomBumpUpRatio, oomMinBumpUp, startupBoost: boost }: ContainerResourcePolicy, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (containerName === undefined || containerName === '') errors.push(required(`${path}.containerName`, 'ContainerPolicies.ContainerName is required'));
  for (const [field, amounts] of [['minAllowed', minAllowed], ['maxAllowed', maxAllowed]] as const) {
    for (const [resource, amount] of Object.entries(amounts)) errors.push(...amountErrors(resource, amount, `${path}.${field}.${resource}`));
  }
  for (const [resource, least] of Object.entries(minAllowed)) {
    const most = maxAllowed[resource];
    if (isQuantity(most) && isQuantity(least) && compareQuantities(most, least) < 0) errors.push(invalid(`${path}.maxAllowed.${resource}`, most, `max resource for ${resource} is lower than min`));
  }
  for (const [field, amount, least] of [['oomBumpUpRatio', oomBumpUpRatio, '1'], ['oomMinBumpUp', oomMinBumpUp, '0']] as const) {
    if (amount === undefined) continue;
    if (!isQuantity(String(amount))) errors.push(invalid(`${path}.${field}`, amount, WRONG_FORMAT));
    else if (compareQuantities(String(amount), least) < 0) errors.push(invalid(`${path}.${field}`, amount, `must be greater than or equal to ${least}`));
  }
  if (mode === 'Off' && controlledValues === 'RequestsAndLimits') errors.push(invalid(`${path}.controlledValues`, controlledValues, "ControlledValues shouldn't be specified if container scaling mode is off."));
  return [...errors, ...boostErrors(boost, `${path}.startupBoost`)];
}

export const VerticalPodAutoscaler: Kind<VerticalPodAutoscaler> = defineKind<VerticalPodAutoscaler>({
  group: GROUP, version: 'v1', kind: 'VerticalPodAutoscaler', plural: 'verticalpodautoscalers', namespaced: true, shortNames: ['vpa'], schema, subresources: { status: true },
  rules: { ...CUSTOM_RULES, validate: ({ spec }) => specErrors(spec) },
  columns: [
    NAME, column('Mode', ({ spec }) => spec?.updatePolicy?.updateMode ?? 'Auto'), column('CPU', (vpa) => first(vpa, 'cpu')), column('Mem', (vpa) => first(vpa, 'memory')),
    column('Provided', ({ status }) => status?.conditions?.find(({ type }) => type === 'RecommendationProvided')?.status ?? ''), AGE,
  ],
});

export const VerticalPodAutoscalerCheckpoint: Kind<VerticalPodAutoscalerCheckpoint> = defineKind<VerticalPodAutoscalerCheckpoint>({
  group: GROUP, version: 'v1', kind: 'VerticalPodAutoscalerCheckpoint', plural: 'verticalpodautoscalercheckpoints', namespaced: true, shortNames: ['vpacheckpoint'], subresources: { status: true }, rules: CUSTOM_RULES,
  schema: objectSchema(() => ({
    spec: struct({ vpaObjectName: text, containerName: text }),
    status: struct({ lastUpdateTime: time, version: text, cpuHistogram: histogram, memoryHistogram: histogram, firstSampleStart: time, lastSampleStart: time, totalSamplesCount: { type: 'integer' } }),
  })),
});
