/** DaemonSet (apps/v1). */
import type { DaemonSet as DaemonSetType, DaemonSetSpec } from '../generated/apps-v1.ts';
import { AGE, column, containerColumns, NAME, showLabels, showSelector } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod-defaults.ts';
import { podWarnings } from '../core/pod-warnings.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import { equalJson } from '../json.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { collisionErrors, countErrors } from './status-validation.ts';
import { intOrPercentErrors, isZero, nonNegative, workloadErrors } from './workload.ts';

export type DaemonSet = DaemonSetType;

/** Counts the changes of the template. */
export const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

export const DaemonSet: Kind<DaemonSet> = defineKind<DaemonSet>({
  group: 'apps', version: 'v1', kind: 'DaemonSet', plural: 'daemonsets', namespaced: true,
  shortNames: ['ds'], categories: ['all'],
  schema: () => schemaOf('apps', 'v1', 'DaemonSet'),
  rules: {
    defaults: defaultDaemonSet,
    prepareForCreate(set) {
      set.status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
      const annotations = (set.metadata.annotations ??= {});
      if (!(Number(annotations[TEMPLATE_GENERATION]) >= 1)) annotations[TEMPLATE_GENERATION] = '1';
    },
    prepareForUpdate(set, old) {
      const before = Number(old.metadata.annotations?.[TEMPLATE_GENERATION] ?? '0');
      const isNew = !equalJson(set.spec?.template, old.spec?.template);
      (set.metadata.annotations ??= {})[TEMPLATE_GENERATION] = String(isNew ? before + 1 : before);
    },
    validate: daemonSetErrors,
    validateStatus: ({ status }, old) => [...countErrors(status, ['currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady', 'observedGeneration', 'updatedNumberScheduled', 'numberAvailable', 'numberUnavailable', 'collisionCount']), ...collisionErrors(status, old.status)],
    warnings: ({ spec }) => podWarnings(spec?.template, 'spec.template'),
  },
  subresources: { status: true },
  columns: [
    NAME,
    column('Desired', ({ status }) => status?.desiredNumberScheduled ?? 0, { type: 'integer' }),
    column('Current', ({ status }) => status?.currentNumberScheduled ?? 0, { type: 'integer' }),
    column('Ready', ({ status }) => status?.numberReady ?? 0, { type: 'integer' }),
    column('Up-to-date', ({ status }) => status?.updatedNumberScheduled ?? 0, { type: 'integer' }),
    column('Available', ({ status }) => status?.numberAvailable ?? 0, { type: 'integer' }),
    column('Node Selector', ({ spec }) => showLabels(spec?.template?.spec?.nodeSelector)),
    AGE,
    ...containerColumns<DaemonSet>(({ spec }) => spec?.template),
    column('Selector', ({ spec }) => showSelector(spec?.selector), { wide: true }),
  ],
});

function defaultDaemonSet({ metadata, spec }: DaemonSet): void {
  // Upstream's conversion writes it for everybody who leaves it out, who owns it then and whose webhooks see it.
  (metadata.annotations ??= {})[TEMPLATE_GENERATION] ??= '0';
  if (spec === undefined) return;
  const strategy = (spec.updateStrategy ??= {});
  strategy.type ||= 'RollingUpdate';
  if (strategy.type === 'RollingUpdate') {
    const rolling = (strategy.rollingUpdate ??= {});
    rolling.maxUnavailable ??= 1;
    rolling.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
  if (spec.template !== undefined) defaultPodTemplate(spec.template);
}

function daemonSetErrors({ spec }: DaemonSet, old: DaemonSet | undefined): FieldError[] {
  if (spec === undefined) return [required('spec.selector'), required('spec.template')];
  const errors = workloadErrors(spec, old?.spec, { restartPolicies: ['Always'], name: 'daemonset' });
  if (spec.template?.spec?.activeDeadlineSeconds !== undefined) errors.push(forbidden('spec.template.spec.activeDeadlineSeconds', 'activeDeadlineSeconds in DaemonSet is not Supported'));
  errors.push(...strategyErrors(spec), ...nonNegative('spec.minReadySeconds', spec.minReadySeconds), ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit));
  return errors;
}

function strategyErrors({ updateStrategy }: DaemonSetSpec): FieldError[] {
  const { type, rollingUpdate } = updateStrategy ?? {};
  if (type === 'OnDelete') return [];
  if (type !== 'RollingUpdate') return [notSupported('spec.updateStrategy.type', type ?? '', ['OnDelete', 'RollingUpdate'])];
  const path = 'spec.updateStrategy.rollingUpdate';
  if (rollingUpdate === undefined) return [required(path)];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = [
    ...intOrPercentErrors(`${path}.maxUnavailable`, maxUnavailable, { atMost100Percent: true }),
    ...intOrPercentErrors(`${path}.maxSurge`, maxSurge, { atMost100Percent: true }),
  ];
  if (!isZero(maxUnavailable) && !isZero(maxSurge)) errors.push(invalid(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  if (isZero(maxUnavailable) && isZero(maxSurge)) errors.push(required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  return errors;
}
