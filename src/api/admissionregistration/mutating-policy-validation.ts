/** What is wrong with mutating policies and their bindings, in upstream's words (admissionregistration validation). */
import { cel } from '../cel/lazy.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, Mutation } from '../generated/admissionregistration-v1.ts';
import type { AdmissionVariables } from './expressions.ts';
import { bindingReferenceErrors, checkedVariables, matchErrors, paramKindErrors } from './policy-validation.ts';
import { checkedExpression, matchConditionErrors } from './webhook-validation.ts';

const REINVOCATIONS = ['IfNeeded', 'Never'];
const PATCH_TYPES = ['ApplyConfiguration', 'JSONPatch'];

export function mutatingPolicyErrors({ spec }: MutatingAdmissionPolicy): FieldError[] {
  if (spec === undefined) return [required('spec.matchConstraints')];
  const errors: FieldError[] = [];
  const params = spec.paramKind !== undefined;
  const { errors: ofVariables, known } = checkedVariables(spec.variables, { params, variables: true, mutates: true }, (expression) => cel().withoutLiterals(expression, 'any'));
  const available: AdmissionVariables = { params, variables: true, mutates: true, known };
  if (spec.failurePolicy !== undefined && !['Fail', 'Ignore'].includes(spec.failurePolicy)) errors.push(notSupported('spec.failurePolicy', spec.failurePolicy, ['Fail', 'Ignore']));
  if (spec.paramKind !== undefined) errors.push(...paramKindErrors(spec.paramKind, 'spec.paramKind'));
  errors.push(...constraintErrors(spec.matchConstraints));
  errors.push(...matchConditionErrors(spec.matchConditions ?? [], 'spec.matchConditions', { params, variables: true }), ...ofVariables);
  if ((spec.mutations ?? []).length === 0) errors.push(required('spec.mutations', 'mutations must contain at least one item'));
  for (const [index, mutation] of (spec.mutations ?? []).entries()) errors.push(...mutationErrors(mutation, `spec.mutations[${index}]`, available));
  if (!spec.reinvocationPolicy) errors.push(required('spec.reinvocationPolicy'));
  else if (!REINVOCATIONS.includes(spec.reinvocationPolicy)) errors.push(notSupported('spec.reinvocationPolicy', spec.reinvocationPolicy, REINVOCATIONS));
  return errors;
}

function constraintErrors(match: NonNullable<MutatingAdmissionPolicy['spec']>['matchConstraints']): FieldError[] {
  if (match === undefined) return [required('spec.matchConstraints')];
  const errors = matchErrors(match, 'spec.matchConstraints');
  const rules = match.resourceRules ?? [];
  if (rules.length === 0) errors.push(required('spec.matchConstraints.resourceRules'));
  for (const [index, { operations = [] }] of rules.entries()) {
    // There is nothing left to change.
    for (const [at, operation] of operations.entries()) if (operation === 'DELETE') errors.push(invalid(`spec.matchConstraints.resourceRules[${index}].operations[${at}]`, operation, 'DELETE may not be matched by a policy that mutates'));
  }
  return errors;
}

function mutationErrors({ patchType, applyConfiguration, jsonPatch }: Mutation, at: string, available: AdmissionVariables): FieldError[] {
  if (!patchType) return [required(`${at}.patchType`)];
  if (!PATCH_TYPES.includes(patchType)) return [notSupported(`${at}.patchType`, patchType, PATCH_TYPES)];
  const isApply = patchType === 'ApplyConfiguration';
  const [own, key] = isApply ? [applyConfiguration, 'applyConfiguration'] : [jsonPatch, 'jsonPatch'];
  const errors: FieldError[] = [];
  if (isApply && jsonPatch !== undefined) errors.push(forbidden(`${at}.jsonPatch`, 'must not be specified when patchType is ApplyConfiguration'));
  if (!isApply && applyConfiguration !== undefined) errors.push(forbidden(`${at}.applyConfiguration`, 'must not be specified when patchType is JSONPatch'));
  if (own === undefined) return [...errors, required(`${at}.${key}`, `must be specified when patchType is ${patchType}`)];
  if (!own.expression?.trim()) return [...errors, required(`${at}.${key}.expression`, 'expression is not specified')];
  const { errors: found, type } = checkedExpression(own.expression, `${at}.${key}.expression`, available, [], (expression) => cel().withoutLiterals(expression, isApply ? 'Object' : 'JSONPatch'));
  errors.push(...found);
  // Literals of objects are maps here.
  if (type !== undefined && type.kind !== (isApply ? 'map' : 'list')) errors.push(invalid(`${at}.${key}.expression`, own.expression, `must evaluate to ${isApply ? 'Object' : 'list(JSONPatch)'} but got ${cel().declaredName(type)}`));
  return errors;
}

export function mutatingBindingErrors({ spec }: MutatingAdmissionPolicyBinding): FieldError[] {
  return bindingReferenceErrors(spec);
}
