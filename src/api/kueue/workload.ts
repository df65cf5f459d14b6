/** Workload (kueue.x-k8s.io): what waits for quota as one, and what came of it. */
import { AGE, column, NAME } from '../columns.ts';
import type { Kind } from '../kind.ts';
import { float64 } from '../schema/build.ts';
import type { Schema } from '../schema/schema.ts';
import { defineKueueKind } from './define.ts';
import { POD_PRIORITY_SOURCE, WORKLOAD_PRIORITY_SOURCE } from './conversion.ts';
import { conditions, core, count, flag, int32, listByKey, objectSchema, oneOf, quantities, reference, struct, text, textMap, texts, time } from './schema.ts';
import type { Workload as WorkloadType } from './types.ts';
import { statusOf, workloadErrors, workloadStatusErrors } from './workload-rules.ts';

export type Workload = WorkloadType;

const setName = { type: 'string' as const, maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', default: 'main' };
const topologyRequest = struct({
  required: text, preferred: text, unconstrained: flag, podIndexLabel: text, subGroupIndexLabel: text, subGroupCount: int32, podSetGroupName: text, podSetSliceRequiredTopology: text, podSetSliceSize: count(1),
  podsetSliceRequiredTopologyConstraints: { type: 'array', items: struct({ topology: { ...text, minLength: 1, maxLength: 63 }, size: count(1) }, ['topology', 'size']), maxItems: 3, xListType: 'atomic' },
});
const podSet = struct({ name: setName, template: core('PodTemplateSpec'), count: { ...count(), default: 1 }, minCount: count(), topologyRequest }, ['count', 'template']);
const levels = { ...texts, minItems: 1, maxItems: 16, xListType: 'atomic' as const };
const topologyAssignment = struct({ levels, domains: { type: 'array', items: struct({ values: levels, count: count(1) }, ['values', 'count']), maxItems: 100_000, xListType: 'atomic' } }, ['levels', 'domains']);
const individual = struct({ prefix: text, suffix: text, roots: texts }, ['roots']);
const slice = struct({
  domainCount: count(1), valuesPerLevel: { type: 'array', items: struct({ universal: text, individual }), minItems: 1, maxItems: 16, xListType: 'atomic' },
  podCounts: struct({ universal: count(1), individual: { type: 'array', items: int32, xListType: 'atomic' } }),
}, ['domainCount', 'valuesPerLevel', 'podCounts']);
const newTopologyAssignment = struct({ levels, slices: { type: 'array', items: slice, maxItems: 1_000, xListType: 'atomic' } }, ['levels', 'slices']);
const assignment = (topology: Schema) => struct({ name: setName, flavors: { type: 'object', additionalProperties: reference }, resourceUsage: quantities, count: count(), topologyAssignment: topology, delayedTopologyRequest: text }, ['name']);
const update = struct({ name: text, labels: textMap, annotations: textMap, nodeSelector: textMap, tolerations: { type: 'array', items: core('Toleration'), maxItems: 8 } }, ['name']);
const check = struct({ name: text, state: oneOf(['Pending', 'Ready', 'Retry', 'Rejected']), lastTransitionTime: time, message: text, retryCount: int32, requeueAfterSeconds: int32, podSetUpdates: { type: 'array', items: update, maxItems: 8 } }, ['name', 'state', 'lastTransitionTime', 'message']);
const prediction = struct({
  runSeconds: float64, keptSeconds: float64, source: text, errorPercent: float64, startTime: time, endTime: time, position: int32, ahead: texts,
  lacks: { type: 'array', items: struct({ flavor: text, resource: text, needed: text, available: text }) },
});

const spec = { podSets: listByKey(podSet, 'name', { minItems: 1, maxItems: 8 }), queueName: reference, priority: int32, active: { ...flag, default: true }, maximumExecutionTimeSeconds: count(1) };
const status = (executionTime: string, topology: Schema) => struct({
  conditions, admission: struct({ clusterQueue: reference, podSetAssignments: listByKey(assignment(topology), 'name', { maxItems: 8 }) }, ['clusterQueue', 'podSetAssignments']),
  requeueState: struct({ count: count(), requeueAt: time }), reclaimablePods: listByKey(struct({ name: text, count: count() }, ['name', 'count']), 'name', { maxItems: 8 }),
  admissionChecks: listByKey(check, 'name', { maxItems: 8 }), resourceRequests: listByKey(struct({ name: setName, resources: quantities }, ['name']), 'name', { maxItems: 8 }),
  [executionTime]: int32, schedulingStats: struct({ evictions: { type: 'array', items: struct({ reason: text, underlyingCause: text, count: count() }, ['reason', 'underlyingCause', 'count']) } }),
  nominatedClusterNames: texts, clusterName: text, unhealthyNodes: listByKey(struct({ name: text }, ['name']), 'name'), prediction,
});

export const [Workload, WorkloadV1beta2]: readonly [Kind<Workload>, Kind<Workload>] = defineKueueKind<Workload>({
  kind: 'Workload', plural: 'workloads', namespaced: true, shortNames: ['wl'],
  schema: objectSchema(() => ({
    spec: struct({ ...spec, priorityClassName: reference, priorityClassSource: oneOf([WORKLOAD_PRIORITY_SOURCE, POD_PRIORITY_SOURCE, ''], '') }, ['podSets']), status: status('accumulatedPastExexcutionTimeSeconds', topologyAssignment),
  })),
  newSchema: objectSchema(() => ({
    spec: struct({ ...spec, priorityClassRef: struct({ group: oneOf(['kueue.x-k8s.io', 'scheduling.k8s.io']), kind: oneOf(['WorkloadPriorityClass', 'PriorityClass']), name: { ...reference, minLength: 1 } }, ['group', 'kind', 'name']) }, ['podSets']), status: status('accumulatedPastExecutionTimeSeconds', newTopologyAssignment),
  })),
  subresources: { status: true }, selectableFields: { 'status.admission.clusterQueue': (workload) => workload.status?.admission?.clusterQueue ?? '' },
  rules: { validate: workloadErrors, validateStatus: workloadStatusErrors },
  columns: [
    NAME,
    column('Queue', (workload) => workload.spec?.queueName ?? ''),
    column('Reserved in', (workload) => workload.status?.admission?.clusterQueue ?? ''),
    column('Admitted', (workload) => statusOf(workload, 'Admitted')),
    column('Finished', (workload) => statusOf(workload, 'Finished')),
    AGE,
    column('Position', (workload) => workload.status?.prediction?.position ?? null, { type: 'integer', wide: true }),
    column('Starts', (workload) => workload.status?.prediction?.startTime ?? '', { wide: true }),
  ],
});
