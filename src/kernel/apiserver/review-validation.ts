/** What access reviews must be like, in upstream's words (authorization validation). */
import { forbidden, invalid, invalidObject, required, type FieldError } from '../../api/field-error.ts';
import { isJsonObject } from '../../api/json.ts';
import type { KubeObject } from '../../api/meta.ts';
import { labelKeyErrors, labelValueErrors } from '../../api/names.ts';

interface Requirement { key?: string; operator?: string; values?: string[] }
interface Selector { rawSelector?: string; requirements?: Requirement[] }
interface Spec {
  resourceAttributes?: { namespace?: string; fieldSelector?: Selector; labelSelector?: Selector };
  nonResourceAttributes?: object;
  user?: string;
  groups?: string[];
}

const AUTHORIZATION = 'authorization.k8s.io';

/** Throws Invalid (422). `ofUser`: the review names whom it asks about; `namespace`: the one that it is limited to. */
export function checkReview(body: KubeObject, { kind, ofUser, namespace }: { kind: string; ofUser: boolean; namespace?: string | undefined }): void {
  const spec = (isJsonObject((body as { spec?: unknown }).spec) ? (body as { spec?: unknown }).spec : {}) as Spec;
  const errors = specErrors(spec, ofUser);
  const { managedFields: _managed, namespace: own, ...metadata } = (isJsonObject(body.metadata) ? body.metadata : {}) as Record<string, unknown>;
  const said = Object.entries(metadata).some(([, value]) => value !== null && value !== '' && value !== undefined);
  if (said || (namespace === undefined && own)) errors.push(invalid('metadata', body.metadata, namespace === undefined ? 'must be empty' : 'must be empty except for namespace'));
  if (namespace !== undefined) {
    if (spec.resourceAttributes !== undefined && spec.resourceAttributes.namespace !== namespace) errors.push(invalid('spec.resourceAttributes.namespace', spec.resourceAttributes.namespace ?? '', 'must match metadata.namespace'));
    if (spec.nonResourceAttributes !== undefined) errors.push(invalid('spec.nonResourceAttributes', spec.nonResourceAttributes, 'disallowed on this kind of request'));
  }
  if (errors.length > 0) throw invalidObject({ group: AUTHORIZATION, kind }, '', errors);
}

function specErrors({ resourceAttributes: resource, nonResourceAttributes: path, user, groups }: Spec, ofUser: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (resource && path) errors.push(invalid('spec.nonResourceAttributes', path, 'cannot be specified in combination with resourceAttributes'));
  if (!resource && !path) errors.push(invalid('spec.resourceAttributes', null, 'exactly one of nonResourceAttributes or resourceAttributes must be specified'));
  if (ofUser && !user && (groups ?? []).length === 0) errors.push(invalid('spec.user', user ?? '', 'at least one of user or group must be specified'));
  for (const field of ['fieldSelector', 'labelSelector'] as const) if (isJsonObject(resource?.[field])) errors.push(...selectorErrors(resource[field], `spec.resourceAttributes.${field}`, field));
  return errors;
}

function selectorErrors({ rawSelector = '', requirements = [] }: Selector, path: string, field: 'fieldSelector' | 'labelSelector'): FieldError[] {
  const errors: FieldError[] = [];
  if (rawSelector !== '' && requirements.length > 0) errors.push(invalid(`${path}.rawSelector`, rawSelector, 'may not specified at the same time as requirements'));
  if (rawSelector === '' && requirements.length === 0) errors.push(required(`${path}.requirements`, `when ${path} is specified, requirements or rawSelector is required`));
  return [...errors, ...requirements.flatMap((each, index) => requirementErrors(each, `${path}.requirements[${index}]`, field))];
}

function requirementErrors({ key = '', operator = '', values = [] }: Requirement, path: string, field: 'fieldSelector' | 'labelSelector'): FieldError[] {
  const errors: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) errors.push(required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) errors.push(forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  } else errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  if (field === 'fieldSelector') return key === '' ? [...errors, required(`${path}.key`, 'must be specified')] : errors;
  errors.push(...labelKeyErrors(key).map((error) => invalid(`${path}.key`, key, error)));
  return [...errors, ...values.flatMap((value, index) => labelValueErrors(value).map((error) => invalid(`${path}.values[${index}]`, value, error)))];
}
