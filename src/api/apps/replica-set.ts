/** ReplicaSet (apps/v1). */
import type { ReplicaSet as ReplicaSetType } from '../generated/apps-v1.ts';
import { showSelector } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { ownerNameWarnings, podWarnings } from '../core/pod-warnings.ts';
import { required } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { replicaColumns, REPLICAS } from './replicas.ts';
import { countErrors } from './status-validation.ts';
import { endlessErrors, nonNegative, workloadErrors } from './workload.ts';

export type ReplicaSet = ReplicaSetType;

export const ReplicaSet: Kind<ReplicaSet> = defineKind<ReplicaSet>({
  group: 'apps', version: 'v1', kind: 'ReplicaSet', plural: 'replicasets', namespaced: true,
  shortNames: ['rs'], categories: ['all'],
  schema: () => schemaOf('apps', 'v1', 'ReplicaSet'),
  rules: {
    defaults({ spec }) {
      if (spec === undefined) return;
      spec.replicas ??= 1;
      if (spec.template !== undefined) defaultPodTemplate(spec.template);
    },
    prepareForCreate(set) {
      set.status = { replicas: 0 };
    },
    validate: ({ spec }, old) => (spec === undefined ? [required('spec.selector'), required('spec.template')]
      : [...workloadErrors(spec, old?.spec, { restartPolicies: ['Always'] }), ...nonNegative('spec.minReadySeconds', spec.minReadySeconds), ...endlessErrors(spec.template, 'ReplicaSet')]),
    validateStatus: ({ status }) => countErrors(status, ['replicas', 'observedGeneration'], ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas']),
    warnings: ({ metadata, spec }, old) => [...ownerNameWarnings(metadata, old), ...podWarnings(spec?.template, 'spec.template')],
  },
  subresources: { status: true, scale: REPLICAS },
  columns: replicaColumns<ReplicaSet>(({ spec }) => showSelector(spec?.selector)),
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
});
