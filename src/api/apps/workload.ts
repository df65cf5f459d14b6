/** What kinds with a selector and a pod template share (apps/v1 validation of upstream). */
import type { PodTemplateSpec } from '../generated/core-v1.ts';
import { podTemplateErrors } from '../core/pod-validation.ts';
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import type { Int64 } from '../int64.ts';
import { equalJson } from '../json.ts';
import type { LabelSelector } from '../meta.ts';
import { validateLabelSelector } from '../metadata-validation.ts';
import { matcherOfSelector } from '../selector.ts';

/** What the kind says of restart policies, and how it is called where an empty selector is refused. */
export interface WorkloadRules { restartPolicies: readonly string[]; name?: string }

interface WorkloadSpec { replicas?: number; selector?: LabelSelector; template?: PodTemplateSpec }

/** Replicas, selector (immutable), and a template whose labels the selector matches. */
export function workloadErrors(spec: WorkloadSpec, old: WorkloadSpec | undefined, how: WorkloadRules): FieldError[] {
  const errors: FieldError[] = nonNegative('spec.replicas', spec.replicas);
  const { selector, template } = spec;
  if (selector === undefined || selector === null) errors.push(required('spec.selector'));
  else {
    errors.push(...validateLabelSelector(selector, 'spec.selector'));
    if (isEmptySelector(selector)) errors.push(invalid('spec.selector', selector, `empty selector is invalid for ${how.name ?? 'deployment'}`));
  }
  if (template === undefined || template === null) errors.push(required('spec.template'));
  else errors.push(...templateErrors(template, selector, old, how));
  if (old !== undefined && !equalJson(old.selector ?? null, selector ?? null)) errors.push(invalid('spec.selector', selector, 'field is immutable'));
  return errors;
}

function templateErrors(template: PodTemplateSpec, selector: LabelSelector | undefined, old: WorkloadSpec | undefined, how: WorkloadRules): FieldError[] {
  const errors: FieldError[] = [];
  const labels = template.metadata?.labels;
  // Without a selector nothing matches: upstream says both, that it is missing and that it does not match.
  const broken = selector !== undefined && selector !== null && (isEmptySelector(selector) || validateLabelSelector(selector, '').length > 0);
  if (!broken && !matcherOfSelector(selector).matches(labels)) {
    errors.push(invalid('spec.template.metadata.labels', labels ?? null, '`selector` does not match template `labels`'));
  }
  // A template that was accepted before is not judged again, so that scaling an old object always works.
  if (!equalJson(old?.template, template)) errors.push(...podTemplateErrors(template, 'spec.template'));
  const policy = template.spec?.restartPolicy;
  if (template.spec !== undefined && !how.restartPolicies.includes(policy ?? '')) errors.push(notSupported('spec.template.spec.restartPolicy', policy ?? '', how.restartPolicies));
  return errors;
}

/** Pods that end after a time would be made again for ever. */
export function endlessErrors(template: PodTemplateSpec | undefined, kind: string): FieldError[] {
  return template?.spec?.activeDeadlineSeconds === undefined ? [] : [forbidden('spec.template.spec.activeDeadlineSeconds', `activeDeadlineSeconds in ${kind} is not Supported`)];
}

export function nonNegative(path: string, value: Int64 | undefined): FieldError[] {
  return value !== undefined && value < 0 ? [invalid(path, value, 'must be greater than or equal to 0')] : [];
}

/** A count or a percentage. */
export function intOrPercentErrors(path: string, value: number | string | undefined, how: { atMost100Percent?: boolean } = {}): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === 'number') return nonNegative(path, value);
  if (!/^[0-9]+%$/.test(value)) return [invalid(path, value, "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')")];
  return how.atMost100Percent === true && Number.parseInt(value, 10) > 100 ? [invalid(path, value, 'must not be greater than 100%')] : [];
}

export function isZero(value: number | string | undefined): boolean {
  return value === undefined || value === 0 || (typeof value === 'string' && Number.parseInt(value, 10) === 0);
}

function isEmptySelector(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions?.length ?? 0) === 0;
}
