/** ValidatingAdmissionPolicy and its binding (admissionregistration.k8s.io/v1). */
import type { MatchResources, ValidatingAdmissionPolicy as PolicyType, ValidatingAdmissionPolicyBinding as BindingType } from '../generated/admissionregistration-v1.ts';
import { AGE, column, NAME } from '../columns.ts';
import { defineKind, type Kind } from '../kind.ts';
import { schemaOf } from '../schema/facts.ts';
import { bindingErrors, policyErrors } from './policy-validation.ts';
import { GROUP } from './webhook-configuration.ts';

export type ValidatingAdmissionPolicy = PolicyType;
export type ValidatingAdmissionPolicyBinding = BindingType;

export const ValidatingAdmissionPolicy: Kind<ValidatingAdmissionPolicy> = defineKind<ValidatingAdmissionPolicy>({
  group: GROUP, version: 'v1', kind: 'ValidatingAdmissionPolicy', plural: 'validatingadmissionpolicies', namespaced: false, categories: ['api-extensions'],
  schema: () => schemaOf(GROUP, 'v1', 'ValidatingAdmissionPolicy'),
  rules: {
    allowUnconditionalUpdate: false,
    statusKeeps: 'metadata',
    defaults({ spec }) {
      if (spec === undefined) return;
      spec.failurePolicy ??= 'Fail';
      defaultMatch(spec.matchConstraints);
    },
    prepareForCreate(policy) {
      policy.status = {};
    },
    validate: policyErrors,
  },
  subresources: { status: true },
  columns: [
    NAME, column('Validations', ({ spec }) => spec?.validations?.length ?? 0, { type: 'integer' }),
    column('ParamKind', ({ spec }) => (spec?.paramKind === undefined ? '<unset>' : `${spec.paramKind.apiVersion ?? ''}/${spec.paramKind.kind ?? ''}`)), AGE,
  ],
});

export const ValidatingAdmissionPolicyBinding: Kind<ValidatingAdmissionPolicyBinding> = defineKind<ValidatingAdmissionPolicyBinding>({
  group: GROUP, version: 'v1', kind: 'ValidatingAdmissionPolicyBinding', plural: 'validatingadmissionpolicybindings', namespaced: false, categories: ['api-extensions'],
  schema: () => schemaOf(GROUP, 'v1', 'ValidatingAdmissionPolicyBinding'),
  rules: { allowUnconditionalUpdate: false, defaults: ({ spec }) => defaultMatch(spec?.matchResources), validate: bindingErrors },
  columns: [NAME, column('PolicyName', ({ spec }) => spec?.policyName ?? ''), column('ParamRef', ({ spec }) => paramText(spec?.paramRef)), AGE],
});

export function defaultMatch(match: MatchResources | undefined): void {
  if (match === undefined) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) rule.scope ??= '*';
}

export function paramText(ref: { name?: string; namespace?: string; selector?: unknown } | undefined): string {
  if (ref === undefined) return '<unset>';
  if (ref.selector !== undefined) return '<selector>';
  return ref.namespace ? `${ref.namespace}/${ref.name ?? ''}` : (ref.name ?? '');
}
