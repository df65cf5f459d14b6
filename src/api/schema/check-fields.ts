/**
 * Strict decoding: which fields a schema does not know, and the first value of a wrong type, said as upstream's JSON decoder says them
 * (sigs.k8s.io/json). Built-in types (those with a goType) are judged in both ways; custom resources in the first only, their types are
 * {@link ./validate.ts}'s.
 */
import { isInteger, isNumeric } from '../int64.ts';
import { isQuantity, parseQuantity } from '../quantity.ts';
import { converterBase64Error, converterMismatch } from './converter-words.ts';
import { resolveSchema, shapeFor, type Schema } from './schema.ts';

export interface FieldFindings {
  /** Paths in order of the document, at most 100: `spec.containers[0].imag`. Say them with {@link unknownField}. */
  unknown: string[];
  /** For instance `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`. */
  typeError?: string;
}

const MAX_FINDINGS = 100;
const NONE: FieldFindings = Object.freeze({ unknown: [] });

/** Compares `value` with `schema`. With `isConverted` it is what a strategic merge patch made, whose wrong types upstream says otherwise. */
export function checkFields(schema: Schema, value: unknown, { isConverted = false }: { isConverted?: boolean } = {}): FieldFindings {
  const walk: Walk = { path: [], fields: [], struct: '', isConverted, findings: undefined };
  check(schema, value, walk);
  return walk.findings ?? NONE;
}

export function unknownField(path: string): string {
  return `unknown field ${JSON.stringify(path)}`;
}

/** The message of a strict decoding failure: `strict decoding error: unknown field "spec.foo", ...`. */
export function strictDecodingError(findings: readonly string[]): string {
  return `strict decoding error: ${findings.join(', ')}`;
}

/** The message with which a body is refused: `Deployment in version "v1" cannot be handled as a Deployment: ...`. */
export function cannotBeHandled(kind: { kind: string; version: string }, why: string): string {
  return `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: ${why}`;
}

interface Walk {
  /** Steps to the value, list positions included. */
  path: (string | number)[];
  /** Struct fields only, as Go's errors have them. */
  fields: string[];
  /** The struct that holds the field. */
  struct: string;
  isConverted: boolean;
  findings: FieldFindings | undefined;
}

function check(schema: Schema, value: unknown, walk: Walk): void {
  if (value === null || value === undefined) return;
  if (schema.xAnyOf !== undefined) {
    const shape = shapeFor(schema, value);
    return shape === schema ? undefined : check(shape, value, walk);
  }
  if (schema.type === 'array') return checkList(schema, value, walk);
  if (schema.properties !== undefined || schema.additionalProperties !== undefined || schema.type === 'object') return checkObject(schema, value, walk);
  checkNumbers(value, walk);
  if (schema.goType === undefined && schema.name === undefined) return;
  const wrong = scalarError(schema, value, walk);
  if (wrong !== undefined) report(walk, wrong);
}

/** What no schema says anything of: JSON.parse makes Infinity of a number like 1e400, which would be stored as null (encoding/json: convertNumber). */
function checkNumbers(value: unknown, walk: Walk): void {
  if (value === Infinity || value === -Infinity) report(walk, 'json: cannot unmarshal number into Go value of type float64');
  else if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) checkNumbers(each, walk);
}

function checkList(schema: Schema, value: unknown, walk: Walk): void {
  if (!Array.isArray(value)) return wrongType(schema, value, walk);
  if (schema.items === undefined) return checkNumbers(value, walk);
  const items = resolveSchema(schema.items);
  for (const [index, item] of value.entries()) {
    walk.path.push(index);
    check(items, item, walk);
    walk.path.pop();
  }
}

function checkObject(schema: Schema, value: unknown, walk: Walk): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    if (schema.xPreserveUnknownFields !== true) wrongType(schema, value, walk);
    return;
  }
  const { properties, additionalProperties: rest } = schema;
  const isStruct = properties !== undefined && schema.goType !== undefined;
  const outer = walk.struct;
  for (const key of Object.keys(value)) {
    const property = properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : rest;
    if (property === undefined) {
      if (schema.xPreserveUnknownFields !== true && !(schema.xEmbeddedResource === true && isMetaField(key))) addUnknown(walk, key);
      else checkNumbers((value as Record<string, unknown>)[key], walk);
      continue;
    }
    if (property === true) {
      checkNumbers((value as Record<string, unknown>)[key], walk);
      continue;
    }
    if (isStruct) walk.struct = (schema.goType ?? '').slice((schema.goType ?? '').lastIndexOf('.') + 1);
    if (isStruct) walk.fields.push(key);
    walk.path.push(key);
    check(resolveSchema(property), (value as Record<string, unknown>)[key], walk);
    walk.path.pop();
    if (isStruct) walk.fields.pop();
    walk.struct = outer;
  }
}

/** apiVersion, kind and metadata are known in every embedded resource. */
export function isMetaField(key: string): boolean {
  return key === 'apiVersion' || key === 'kind' || key === 'metadata';
}

function scalarError(schema: Schema, value: unknown, walk: Walk): string | undefined {
  switch (schema.format) {
    case 'quantity': return quantityError(value);
    case 'int-or-string': return typeof value === 'string' || isInt32(value) ? undefined : `json: cannot unmarshal ${kindOf(value)} into Go value of type ${isNumeric(value) ? 'int32' : 'string'}`;
    case 'date-time': return timeError(value);
    case 'duration': return typeof value === 'string' ? undefined : `json: cannot unmarshal ${kindOf(value)} into Go value of type string`;
  }
  switch (schema.type) {
    case 'string': return typeof value === 'string' ? base64Error(schema, value, walk) : mismatch(schema, value, walk);
    case 'boolean': return typeof value === 'boolean' ? undefined : mismatch(schema, value, walk);
    case 'number': return isNumeric(value) ? undefined : mismatch(schema, value, walk);
    case 'integer': return (schema.format === 'int32' ? isInt32(value) : isInteger(value)) ? undefined : mismatch(schema, value, walk);
    default: return undefined;
  }
}

function quantityError(value: unknown): string | undefined {
  if (isQuantity(value)) return undefined;
  try {
    parseQuantity(typeof value === 'string' || isNumeric(value) ? value : '');
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}

/** RFC 3339, as far as its form goes. */
export const RFC3339 = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d([.,]\d+)?(Z|[+-]\d{2}:\d{2})$/;

function timeError(value: unknown): string | undefined {
  if (typeof value !== 'string') return `json: cannot unmarshal ${kindOf(value)} into Go value of type string`;
  if (RFC3339.test(value)) return undefined;
  const text = JSON.stringify(value);
  return `parsing time ${text} as "2006-01-02T15:04:05Z07:00": cannot parse ${text} as "2006"`;
}

function base64Error(schema: Schema, value: string, { isConverted }: Walk): string | undefined {
  if (schema.format !== 'byte') return undefined;
  const text = value.replace(/[\r\n]/g, '');
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return undefined;
  const at = text.search(/[^A-Za-z0-9+/]/);
  const why = `illegal base64 data at input byte ${at < 0 ? text.length - (text.length % 4) : at}`;
  return isConverted ? converterBase64Error(why) : why;
}

function isInt32(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= -2_147_483_648 && (value as number) <= 2_147_483_647;
}

function wrongType(schema: Schema, value: unknown, walk: Walk): void {
  if (schema.goType !== undefined) report(walk, mismatch(schema, value, walk));
}

function mismatch(schema: Schema, value: unknown, walk: Walk): string {
  if (walk.isConverted) return converterMismatch(schema, value);
  const numeric = schema.type === 'integer' && isNumeric(value);
  const what = numeric ? `number ${value}` : kindOf(value);
  const where = walk.fields.length === 0 ? 'Go value' : `Go struct field ${walk.struct}.${walk.fields.join('.')}`;
  return `json: cannot unmarshal ${what} into ${where} of type ${schema.goType ?? schema.type}`;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : isNumeric(value) ? 'number' : typeof value;
}

function report(walk: Walk, message: string): void {
  walk.findings ??= { unknown: [] };
  walk.findings.typeError ??= message;
}

function addUnknown(walk: Walk, key: string): void {
  walk.findings ??= { unknown: [] };
  if (walk.findings.unknown.length < MAX_FINDINGS) walk.findings.unknown.push(showPath([...walk.path, key]));
}

/** `spec.containers[0].name`. */
export function showPath(steps: readonly (string | number)[]): string {
  let text = '';
  for (const step of steps) text += typeof step === 'number' ? `[${step}]` : text === '' ? step : `.${step}`;
  return text;
}
