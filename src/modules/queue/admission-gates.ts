/** Jobs that others have to prepare first: they wait for quota only when all of those have taken their names off an annotation. Source: Kueue, admission-gated-by (KEP 6915) and util/webhook. */
import { managedByErrors } from '../../api/batch/job-validation.ts';
import { forbidden, invalid, type FieldError } from '../../api/field-error.ts';
import { ADMISSION_GATED_BY } from '../../api/kueue/names.ts';
import type { KubeObject } from '../../api/meta.ts';

const PATH = `metadata.annotations[${ADMISSION_GATED_BY}]`;

const valueOf = ({ metadata }: KubeObject): string => metadata.annotations?.[ADMISSION_GATED_BY] ?? '';
const namesIn = (value: string): string[] => value.split(',').map((each) => each.trim());

/** What gates it; undefined where nobody does. */
export function gatesOf(object: KubeObject): string | undefined {
  return valueOf(object) === '' ? undefined : valueOf(object);
}

/** `old`: what it was before an update. */
export function admissionGateErrors(object: KubeObject, old: KubeObject | undefined): FieldError[] {
  const [value, before] = [valueOf(object), old === undefined ? undefined : valueOf(old)];
  if (value === '' || value === before) return [];
  const names = namesIn(value);
  if (before === '') return [forbidden(PATH, 'cannot add admission gate after creation')];
  const added = before !== undefined && names.some((each) => !namesIn(before).includes(each)) ? [forbidden(PATH, 'can only remove gates, not add new ones')] : [];
  return [...added, ...names.flatMap((name, index) => {
    if (name === '') return [invalid(PATH, value, 'cannot contain empty gate names')];
    if (names.indexOf(name) < index) return [invalid(PATH, value, `duplicate gate name: ${name}`)];
    return managedByErrors(name, PATH);
  })];
}
