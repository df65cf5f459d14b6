/** LocalQueue, ResourceFlavor, WorkloadPriorityClass and AdmissionCheck (kueue.x-k8s.io). */
import { AGE, column, NAME } from '../columns.ts';
import { invalid, type FieldError } from '../field-error.ts';
import { taintErrors } from '../core/node.ts';
import { tolerationErrors } from '../core/pod-validation.ts';
import type { Kind } from '../kind.ts';
import { validateLabels } from '../metadata-validation.ts';
import { defineKueueKind } from './define.ts';
import { fairSharingErrors } from './fair-sharing.ts';
import { conditions, core, count, fairSharing, fairSharingStatus, flavorUsage, int32, int64, listByKey, objectSchema, quantity, reference, stopPolicy, struct, text, textMap, texts } from './schema.ts';
import type { AdmissionCheck as AdmissionCheckType, LocalQueue as LocalQueueType, ResourceFlavor as ResourceFlavorType, WorkloadPriorityClass as WorkloadPriorityClassType } from './types.ts';

export type LocalQueue = LocalQueueType;
export type ResourceFlavor = ResourceFlavorType;
export type WorkloadPriorityClass = WorkloadPriorityClassType;
export type AdmissionCheck = AdmissionCheckType;

const usage = flavorUsage({ total: quantity });
const queueSpec = struct({ clusterQueue: reference, stopPolicy, fairSharing });
const counts = { conditions, pendingWorkloads: count(), reservingWorkloads: count(), admittedWorkloads: count(), flavorsReservation: usage, fairSharing: fairSharingStatus };
const taints = { type: 'array' as const, items: core('Taint'), maxItems: 8, xListType: 'atomic' as const };
const tolerations = { type: 'array' as const, items: core('Toleration'), maxItems: 8, xListType: 'atomic' as const };
const nodeLabels = { ...textMap, maxProperties: 8, xMapType: 'atomic' as const };
const flavors = listByKey(struct({ name: reference, resources: texts, nodeLabels, nodeTaints: taints, topology: struct({ name: reference, levels: texts }) }, ['name']), 'name', { maxItems: 16 });

export const [LocalQueue, LocalQueueV1beta2]: readonly [Kind<LocalQueue>, Kind<LocalQueue>] = defineKueueKind<LocalQueue>({
  kind: 'LocalQueue', plural: 'localqueues', namespaced: true, shortNames: ['queue', 'queues', 'lq'],
  schema: objectSchema(() => ({ spec: queueSpec, status: struct({ ...counts, flavorUsage: usage, flavors }) })),
  newSchema: objectSchema(() => ({ spec: queueSpec, status: struct({ ...counts, flavorsUsage: usage }) })),
  subresources: { status: true },
  rules: {
    validate: ({ spec }, old): FieldError[] => [...(old !== undefined && old.spec?.clusterQueue !== spec?.clusterQueue ? [invalid('spec.clusterQueue', spec?.clusterQueue, 'field is immutable')] : []), ...fairSharingErrors(spec?.fairSharing)],
  },
  columns: [
    NAME,
    column('ClusterQueue', ({ spec }) => spec?.clusterQueue ?? ''),
    column('Pending Workloads', ({ status }) => status?.pendingWorkloads ?? 0, { type: 'integer' }),
    column('Admitted Workloads', ({ status }) => status?.admittedWorkloads ?? 0, { type: 'integer' }),
    { ...AGE, priority: 1 },
  ],
});

export const [ResourceFlavor, ResourceFlavorV1beta2]: readonly [Kind<ResourceFlavor>, Kind<ResourceFlavor>] = defineKueueKind<ResourceFlavor>({
  kind: 'ResourceFlavor', plural: 'resourceflavors', namespaced: false, shortNames: ['flavor', 'flavors', 'rf'],
  schema: objectSchema(() => ({ spec: struct({ nodeLabels, nodeTaints: taints, tolerations, topologyName: reference }) })),
  rules: {
    validate({ spec = {} }, old): FieldError[] {
      const errors = [...validateLabels(spec.nodeLabels, 'spec.nodeLabels'), ...taintErrors(spec.nodeTaints, 'spec.nodeTaints')];
      for (const [index, each] of (spec.tolerations ?? []).entries()) errors.push(...tolerationErrors(each, `spec.tolerations[${index}]`));
      if (spec.topologyName !== undefined && Object.keys(spec.nodeLabels ?? {}).length === 0) errors.push(invalid('spec', {}, 'at least one nodeLabel is required when topology is set'));
      // Its nodes may be others later, and its topology not. Source: Kueue 0.20, TAS: mutable nodeLabels, nodeTaints and tolerations.
      if (old?.spec?.topologyName !== undefined && spec.topologyName !== old.spec.topologyName) errors.push(invalid('spec.topologyName', spec.topologyName ?? '', 'field is immutable'));
      return errors;
    },
  },
});

export const [WorkloadPriorityClass, WorkloadPriorityClassV1beta2]: readonly [Kind<WorkloadPriorityClass>, Kind<WorkloadPriorityClass>] = defineKueueKind<WorkloadPriorityClass>({
  kind: 'WorkloadPriorityClass', plural: 'workloadpriorityclasses', namespaced: false,
  schema: objectSchema(() => ({ value: int32, description: text })),
  rules: {
    validate: ({ value }) => (typeof value === 'number' ? [] : [{ type: 'FieldValueRequired', field: 'value', message: 'Required value' }]),
  },
  columns: [NAME, column('Value', ({ value }) => value ?? 0, { type: 'integer' }), { ...AGE, priority: 1 }],
});

const parameters = struct({ apiGroup: reference, kind: { type: 'string', maxLength: 63, pattern: '^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$' }, name: { type: 'string', maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' } }, ['apiGroup', 'kind', 'name']);

export const [AdmissionCheck, AdmissionCheckV1beta2]: readonly [Kind<AdmissionCheck>, Kind<AdmissionCheck>] = defineKueueKind<AdmissionCheck>({
  kind: 'AdmissionCheck', plural: 'admissionchecks', namespaced: false,
  schema: objectSchema(() => ({
    spec: struct({ controllerName: text, retryDelayMinutes: { ...int64, default: 15 }, parameters }, ['controllerName']), status: struct({ conditions }),
  })),
  newSchema: objectSchema(() => ({ spec: struct({ controllerName: text, parameters }, ['controllerName']), status: struct({ conditions }) })),
  subresources: { status: true },
  rules: {
    validate: ({ spec }, old) => (old !== undefined && old.spec?.controllerName !== spec?.controllerName ? [invalid('spec.controllerName', spec?.controllerName, 'field is immutable')] : []),
  },
});
