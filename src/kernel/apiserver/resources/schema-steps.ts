/** What the schema of a kind does to an object on its way in: unknown fields, defaults, validation. */
import type { ApiError } from '../../../api/errors.ts';
import { invalid, invalidObject, type FieldError } from '../../../api/field-error.ts';
import type { Kind } from '../../../api/kind.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from '../../../api/metadata-validation.ts';
import { cannotBeHandled, checkFields as findFields, strictDecodingError, unknownField } from '../../../api/schema/check-fields.ts';
import { hasRules } from '../../../api/cel/has-rules.ts';
import { cel } from '../../../api/cel/lazy.ts';
import { applyDefaults as applySchemaDefaults } from '../../../api/schema/default.ts';
import { prune } from '../../../api/schema/prune.ts';
import { validateSchema, validateSchemaChange } from '../../../api/schema/validate.ts';
import type { WriteContext } from '../door.ts';
import { badRequest } from '../errors.ts';
import { schemaOfKind } from '../kind-table.ts';

/**
 * Refuses values of a wrong type, drops what the schema does not know, and says so as fieldValidation asks: Strict refuses, Warn warns,
 * Ignore is silent. A refusal is 400, of a patch 422 (upstream: endpoints/handlers/patch.go). Changes the object.
 */
export function checkFields(kind: Kind, object: KubeObject, context: WriteContext): void {
  const schema = schemaOfKind(kind);
  const { unknown, typeError } = findFields(schema, object, { isConverted: context.isStrategic === true });
  if (typeError !== undefined) throw refusal(kind, object, context, typeError);
  if (unknown.length > 0 || context.duplicates !== undefined) {
    const findings = [...(context.duplicates ?? []), ...unknown.map(unknownField)];
    if (context.fieldValidation === 'Strict') throw refusal(kind, object, context, strictDecodingError(findings));
    if (context.fieldValidation === 'Warn') for (const finding of findings) if (!context.warnings.includes(finding)) context.warnings.push(finding);
  }
  prune(schema, object);
}

function refusal(kind: Kind, object: KubeObject, { shownAs }: WriteContext, why: string): ApiError {
  if (shownAs === undefined) return badRequest(cannotBeHandled(kind, why));
  return invalidObject({ group: '', kind: '' }, '', [invalid('patch', shownAs(object), why)]);
}

/** Fills in what the client left out. */
export function applyDefaults(kind: Kind, object: KubeObject): void {
  applySchemaDefaults(schemaOfKind(kind), object);
  kind.rules.defaults?.(object);
}

/** Throws Invalid (422) with everything that is wrong. */
export function validateNew(kind: Kind, object: KubeObject, context: WriteContext): void {
  const errors: FieldError[] = [...validateObjectMeta(object.metadata, { namespaced: kind.namespaced, nameErrors: kind.rules.nameErrors, anyFinalizers: kind.rules.anyFinalizers }), ...schemaErrors(kind, object, undefined, context)];
  errors.push(...(kind.rules.validate?.(object, undefined) ?? []));
  if (errors.length > 0) throw invalidObject(kind, object.metadata.name ?? '', errors);
  warn(kind, object, undefined, context);
}

export function validateChange(kind: Kind, object: KubeObject, old: KubeObject, subresource: string, context: WriteContext): void {
  // Actions judge by themselves: what they change is what an update may not.
  const judge = subresource === 'status' ? kind.rules.validateStatus : subresource === '' || subresource === 'scale' ? kind.rules.validate : undefined;
  const errors: FieldError[] = [...validateObjectMetaUpdate(object.metadata, old.metadata, { anyFinalizers: kind.rules.anyFinalizers }), ...schemaErrors(kind, object, old, context), ...(judge?.(object, old) ?? [])];
  if (errors.length > 0) throw invalidObject(kind, object.metadata.name ?? '', errors);
  if (subresource === '') warn(kind, object, old, context);
}

/** Errors of these types leave rules nothing sound to judge (apiextensions, hasBlockingErr). */
const BLOCKING = new Set(['FieldValueNotSupported', 'FieldValueRequired', 'FieldValueTooLong', 'FieldValueTooMany', 'FieldValueTypeInvalid']);
const UNCHECKED = 'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

/** By the schema, and by its rules where it has any. */
function schemaErrors(kind: Kind, object: KubeObject, old: KubeObject | undefined, { warnings }: WriteContext): FieldError[] {
  const schema = schemaOfKind(kind);
  const errors = old === undefined ? validateSchema(schema, object) : validateSchemaChange(schema, object, old);
  if (!hasRules(schema)) return errors;
  if (errors.some((error) => BLOCKING.has(error.type))) return [...errors, { type: 'FieldValueInvalid', field: '<nil>', message: `Invalid value: null: ${UNCHECKED}` }];
  const ratcheted: FieldError[] = [];
  errors.push(...cel().evaluateRules(schema, object, old, ratcheted));
  for (const text of ratcheted.map(({ field, message }) => `${field}: ${message}`)) if (!warnings.includes(text)) warnings.push(text);
  return errors;
}

function warn(kind: Kind, object: KubeObject, old: KubeObject | undefined, context: WriteContext): void {
  for (const text of kind.rules.warnings?.(object, old) ?? []) if (!context.warnings.includes(text)) context.warnings.push(text);
}
