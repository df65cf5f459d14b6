/** Paths beneath a place that is told elsewhere (core/v1 validation of upstream). */
import { invalid, type FieldError } from '../field-error.ts';

/** A path that stays beneath where it begins. */
export function localPathErrors(text: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (text.startsWith('/')) errors.push(invalid(path, text, 'must be a relative path'));
  if (text.split('/').includes('..')) errors.push(invalid(path, text, "must not contain '..'"));
  return errors;
}
