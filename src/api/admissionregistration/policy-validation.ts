/** What is wrong with policies and bindings, in upstream's words (admissionregistration validation). */
import { duplicate, forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import type { MatchResources, ParamKind, ParamRef, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, Validation, Variable } from '../generated/admissionregistration-v1.ts';
import { dns1035LabelErrors, dns1123SubdomainErrors } from '../names.ts';
import type { Type } from '../cel/index.ts';
import { cel } from '../cel/lazy.ts';
import type { AdmissionVariables } from './expressions.ts';
import { checkedExpression, expressionErrors, matchConditionErrors, ruleErrors, selectorErrors } from './webhook-validation.ts';

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const ACTIONS = ['Audit', 'Deny', 'Warn'];
const MAX_AUDIT_ANNOTATIONS = 20;

export function policyErrors({ spec, metadata }: ValidatingAdmissionPolicy): FieldError[] {
  if (spec === undefined) return [required('spec.matchConstraints')];
  const errors: FieldError[] = [];
  const params = spec.paramKind !== undefined;
  const { errors: ofVariables, known } = checkedVariables(spec.variables, { params, variables: true });
  const available: AdmissionVariables = { params, variables: true, known };
  if (spec.failurePolicy !== undefined && !['Fail', 'Ignore'].includes(spec.failurePolicy)) errors.push(notSupported('spec.failurePolicy', spec.failurePolicy, ['Fail', 'Ignore']));
  if (spec.paramKind !== undefined) errors.push(...paramKindErrors(spec.paramKind, 'spec.paramKind'));
  if (spec.matchConstraints === undefined) errors.push(required('spec.matchConstraints'));
  else {
    errors.push(...matchErrors(spec.matchConstraints, 'spec.matchConstraints'));
    if ((spec.matchConstraints.resourceRules ?? []).length === 0) errors.push(required('spec.matchConstraints.resourceRules'));
  }
  errors.push(...matchConditionErrors(spec.matchConditions ?? [], 'spec.matchConditions', { params, variables: true }), ...ofVariables);
  if ((spec.validations ?? []).length === 0 && (spec.auditAnnotations ?? []).length === 0) {
    for (const key of ['validations', 'auditAnnotations']) errors.push(required(`spec.${key}`, 'validations or auditAnnotations must contain at least one item'));
  }
  for (const [index, validation] of (spec.validations ?? []).entries()) errors.push(...validationErrors(validation, `spec.validations[${index}]`, available));
  if ((spec.auditAnnotations ?? []).length > MAX_AUDIT_ANNOTATIONS) errors.push(invalid('spec.auditAnnotations', spec.auditAnnotations, `must not have more than ${MAX_AUDIT_ANNOTATIONS} auditAnnotations`));
  for (const [index, { key, valueExpression }] of (spec.auditAnnotations ?? []).entries()) {
    const at = `spec.auditAnnotations[${index}]`;
    if (spec.auditAnnotations!.findIndex((each) => each.key === key) < index) errors.push(duplicate(`${at}.key`, key));
    if (!/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(key ?? '')) errors.push(invalid(`${at}.key`, `${metadata.name ?? ''}/${key ?? ''}`, 'name part must consist of alphanumeric characters, \'-\', \'_\' or \'.\', and must start and end with an alphanumeric character'));
    if (!valueExpression?.trim()) errors.push(required(`${at}.valueExpression`, 'valueExpression is not specified'));
    else errors.push(...expressionErrors(valueExpression, `${at}.valueExpression`, available, ['string', 'null_type']));
  }
  return errors;
}

/** Of an `apiVersion` that is none, and a kind that could not be one's. */
export function paramKindErrors({ apiVersion = '', kind = '' }: ParamKind, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const [version = '', group = '', ...more] = apiVersion.split('/').reverse();
  if (apiVersion === '') errors.push(required(`${path}.apiVersion`));
  else if (more.length > 0) errors.push(invalid(`${path}.apiVersion`, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  else {
    if (group !== '') errors.push(...dns1123SubdomainErrors(group).map((text) => invalid(`${path}.apiVersion`, group, text)));
    if (version === '') errors.push(invalid(`${path}.apiVersion`, apiVersion, 'version must be specified'));
    else errors.push(...dns1035LabelErrors(version).map((text) => invalid(`${path}.apiVersion`, version, text)));
  }
  if (kind === '') errors.push(required(`${path}.kind`));
  else errors.push(...dns1035LabelErrors(kind.toLowerCase()).map((text) => invalid(`${path}.kind`, kind, `may have mixed case, but should otherwise match: ${text}`)));
  return errors;
}

/** What is wrong with a policy's variables, and their types: one that is wrong itself may be anything. Each sees those before it. */
export function checkedVariables(variables: readonly Variable[] | undefined, available: AdmissionVariables, prepare?: (expression: string) => string): { errors: FieldError[]; known?: ReadonlyMap<string, Type> } {
  const errors: FieldError[] = [];
  if (variables === undefined || variables.length === 0) return { errors };
  const known = new Map<string, Type>();
  for (const [index, { name, expression }] of variables.entries()) {
    const at = `spec.variables[${index}]`;
    if (!name?.trim()) errors.push(required(`${at}.name`, 'name is not specified'));
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) errors.push(invalid(`${at}.name`, name, 'name is not a valid CEL identifier'));
    if (known.has(name)) errors.push(duplicate(`${at}.name`, name));
    if (!expression?.trim()) {
      errors.push(required(`${at}.expression`, 'expression is not specified'));
      continue;
    }
    const checked = checkedExpression(expression, `${at}.expression`, { ...available, known: new Map(known) }, [], prepare);
    errors.push(...checked.errors);
    const { type = cel().DYN } = checked;
    // Of objects and the types of libraries nothing is known once they are a variable's.
    known.set(name, type.kind === 'simple' || type.kind === 'list' || type.kind === 'map' ? type : cel().DYN);
  }
  return { errors, known };
}

function validationErrors(validation: Validation, at: string, available: AdmissionVariables): FieldError[] {
  const errors: FieldError[] = [];
  const { expression = '', message = '', messageExpression = '', reason } = validation;
  if (expression.trim() === '') errors.push(required(`${at}.expression`, 'expression is not specified'));
  else errors.push(...expressionErrors(expression, `${at}.expression`, available, ['bool']));
  if (messageExpression !== '' && messageExpression.trim() === '') errors.push(invalid(`${at}.messageExpression`, messageExpression, 'must be non-empty if specified'));
  else if (messageExpression !== '') errors.push(...expressionErrors(messageExpression, `${at}.messageExpression`, { ...available, authorizer: false }, ['string']));
  if (message !== '' && message.trim() === '') errors.push(invalid(`${at}.message`, message, 'message must be non-empty if specified'));
  else if (/[\n\r]/.test(message.trim())) errors.push(invalid(`${at}.message`, message, 'message must not contain line breaks'));
  if (reason !== undefined && !REASONS.includes(reason)) errors.push(notSupported(`${at}.reason`, reason, REASONS));
  return errors;
}

export function matchErrors(match: MatchResources, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (match.matchPolicy !== undefined && !['Equivalent', 'Exact'].includes(match.matchPolicy)) errors.push(notSupported(`${path}.matchPolicy`, match.matchPolicy, ['Equivalent', 'Exact']));
  errors.push(...selectorErrors(match.namespaceSelector, `${path}.namespaceSelector`), ...selectorErrors(match.objectSelector, `${path}.objectSelector`));
  for (const key of ['resourceRules', 'excludeResourceRules'] as const) for (const [index, rule] of (match[key] ?? []).entries()) errors.push(...ruleErrors(rule, `${path}.${key}[${index}]`));
  return errors;
}

/** What a binding of either sort of policy names: the policy, its parameters, what it is limited to. */
export function bindingReferenceErrors(spec: { policyName?: string; paramRef?: ParamRef; matchResources?: MatchResources } | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const policyName = spec?.policyName ?? '';
  if (policyName === '') errors.push(required('spec.policyName'));
  else errors.push(...dns1123SubdomainErrors(policyName).map((text) => invalid('spec.policyName', policyName, text)));
  if (spec?.paramRef !== undefined) errors.push(...paramErrors(spec.paramRef, 'spec.paramRef'));
  if (spec?.matchResources !== undefined) errors.push(...matchErrors(spec.matchResources, 'spec.matchResources'));
  return errors;
}

export function bindingErrors({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] {
  const errors = bindingReferenceErrors(spec);
  const actions = spec?.validationActions ?? [];
  if (actions.length === 0) errors.push(required('spec.validationActions', 'at least one validation action is required'));
  for (const [index, action] of actions.entries()) {
    if (!ACTIONS.includes(action)) errors.push(notSupported(`spec.validationActions[${index}]`, action, ACTIONS));
    if (actions.indexOf(action) < index) errors.push(duplicate(`spec.validationActions[${index}]`, action));
  }
  if (actions.includes('Deny') && actions.includes('Warn')) errors.push(invalid('spec.validationActions', actions, 'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)'));
  return errors;
}

function paramErrors(ref: ParamRef, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (ref.name) {
    errors.push(...dns1123SubdomainErrors(ref.name).map((text) => invalid(`${path}.name`, ref.name, text)));
    if (ref.selector !== undefined) errors.push(forbidden(`${path}.name`, 'name and selector are mutually exclusive'), forbidden(`${path}.selector`, 'name and selector are mutually exclusive'));
  } else if (ref.selector === undefined) for (const key of ['name', 'selector']) errors.push(required(`${path}.${key}`, 'one of name or selector must be specified'));
  errors.push(...selectorErrors(ref.selector, `${path}.selector`));
  if (!ref.parameterNotFoundAction) errors.push(required(`${path}.parameterNotFoundAction`));
  else if (!['Allow', 'Deny'].includes(ref.parameterNotFoundAction)) errors.push(notSupported(`${path}.parameterNotFoundAction`, ref.parameterNotFoundAction, ['Allow', 'Deny']));
  return errors;
}
