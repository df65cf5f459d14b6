/** VerticalPodAutoscaler and its checkpoints (autoscaling.k8s.io/v1). Source: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/apis. */
import { AGE, column, NAME } from '../columns.ts';
import { notSupported, required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { conditions, int32, objectSchema, oneOf, quantities, struct, text, texts, time } from '../schema/build.ts';

const GROUP = 'autoscaling.k8s.io';
const UPDATE_MODES = ['Off', 'Initial', 'Recreate', 'InPlaceOrRecreate', 'Auto'] as const;
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
    updatePolicy?: { updateMode?: UpdateMode; minReplicas?: number; evictionRequirements?: { resources: string[]; changeRequirement: string }[] };
    resourcePolicy?: { containerPolicies?: ContainerResourcePolicy[] };
    recommenders?: { name: string }[];
  };
  status?: { recommendation?: { containerRecommendations?: RecommendedContainerResources[] }; conditions?: { type: string; status: string; reason: string; message: string; lastTransitionTime: string }[] };
}

/** Weights of buckets, the heaviest 10,000. */
export interface HistogramCheckpoint { referenceTimestamp?: string; bucketWeights?: Record<string, number>; totalWeight?: number }

export interface VerticalPodAutoscalerCheckpoint extends KubeObject {
  spec: { vpaObjectName?: string; containerName?: string };
  status?: { lastUpdateTime?: string; version?: string; cpuHistogram?: HistogramCheckpoint; memoryHistogram?: HistogramCheckpoint; firstSampleStart?: string; lastSampleStart?: string; totalSamplesCount?: number };
}

const histogram = struct({ referenceTimestamp: time, bucketWeights: { type: 'object', additionalProperties: int32 }, totalWeight: { type: 'number' } });

const schema = objectSchema(() => ({
  spec: struct({
    targetRef: struct({ apiVersion: text, kind: text, name: text }, ['kind', 'name']),
    updatePolicy: struct({ updateMode: text, minReplicas: int32, evictionRequirements: { type: 'array', items: struct({ resources: texts, changeRequirement: oneOf(['TargetHigherThanRequests', 'TargetLowerThanRequests']) }, ['changeRequirement', 'resources']) } }),
    resourcePolicy: struct({ containerPolicies: { type: 'array', items: struct({ containerName: text, mode: oneOf(['Auto', 'Off']), minAllowed: quantities, maxAllowed: quantities, controlledResources: { type: 'array', items: oneOf(['cpu', 'memory']) }, controlledValues: oneOf(['RequestsAndLimits', 'RequestsOnly']) }) } }),
    recommenders: { type: 'array', items: struct({ name: text }, ['name']) },
  }),
  status: struct({
    recommendation: struct({ containerRecommendations: { type: 'array', items: struct({ containerName: text, target: quantities, lowerBound: quantities, upperBound: quantities, uncappedTarget: quantities }, ['target']) } }), conditions,
  }),
}));

const first = ({ status }: VerticalPodAutoscaler, resource: string): string => status?.recommendation?.containerRecommendations?.[0]?.target?.[resource] ?? '';

export const VerticalPodAutoscaler: Kind<VerticalPodAutoscaler> = defineKind<VerticalPodAutoscaler>({
  group: GROUP, version: 'v1', kind: 'VerticalPodAutoscaler', plural: 'verticalpodautoscalers', namespaced: true, shortNames: ['vpa'], schema, subresources: { status: true },
  rules: {
    validate({ spec }): FieldError[] {
      if (spec?.targetRef === undefined) return [required('spec.targetRef')];
      const mode = spec.updatePolicy?.updateMode;
      return mode !== undefined && !UPDATE_MODES.includes(mode) ? [notSupported('spec.updatePolicy.updateMode', mode, UPDATE_MODES, 'as-given')] : [];
    },
  },
  columns: [
    NAME, column('Mode', ({ spec }) => spec?.updatePolicy?.updateMode ?? 'Auto'), column('CPU', (vpa) => first(vpa, 'cpu')), column('Mem', (vpa) => first(vpa, 'memory')),
    column('Provided', ({ status }) => status?.conditions?.find(({ type }) => type === 'RecommendationProvided')?.status ?? ''), AGE,
  ],
});

export const VerticalPodAutoscalerCheckpoint: Kind<VerticalPodAutoscalerCheckpoint> = defineKind<VerticalPodAutoscalerCheckpoint>({
  group: GROUP, version: 'v1', kind: 'VerticalPodAutoscalerCheckpoint', plural: 'verticalpodautoscalercheckpoints', namespaced: true, shortNames: ['vpacheckpoint'], subresources: { status: true },
  schema: objectSchema(() => ({
    spec: struct({ vpaObjectName: text, containerName: text }),
    status: struct({ lastUpdateTime: time, version: text, cpuHistogram: histogram, memoryHistogram: histogram, firstSampleStart: time, lastSampleStart: time, totalSamplesCount: { type: 'integer' } }),
  })),
});
