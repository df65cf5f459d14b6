/** MutatingAdmissionPolicy and its binding (admissionregistration.k8s.io/v1). */
import type { MutatingAdmissionPolicy as PolicyType, MutatingAdmissionPolicyBinding as BindingType } from '../generated/admissionregistration-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { mutatingBindingErrors, mutatingPolicyErrors } from './mutating-policy-validation.ts';
import { defaultMatch, paramText } from './validating-admission-policy.ts';
import { GROUP } from './webhook-configuration.ts';

export type MutatingAdmissionPolicy = PolicyType;
export type MutatingAdmissionPolicyBinding = BindingType;

export const MutatingAdmissionPolicy: Kind<MutatingAdmissionPolicy> = defineKind<MutatingAdmissionPolicy>({
  group: GROUP, version: 'v1', kind: 'MutatingAdmissionPolicy', plural: 'mutatingadmissionpolicies', namespaced: false, categories: ['api-extensions'],
  schema: () => schemaOf(GROUP, 'v1', 'MutatingAdmissionPolicy'),
  rules: {
    allowUnconditionalUpdate: false,
    defaults({ spec }) {
      if (spec === undefined) return;
      spec.failurePolicy ??= 'Fail';
      defaultMatch(spec.matchConstraints);
    },
    validate: mutatingPolicyErrors,
  },
  columns: [
    NAME, column('Mutations', ({ spec }) => spec?.mutations?.length ?? 0, { type: 'integer' }),
    column('ParamKind', ({ spec }) => (spec?.paramKind === undefined ? '<unset>' : `${spec.paramKind.apiVersion ?? ''}/${spec.paramKind.kind ?? ''}`)), AGE,
  ],
});

export const MutatingAdmissionPolicyBinding: Kind<MutatingAdmissionPolicyBinding> = defineKind<MutatingAdmissionPolicyBinding>({
  group: GROUP, version: 'v1', kind: 'MutatingAdmissionPolicyBinding', plural: 'mutatingadmissionpolicybindings', namespaced: false, categories: ['api-extensions'],
  schema: () => schemaOf(GROUP, 'v1', 'MutatingAdmissionPolicyBinding'),
  rules: { allowUnconditionalUpdate: false, defaults: ({ spec }) => defaultMatch(spec?.matchResources), validate: mutatingBindingErrors },
  columns: [NAME, column('PolicyName', ({ spec }) => spec?.policyName ?? ''), column('ParamRef', ({ spec }) => paramText(spec?.paramRef)), AGE],
});
