/** VerticalPodAutoscaler and its checkpoints (autoscaling.k8s.io/v1). Source: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/apis. */
import { AGE, column, NAME } from '../columns.ts';
import { invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { CUSTOM_RULES } from '../custom/custom-rules.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { compareQuantities, isQuantity, parseQuantity, WRONG_FORMAT } from '../quantity.ts';
import type { Int64 } from '../int64.ts';
import { conditions, float64, int32, objectSchema, oneOf, quantities, quantity, struct, text, texts, time } from '../schema/build.ts';

const GROUP = 'autoscaling.k8s.io';
const UPDATE_MODES = ['Off', 'Initial', 'Recreate', 'InPlaceOrRecreate', 'InPlace', 'Auto'] as const;
export type UpdateMode = (typeof UPDATE_MODES)[number];
export type Amounts = Record<string, string>;

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
  };
  status?: { recommendation?: { containerRecommendations?: RecommendedContainerResources[] }; conditions?: { type: string; status: string; reason: string; message: string; lastTransitionTime: string }[] };
}

/** Weights of buckets, the heaviest 10,000. */
export interface HistogramCheckpoint { referenceTimestamp?: string; bucketWeights?: Record<string, number>; totalWeight?: number }

export interface VerticalPodAutoscalerCheckpoint extends KubeObject {
  spec?: { vpaObjectName?: string; containerName?: string };
  status?: { lastUpdateTime?: string; version?: string; cpuHistogram?: HistogramCheckpoint; memoryHistogram?: HistogramCheckpoint; firstSampleStart?: string; lastSampleStart?: string; totalSamplesCount?: Int64 };
}

const histogram = struct({ referenceTimestamp: time, bucketWeights: { type: 'object', additionalProperties: int32 }, totalWeight: float64 });

const schema = objectSchema(() => ({
  spec: struct({
    targetRef: struct({ apiVersion: text, kind: text, name: text }, ['kind', 'name']),
    updatePolicy: struct({ updateMode: text, minReplicas: int32, evictAfterOOMSeconds: int32, evictionRequirements: { type: 'array', items: struct({ resources: texts, changeRequirement: oneOf(['TargetHigherThanRequests', 'TargetLowerThanRequests']) }, ['changeRequirement', 'resources']) } }),
    resourcePolicy: struct({ containerPolicies: { type: 'array', items: struct({ containerName: text, mode: oneOf(['Auto', 'Off']), minAllowed: quantities, maxAllowed: quantities, controlledResources: { type: 'array', items: oneOf(['cpu', 'memory']) }, controlledValues: oneOf(['RequestsAndLimits', 'RequestsOnly']), oomBumpUpRatio: quantity, oomMinBumpUp: quantity }) } }),
    recommenders: { type: 'array', items: struct({ name: text }, ['name']) },
  }),
  status: struct({
    recommendation: struct({ containerRecommendations: { type: 'array', items: struct({ containerName: text, target: quantities, lowerBound: quantities, upperBound: quantities, uncappedTarget: quantities }, ['target']) } }), conditions,
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
  return errors;
}

function policyErrors({ containerName, mode, minAllowed = {}, maxAllowed = {}, controlledValues, oomBumpUpRatio, oomMinBumpUp }: ContainerResourcePolicy, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (containerName === undefined || containerName === '') errors.push(required(`${path}.containerName`, 'ContainerPolicies.ContainerName is required'));
  for (const [field, amounts] of [['minAllowed', minAllowed], ['maxAllowed', maxAllowed]] as const) {
    for (const [resource, amount] of Object.entries(amounts)) {
      const whole = resource === 'cpu' ? 1_000_000n : 1_000_000_000n;
      if (!isQuantity(amount)) errors.push(invalid(`${path}.${field}.${resource}`, amount, WRONG_FORMAT));
      else if (parseQuantity(amount).nano % whole !== 0n) errors.push(invalid(`${path}.${field}.${resource}`, amount, `must be a whole number of ${resource === 'cpu' ? 'milli CPUs' : 'bytes'}`));
    }
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
  return errors;
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
