/**
 * Judges a value of a custom resource by its schema, in the words a client of Kubernetes sees (kube-openapi validation, apiextensions).
 * Parts with built-in types (metadata) are skipped: strict decoding has judged them.
 */
import { isInteger, isNumeric, type Int64 } from '../int64.ts';
import { compile } from './regular-expression.ts';
import { duplicate, invalid, notSupported, required, tooLong, typeInvalid, type FieldError } from '../field-error.ts';
import { equalJson, isJsonObject } from '../json.ts';
import type { Json } from '../meta.ts';
import { formatError } from './formats.ts';
import { resolveSchema, type Schema } from './schema.ts';

const MAX_ERRORS = 100;

/** Everything wrong with `value`, at most 100 errors. `path` is '' for a whole object. */
export function validateSchema(schema: Schema, value: unknown, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  validate(schema, value, path, errors);
  return errors.slice(0, MAX_ERRORS);
}

/** The same of a change: what was wrong before and stays as it is may stay (apiextensions ratcheting, KEP-4008). */
export function validateSchemaChange(schema: Schema, value: unknown, old: unknown): FieldError[] {
  const found = validateSchema(schema, value);
  if (found.length === 0) return found;
  const errors: FieldError[] = [];
  validate(schema, value, '', errors, old);
  return errors.slice(0, MAX_ERRORS);
}

/** `old` is the same value as it was before, where it can be told which one that is. */
function validate(schema: Schema, value: unknown, path: string, errors: FieldError[], old?: unknown): void {
  if (schema.goType !== undefined || errors.length >= MAX_ERRORS) return;
  if (old !== undefined && equalJson(old as Json, value as Json)) return;
  if (value === null && schema.nullable === true) return;
  if (!typeFits(schema, value)) {
    const [wanted, found] = mismatch(schema, value);
    errors.push(typeInvalid(nameOf(path), found, `${path} in body must be of type ${wanted}: ${JSON.stringify(found)}`));
    return;
  }
  if (schema.enum !== undefined && !schema.enum.some((each) => same(each, value as Json))) {
    errors.push(notSupported(nameOf(path), value, schema.enum.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))), schema.goType === undefined ? 'as-given' : 'sorted'));
  }
  if (typeof value === 'string') validateString(schema, value, path, errors);
  else if (isNumeric(value)) validateNumber(schema, value, path, errors);
  else if (Array.isArray(value)) validateList(schema, value, path, errors, old);
  else if (typeof value === 'object' && value !== null) validateObject(schema, value as Record<string, unknown>, path, errors, old);
  validateCombinations(schema, value, path, errors);
}

function typeFits(schema: Schema, value: unknown): boolean {
  if (schema.xIntOrString === true) return typeof value === 'string' || isInteger(value);
  switch (schema.type) {
    case undefined: return true;
    case 'integer': return isInteger(value);
    case 'number': return isNumeric(value);
    case 'array': return Array.isArray(value);
    case 'object': return typeof value === 'object' && value !== null && !Array.isArray(value);
    default: return typeof value === schema.type;
  }
}

/** What the error says was wanted and found: of a schema with a format that, unless a text or a list was found (kube-openapi typeValidator). */
function mismatch(schema: Schema, value: unknown): [wanted: string, found: string] {
  if (schema.xIntOrString === true) return ['integer,string', typeOf(value)];
  if (schema.format === undefined || schema.format === '' || value === null || typeof value === 'string' || Array.isArray(value)) return [schema.type ?? '', typeOf(value)];
  return [schema.format, isInteger(value) ? 'int64' : typeof value === 'number' ? 'float64' : ''];
}

/** The JSON type of a value as the errors name it. */
function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (isNumeric(value)) return isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function validateString(schema: Schema, value: string, path: string, errors: FieldError[]): void {
  const say = (text: string): void => void errors.push(invalid(nameOf(path), value, `${path} in body ${text}`));
  const characters = schema.maxLength === undefined && schema.minLength === undefined ? 0 : [...value].length;
  if (schema.maxLength !== undefined && characters > schema.maxLength) errors.push(tooLong(nameOf(path), schema.maxLength));
  if (schema.minLength !== undefined && characters < schema.minLength) say(`should be at least ${schema.minLength} chars long`);
  if (schema.pattern !== undefined && !patternOf(schema.pattern).test(value)) say(`should match '${schema.pattern}'`);
  if (schema.format !== undefined && formatError(schema.format, value)) {
    errors.push(typeInvalid(nameOf(path), value, `${path} in body must be of type ${schema.format}: ${JSON.stringify(value)}`));
  }
}

const MOST_INT32 = 2 ** 31 - 1;

function validateNumber(schema: Schema, value: Int64, path: string, errors: FieldError[]): void {
  // Upstream tells it without a field.
  if (schema.goType === undefined && schema.type === 'integer' && schema.format === 'int32' && (value > MOST_INT32 || value < -MOST_INT32 - 1)) errors.push(invalid('<nil>', '', `Checked value must be of type integer with format int32 in ${path}`));
  const say = (text: string): void => void errors.push(invalid(nameOf(path), value, `${path} in body should be ${text}`));
  const { minimum, maximum, multipleOf } = schema;
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) say(`less than ${schema.exclusiveMaximum === true ? '' : 'or equal to '}${maximum}`);
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) say(`greater than ${schema.exclusiveMinimum === true ? '' : 'or equal to '}${minimum}`);
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) say(`a multiple of ${multipleOf}`);
}

/** Of whole numbers exactly, as Go divides them. */
function isMultiple(value: Int64, factor: Int64): boolean {
  return typeof value === 'bigint' && isInteger(factor) ? value % BigInt(factor) === 0n : Number.isInteger(Number(value) / Number(factor));
}

function validateList(schema: Schema, list: readonly unknown[], path: string, errors: FieldError[], old?: unknown): void {
  if (schema.maxItems !== undefined && list.length > schema.maxItems) errors.push(tooMany(nameOf(path), list.length, schema.maxItems));
  if (schema.minItems !== undefined && list.length < schema.minItems) errors.push(invalid(nameOf(path), list.length, `${path} in body should have at least ${schema.minItems} items`));
  if (schema.uniqueItems === true && new Set(list.map((item) => canonical(item))).size < list.length) errors.push(invalid(nameOf(path), '', `${path} in body shouldn't contain duplicates`));
  if (schema.items !== undefined) {
    const items = resolveSchema(schema.items);
    const before = itemsBefore(schema, old);
    for (const [index, item] of list.entries()) validate(items, item, `${path}[${index}]`, errors, before?.get(canonical(keyFields(schema, item))));
  }
  errors.push(...duplicates(schema, list, path));
}

/** The old items by their keys, of a list that has keys. */
function itemsBefore(schema: Schema, old: unknown): Map<string, unknown> | undefined {
  if (schema.xListType !== 'map' || !Array.isArray(old)) return undefined;
  return new Map(old.map((item) => [canonical(keyFields(schema, item)), item]));
}

function keyFields(schema: Schema, item: unknown): object {
  return Object.fromEntries((schema.xListMapKeys ?? []).map((key) => [key, (item as Record<string, unknown> | null)?.[key]]).filter(([, value]) => value !== undefined));
}

/** Lists of type set and map hold each value or key once; one that stands in them more often is told of where it does so first. */
function duplicates(schema: Schema, list: readonly unknown[], path: string): FieldError[] {
  if (schema.xListType !== 'set' && schema.xListType !== 'map') return [];
  const times = new Map<string, number>();
  const errors: FieldError[] = [];
  for (const [index, item] of list.entries()) {
    const fields = schema.xListType === 'map' ? keyFields(schema, item) : item;
    const text = canonical(fields);
    const before = times.get(text) ?? 0;
    if (before === 1) errors.push(duplicate(`${path}[${index}]`, fields));
    times.set(text, before + 1);
  }
  return errors;
}

function validateObject(schema: Schema, object: Record<string, unknown>, path: string, errors: FieldError[], old?: unknown): void {
  const count = Object.keys(object).length;
  if (schema.maxProperties !== undefined && count > schema.maxProperties) errors.push(tooMany(nameOf(path), count, schema.maxProperties));
  if (schema.minProperties !== undefined && count < schema.minProperties) errors.push(invalid(nameOf(path), count, `${path} in body should have at least ${schema.minProperties} properties`));
  for (const name of schema.required ?? []) if (object[name] === undefined && schema.leftToRules?.has(name) !== true) errors.push(required(below(path, name)));
  const { properties = {}, additionalProperties: rest } = schema;
  const before = isJsonObject(old) ? old : {};
  for (const [key, value] of Object.entries(object)) {
    const property = Object.hasOwn(properties, key) ? properties[key] : rest;
    const was = Object.hasOwn(before, key) ? before[key] : undefined;
    if (property !== undefined && property !== true) validate(resolveSchema(property), value, below(path, key), errors, was);
    const further = schema.xMeta?.[key];
    if (further !== undefined) validate(further, value, below(path, key), errors, was);
  }
}

function validateCombinations(schema: Schema, value: unknown, path: string, errors: FieldError[]): void {
  const say = (text: string): void => void errors.push(invalid('<nil>', '', `${JSON.stringify(path)} must ${text}`));
  const judge = (each: Schema): FieldError[] => validateSchema(each, value, path);
  if (schema.anyOf !== undefined && schema.anyOf.length > 0) {
    const results = schema.anyOf.map(judge);
    if (!results.some((found) => found.length === 0)) {
      say('validate at least one schema (anyOf)');
      errors.push(...fewest(results));
    }
  }
  if (schema.oneOf !== undefined && schema.oneOf.length > 0) {
    const results = schema.oneOf.map(judge);
    const valid = results.filter((found) => found.length === 0).length;
    if (valid !== 1) say(`validate one and only one schema (oneOf). Found ${valid === 0 ? 'none valid' : `${valid} valid alternatives`}`);
    if (valid === 0) errors.push(...fewest(results));
  }
  if (schema.allOf !== undefined && schema.allOf.length > 0) {
    const results = schema.allOf.map(judge);
    const valid = results.filter((found) => found.length === 0).length;
    errors.push(...results.flat());
    if (valid < results.length) say(`validate all the schemas (allOf)${valid === 0 ? '. None validated' : ''}`);
  }
  if (schema.not !== undefined && judge(schema.not).length === 0) say('not validate the schema (not)');
}

function fewest(results: readonly FieldError[][]): FieldError[] {
  return results.toSorted((a, b) => a.length - b.length)[0] ?? [];
}

const patterns = new Map<string, RegExp>();

/** Go's syntax, read as JavaScript's; what does not compile matches everything (it was refused when the CRD was made). */
function patternOf(pattern: string): RegExp {
  let made = patterns.get(pattern);
  if (made === undefined) {
    made = compile(pattern) ?? /(?:)/;
    if (patterns.size > 1000) patterns.clear();
    patterns.set(pattern, made);
  }
  return made;
}

function tooMany(field: string, actual: number, max: number): FieldError {
  return { type: 'FieldValueTooMany', field, message: `Too many: ${actual}: must have at most ${max} item${max === 1 ? '' : 's'}` };
}

function below(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function nameOf(path: string): string {
  return path === '' ? '<nil>' : path;
}

function same(a: Json, b: Json): boolean {
  return a === b || (typeof a === 'object' && canonical(a) === canonical(b));
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) => (isJsonObject(each) && !JSON.isRawJSON(each) ? Object.fromEntries(Object.entries(each).sort()) : each)) ?? 'null';
}
