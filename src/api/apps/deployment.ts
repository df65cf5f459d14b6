/** Deployment (apps/v1). */
import type { Deployment as DeploymentType, DeploymentSpec } from '../generated/apps-v1.ts';
import { AGE, column, containerColumns, NAME, showSelector } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { ownerNameWarnings, podWarnings } from '../core/pod-warnings.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { REPLICAS } from './replicas.ts';
import { collisionErrors, countErrors } from './status-validation.ts';
import { endlessErrors, intOrPercentErrors, isZero, nonNegative, workloadErrors } from './workload.ts';

export type Deployment = DeploymentType;

export const Deployment: Kind<Deployment> = defineKind<Deployment>({
  group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', namespaced: true,
  shortNames: ['deploy'], categories: ['all'],
  schema: () => schemaOf('apps', 'v1', 'Deployment'),
  rules: {
    statusKeeps: ['labels'],
    defaults: defaultDeployment,
    prepareForCreate(deployment) {
      deployment.status = {};
    },
    validate: (deployment, old) => deploymentErrors(deployment, old),
    validateStatus: ({ status }, old) => [...countErrors(status, ['observedGeneration', 'replicas', 'unavailableReplicas', 'collisionCount'], ['updatedReplicas', 'readyReplicas', 'availableReplicas']), ...collisionErrors(status, old.status)],
    warnings: ({ metadata, spec }, old) => [...ownerNameWarnings(metadata, old), ...podWarnings(spec?.template, 'spec.template')],
  },
  subresources: { status: true, scale: REPLICAS },
  columns: [
    NAME,
    column('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`),
    column('Up-to-date', ({ status }) => status?.updatedReplicas ?? 0),
    column('Available', ({ status }) => status?.availableReplicas ?? 0),
    AGE,
    ...containerColumns<Deployment>(({ spec }) => spec?.template),
    column('Selector', ({ spec }) => showSelector(spec?.selector), { wide: true }),
  ],
});

function defaultDeployment(deployment: Deployment): void {
  const spec = deployment.spec;
  if (spec === undefined) return;
  spec.replicas ??= 1;
  const strategy = (spec.strategy ??= {});
  strategy.type ||= 'RollingUpdate';
  if (strategy.type === 'RollingUpdate') {
    const rolling = (strategy.rollingUpdate ??= {});
    rolling.maxUnavailable ??= '25%';
    rolling.maxSurge ??= '25%';
  }
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
  if (spec.template !== undefined) defaultPodTemplate(spec.template);
}

function deploymentErrors(deployment: Deployment, old: Deployment | undefined): FieldError[] {
  const spec = deployment.spec;
  if (spec === undefined) return [required('spec.selector'), required('spec.template')];
  const errors = workloadErrors(spec, old?.spec, { restartPolicies: ['Always'] });
  errors.push(...strategyErrors(spec), ...endlessErrors(spec.template, 'ReplicaSet'));
  errors.push(...nonNegative('spec.minReadySeconds', spec.minReadySeconds));
  errors.push(...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit));
  errors.push(...nonNegative('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds));
  if (spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0)) {
    errors.push(invalid('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds, 'must be greater than minReadySeconds'));
  }
  return errors;
}

function strategyErrors(spec: DeploymentSpec): FieldError[] {
  const { type, rollingUpdate } = spec.strategy ?? {};
  if (type === 'Recreate') return rollingUpdate === undefined ? [] : [forbidden('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'")];
  if (type !== 'RollingUpdate') return [notSupported('spec.strategy.type', type ?? '', ['Recreate', 'RollingUpdate'])];
  if (rollingUpdate === undefined) return [required('spec.strategy.rollingUpdate', 'this should be defaulted and never be nil')];
  const path = 'spec.strategy.rollingUpdate';
  const errors = [
    ...intOrPercentErrors(`${path}.maxUnavailable`, rollingUpdate.maxUnavailable, { atMost100Percent: true }),
    ...intOrPercentErrors(`${path}.maxSurge`, rollingUpdate.maxSurge),
  ];
  if (isZero(rollingUpdate.maxUnavailable) && isZero(rollingUpdate.maxSurge)) errors.push(invalid(`${path}.maxUnavailable`, rollingUpdate.maxUnavailable ?? 0, 'may not be 0 when `maxSurge` is 0'));
  return errors;
}
