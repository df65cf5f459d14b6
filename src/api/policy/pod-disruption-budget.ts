/** PodDisruptionBudget (policy/v1). */
import type { PodDisruptionBudget as PodDisruptionBudgetType } from '../generated/policy-v1.ts';
import { intOrPercentErrors, nonNegative } from '../apps/workload.ts';
import { AGE, column, NAME } from '../columns.ts';
import { invalid, notSupported, type FieldError } from '../field-error.ts';
import { defineKind, type Kind } from '../kind.ts';
import { validateLabelSelector } from '../metadata-validation.ts';
import { schemaOf } from '../schema/facts.ts';

export type PodDisruptionBudget = PodDisruptionBudgetType;

export const PodDisruptionBudget: Kind<PodDisruptionBudget> = defineKind<PodDisruptionBudget>({
  group: 'policy', version: 'v1', kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets', namespaced: true, shortNames: ['pdb'],
  schema: () => schemaOf('policy', 'v1', 'PodDisruptionBudget'),
  rules: {
    allowUnconditionalUpdate: false,
    prepareForCreate(budget) {
      budget.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
    },
    validate: budgetErrors,
    validateStatus: ({ status }) => (['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const).flatMap((field) => nonNegative(`status.${field}`, status?.[field])),
  },
  subresources: { status: true },
  columns: [
    NAME,
    column('Min Available', ({ spec }) => String(spec?.minAvailable ?? 'N/A')),
    column('Max Unavailable', ({ spec }) => String(spec?.maxUnavailable ?? 'N/A')),
    column('Allowed Disruptions', ({ status }) => status?.disruptionsAllowed ?? 0, { type: 'integer' }),
    AGE,
  ],
});

function budgetErrors({ spec = {} }: PodDisruptionBudget): FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec;
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) errors.push(invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set'));
  errors.push(...intOrPercentErrors('spec.minAvailable', minAvailable, { atMost100Percent: true }), ...intOrPercentErrors('spec.maxUnavailable', maxUnavailable, { atMost100Percent: true }));
  if (selector !== undefined) errors.push(...validateLabelSelector(selector, 'spec.selector'));
  if (policy !== undefined && policy !== 'IfHealthyBudget' && policy !== 'AlwaysAllow') errors.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, ['AlwaysAllow', 'IfHealthyBudget']));
  return errors;
}
