/** ScaledJob (keda.sh/v1alpha1): Jobs by the work that waits, a job for so much of it. */
import type { JobSpec } from '../generated/batch-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { CUSTOM_RULES } from '../custom/custom-rules.ts';
import { defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta.ts';
import { schemaOfType } from '../schema/facts.ts';
import { int32, objectSchema, struct, text, texts, time } from '../schema/build.ts';
import { conditionStatus, GROUP, kedaConditions, replicas, triggerErrors, triggers, VERSION, type KedaCondition, type TriggerSpec } from './triggers.ts';

export interface ScaledJobSpec {
  jobTargetRef: JobSpec;
  /** s; default 30. */
  pollingInterval?: number;
  /** Default 100. */
  successfulJobsHistoryLimit?: number;
  failedJobsHistoryLimit?: number;
  envSourceContainerName?: string;
  /** Default 0. */
  minReplicaCount?: number;
  /** Default 100. */
  maxReplicaCount?: number;
  rolloutStrategy?: string;
  rollout?: { strategy?: string; propagationPolicy?: string };
  scalingStrategy?: {
    strategy?: string;
    customScalingQueueLengthDeduction?: number;
    customScalingRunningJobPercentage?: string;
    pendingPodConditions?: string[];
    multipleScalersCalculation?: string;
  };
  triggers: TriggerSpec[];
}

export interface ScaledJob extends KubeObject {
  spec: ScaledJobSpec;
  status?: { lastActiveTime?: string; conditions?: KedaCondition[]; isPaused?: string };
}

const schema = objectSchema(() => ({
  spec: struct({
    jobTargetRef: () => schemaOfType('io.k8s.api.batch.v1.JobSpec') ?? {}, pollingInterval: int32, successfulJobsHistoryLimit: replicas, failedJobsHistoryLimit: replicas, envSourceContainerName: text, minReplicaCount: replicas, maxReplicaCount: replicas,
    rolloutStrategy: text, rollout: struct({ strategy: text, propagationPolicy: text }),
    scalingStrategy: struct({ strategy: text, customScalingQueueLengthDeduction: int32, customScalingRunningJobPercentage: text, pendingPodConditions: texts, multipleScalersCalculation: text }),
    triggers,
  }, ['jobTargetRef', 'triggers']),
  status: struct({ lastActiveTime: time, conditions: kedaConditions, isPaused: text }),
}));

const each = (spec: ScaledJobSpec | undefined, read: (trigger: TriggerSpec) => string | undefined): string => (spec?.triggers ?? []).map(read).filter((value) => value !== undefined).join(',');

export const ScaledJob: Kind<ScaledJob> = defineKind<ScaledJob>({
  group: GROUP, version: VERSION, kind: 'ScaledJob', plural: 'scaledjobs', namespaced: true, shortNames: ['sj'], schema, subresources: { status: true },
  rules: { ...CUSTOM_RULES, validate: ({ spec }) => triggerErrors(spec?.triggers ?? []) },
  columns: [
    NAME, column('Min', ({ spec }) => spec?.minReplicaCount ?? null, { type: 'integer' }), column('Max', ({ spec }) => spec?.maxReplicaCount ?? null, { type: 'integer' }),
    column('Triggers', ({ spec }) => each(spec, ({ type }) => type)), column('Authentication', ({ spec }) => each(spec, ({ authenticationRef }) => authenticationRef?.name)),
    ...['Ready', 'Active', 'Paused'].map((type) => column(type, ({ status }: ScaledJob) => conditionStatus(status?.conditions, type))), AGE,
  ],
});
