/** StatefulSet (apps/v1). */
import type { StatefulSet as StatefulSetType, StatefulSetSpec } from '../generated/apps-v1.ts';
import { AGE, column, containerColumns, NAME } from '../columns.ts';
import { claimSpecErrors, defaultClaimSpec } from '../core/persistent-volume-claim.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { podWarnings } from '../core/pod-warnings.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { dns1123LabelErrors } from '../names.ts';
import { schemaOf } from '../schema/facts.ts';
import { REPLICAS } from './replicas.ts';
import { collisionErrors, countErrors } from './status-validation.ts';
import { intOrPercentErrors, nonNegative, workloadErrors } from './workload.ts';

export type StatefulSet = StatefulSetType;

export const StatefulSet: Kind<StatefulSet> = defineKind<StatefulSet>({
  group: 'apps', version: 'v1', kind: 'StatefulSet', plural: 'statefulsets', namespaced: true,
  shortNames: ['sts'], categories: ['all'],
  schema: () => schemaOf('apps', 'v1', 'StatefulSet'),
  rules: {
    defaults: defaultStatefulSet,
    prepareForCreate(set) {
      set.status = { replicas: 0, availableReplicas: 0 };
    },
    validate: statefulSetErrors,
    validateStatus: ({ status }, old) => [...countErrors(status, ['replicas', 'observedGeneration', 'collisionCount'], ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas']), ...collisionErrors(status, old.status)],
    warnings: ({ spec }) => podWarnings(spec?.template, 'spec.template'),
  },
  subresources: { status: true, scale: REPLICAS },
  columns: [
    NAME,
    column('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    AGE,
    ...containerColumns<StatefulSet>(({ spec }) => spec?.template),
  ],
});

function defaultStatefulSet({ spec }: StatefulSet): void {
  if (spec === undefined) return;
  spec.podManagementPolicy ||= 'OrderedReady';
  spec.serviceName ??= '';
  const strategy = (spec.updateStrategy ??= {});
  strategy.type ||= 'RollingUpdate';
  if (strategy.type === 'RollingUpdate') (strategy.rollingUpdate ??= {}).partition ??= 0;
  const retention = (spec.persistentVolumeClaimRetentionPolicy ??= {});
  retention.whenDeleted ||= 'Retain';
  retention.whenScaled ||= 'Retain';
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  if (spec.template !== undefined) defaultPodTemplate(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion ??= 'v1';
    claim.kind ??= 'PersistentVolumeClaim';
    (claim.status ??= {}).phase ??= 'Pending';
    if (claim.spec !== undefined) defaultClaimSpec(claim.spec);
  }
}

function statefulSetErrors({ spec }: StatefulSet, old: StatefulSet | undefined): FieldError[] {
  if (spec === undefined) return [required('spec.selector'), required('spec.template')];
  const errors = [...policyErrors(spec), ...strategyErrors(spec)];
  const { whenDeleted, whenScaled } = spec.persistentVolumeClaimRetentionPolicy ?? {};
  for (const [field, value] of [['whenDeleted', whenDeleted], ['whenScaled', whenScaled]] as const) {
    if (value !== undefined && value !== 'Retain' && value !== 'Delete') errors.push(notSupported(`spec.persistentVolumeClaimRetentionPolicy.${field}`, value, ['Delete', 'Retain']));
  }
  errors.push(...nonNegative('spec.minReadySeconds', spec.minReadySeconds), ...nonNegative('spec.ordinals.start', spec.ordinals?.start), ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit));
  // What may not change is told in one sentence, the selector included.
  errors.push(...workloadErrors(withClaims(spec), old?.spec && { ...withClaims(old.spec), selector: spec.selector }, { restartPolicies: ['Always'], name: 'statefulset' }));
  if (spec.template?.spec?.activeDeadlineSeconds !== undefined) errors.push(forbidden('spec.template.spec.activeDeadlineSeconds', 'activeDeadlineSeconds in StatefulSet is not Supported'));
  if (old === undefined) errors.push(...partErrors(spec));
  if (old?.spec !== undefined && !equalJson(fixedPart(spec), fixedPart(old.spec))) errors.push(forbidden('spec', IMMUTABLE));
  return errors;
}

/** What old sets may have wrong, since nobody looked then. */
function partErrors({ serviceName, volumeClaimTemplates = [] }: StatefulSetSpec): FieldError[] {
  const errors = serviceName ? dns1123LabelErrors(serviceName).map((error) => invalid('spec.serviceName', serviceName, error)) : [];
  return [...errors, ...volumeClaimTemplates.flatMap((claim, index) => claimSpecErrors(claim.spec ?? {}, `spec.volumeClaimTemplates[${index}].spec`))];
}

/** The claims are volumes of the pods, and take the place of volumes of the same name. */
function withClaims(spec: StatefulSetSpec): StatefulSetSpec {
  const claims = (spec.volumeClaimTemplates ?? []).map(({ metadata }) => ({ name: metadata?.name ?? '', persistentVolumeClaim: { claimName: metadata?.name || 'unnamed' } }));
  const pod = spec.template?.spec;
  if (claims.length === 0 || pod === undefined) return spec;
  const own = (pod.volumes ?? []).filter(({ name }) => !claims.some((each) => each.name === name));
  return { ...spec, template: { ...spec.template, spec: { ...pod, volumes: [...claims, ...own] } } };
}

const IMMUTABLE = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

function fixedPart({ replicas: _replicas, ordinals: _ordinals, template: _template, updateStrategy: _strategy, revisionHistoryLimit: _limit, persistentVolumeClaimRetentionPolicy: _retention, minReadySeconds: _ready, ...fixed }: StatefulSetSpec): unknown {
  return { ...fixed, serviceName: fixed.serviceName ?? '' };
}

function policyErrors({ podManagementPolicy: policy }: StatefulSetSpec): FieldError[] {
  return policy === 'OrderedReady' || policy === 'Parallel' ? [] : [invalid('spec.podManagementPolicy', policy ?? '', "must be 'OrderedReady' or 'Parallel'")];
}

function strategyErrors({ updateStrategy = {} }: StatefulSetSpec): FieldError[] {
  const { type, rollingUpdate } = updateStrategy;
  const path = 'spec.updateStrategy';
  if (type === 'OnDelete') return rollingUpdate === undefined ? [] : [invalid(`${path}.rollingUpdate`, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")];
  if (type !== 'RollingUpdate') return [invalid(path, updateStrategy, "must be 'RollingUpdate' or 'OnDelete'")];
  const { partition, maxUnavailable } = rollingUpdate ?? {};
  const errors = [...nonNegative(`${path}.rollingUpdate.partition`, partition), ...intOrPercentErrors(`${path}.rollingUpdate.maxUnavailable`, maxUnavailable, { atMost100Percent: true })];
  if (maxUnavailable === 0 || maxUnavailable === '0%') errors.push(invalid(`${path}.rollingUpdate.maxUnavailable`, maxUnavailable, 'cannot be 0'));
  return errors;
}
