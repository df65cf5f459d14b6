/** Field errors: what validation finds wrong, in upstream's words (apimachinery util/validation/field), and their way into a Status. */
import { ApiError, type StatusCause } from './errors.ts';

export type FieldErrorType =
  | 'FieldValueNotFound' | 'FieldValueRequired' | 'FieldValueDuplicate' | 'FieldValueInvalid' | 'FieldValueNotSupported'
  | 'FieldValueForbidden' | 'FieldValueTooLong' | 'FieldValueTooMany' | 'FieldValueTypeInvalid' | 'InternalError';

export interface FieldError {
  type: FieldErrorType;
  /** Path of the field: `spec.containers[0].image`, `metadata.labels[app]`. */
  field: string;
  /** The whole text after the path, for instance `Required value: must be set`. */
  message: string;
}

export function required(field: string, detail = ''): FieldError {
  return { type: 'FieldValueRequired', field, message: withDetail('Required value', detail) };
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { type: 'FieldValueInvalid', field, message: withDetail(`Invalid value: ${show(value)}`, detail) };
}

export function typeInvalid(field: string, value: unknown, detail: string): FieldError {
  return { type: 'FieldValueTypeInvalid', field, message: withDetail(`Invalid value: ${show(value)}`, detail) };
}

/** The values are told in order of the alphabet, as upstream's sets are, or in their own. */
export function notSupported(field: string, value: unknown, supported: readonly string[], order: 'sorted' | 'as-given' = 'sorted'): FieldError {
  const list = (order === 'sorted' ? [...supported].sort() : supported).map((each) => JSON.stringify(each)).join(', ');
  return { type: 'FieldValueNotSupported', field, message: withDetail(`Unsupported value: ${show(value)}`, `supported values: ${list}`) };
}

export function forbidden(field: string, detail: string): FieldError {
  return { type: 'FieldValueForbidden', field, message: withDetail('Forbidden', detail) };
}

export function duplicate(field: string, value: unknown): FieldError {
  return { type: 'FieldValueDuplicate', field, message: `Duplicate value: ${show(value)}` };
}

/** Of a value that is too large to be told. */
export function duplicateUnshown(field: string): FieldError {
  return { type: 'FieldValueDuplicate', field, message: 'Duplicate value' };
}

export function notFoundField(field: string, value: unknown): FieldError {
  return { type: 'FieldValueNotFound', field, message: `Not found: ${show(value)}` };
}

export function tooLong(field: string, maxBytes: number): FieldError {
  return { type: 'FieldValueTooLong', field, message: `Too long: may not be more than ${maxBytes} bytes` };
}

export function tooMany(field: string, count: number, most: number): FieldError {
  return { type: 'FieldValueTooMany', field, message: `Too many: ${count}: must have at most ${most} items` };
}

/** A value that is too large to be told, or that is not there. */
export function invalidUnshown(field: string, detail: string): FieldError {
  return { type: 'FieldValueInvalid', field, message: `Invalid value: ${detail}` };
}

/** The 422 that upstream answers: `Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be ...`. */
export function invalidObject(kind: { group: string; kind: string }, name: string, errors: readonly FieldError[]): ApiError {
  const texts = errors.map((error) => `${error.field}: ${error.message}`);
  const joined = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const causes: StatusCause[] = errors.map((error) => ({ reason: error.type, message: error.message, field: error.field }));
  const qualified = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return new ApiError('Invalid', `${qualified} "${name}" is invalid: ${joined}`, { name: name || undefined, group: kind.group || undefined, kind: kind.kind, causes });
}

function withDetail(text: string, detail: string): string {
  return detail === '' ? text : `${text}: ${detail}`;
}

function show(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : typeof value === 'string' ? JSON.stringify(value) : String(value);
}
