/** ReplicationController (core/v1): what ReplicaSet was before, with a plain map for a selector. */
import type { ReplicationController as ReplicationControllerType } from '../generated/core-v1.ts';
import { replicaColumns, REPLICAS } from '../apps/replicas.ts';
import { countErrors } from '../apps/status-validation.ts';
import { nonNegative, workloadErrors } from '../apps/workload.ts';
import { showLabels } from '../columns.ts';
import { required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { defaultPodTemplate } from './pod-defaults.ts';
import { podWarnings } from './pod-warnings.ts';

export type ReplicationController = ReplicationControllerType;

export const ReplicationController: Kind<ReplicationController> = defineKind<ReplicationController>({
  group: '', version: 'v1', kind: 'ReplicationController', plural: 'replicationcontrollers', namespaced: true,
  shortNames: ['rc'], categories: ['all'],
  schema: () => schemaOf('', 'v1', 'ReplicationController'),
  rules: {
    orphansDependents: true,
    defaults: fillIn,
    prepareForCreate(controller) {
      controller.status = { replicas: 0 };
    },
    validate: controllerErrors,
    validateStatus: ({ status }) => countErrors(status, ['replicas', 'observedGeneration'], ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']),
    warnings: ({ spec }) => podWarnings(spec?.template, 'spec.template'),
  },
  subresources: { status: true, scale: REPLICAS },
  columns: replicaColumns<ReplicationController>(({ spec }) => showLabels(spec?.selector)),
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
});

/** Selector and labels come from the labels of the template where they are left out. */
function fillIn({ metadata, spec }: ReplicationController): void {
  if (spec === undefined) return;
  spec.replicas ??= 1;
  spec.minReadySeconds ??= 0;
  if (spec.template === undefined) return;
  defaultPodTemplate(spec.template);
  const labels = spec.template.metadata?.labels;
  if (labels === undefined) return;
  if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
  if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
}

function controllerErrors({ spec }: ReplicationController, old: ReplicationController | undefined): FieldError[] {
  if (spec === undefined) return [required('spec.selector'), required('spec.template')];
  const selector = Object.keys(spec.selector ?? {}).length === 0 ? undefined : { matchLabels: spec.selector };
  // Unlike that of a ReplicaSet the selector may change.
  const before = old?.spec === undefined ? undefined : { ...old.spec, selector };
  return [...workloadErrors({ ...spec, selector }, before, { restartPolicies: ['Always'] }), ...nonNegative('spec.minReadySeconds', spec.minReadySeconds)];
}
