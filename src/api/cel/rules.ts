/** The rules of a custom resource's schema, applied to a value (apiextensions apiserver/schema/cel Validator). */
import { duplicate, forbidden, invalid, required, type FieldError } from '../field-error.ts';
import type { ValidationRule } from '../generated/apiextensions-v1.ts';
import { equalJson } from '../json.ts';
import { resolveSchema, type Schema } from '../schema/schema.ts';
import { hasRules } from './has-rules.ts';
import { createEnvironment, type Environment } from './environment.ts';
import { optionals } from './library/optionals.ts';
import { Budget, compileExpression, EvaluationFailure, type Program } from './program.ts';
import { toCel } from './value.ts';

interface CompiledRule {
  rule: ValidationRule;
  program?: Program;
  message?: Program;
  /** Why it could not be compiled; such definitions are refused, but older ones may be stored. */
  error?: string;
}

const compiled = new WeakMap<Schema, readonly CompiledRule[]>();
let environment: Environment | undefined;

/** Everything that the rules of the schema and below find wrong. `old` is given on update. */
export function evaluateRules(schema: Schema, value: unknown, old: unknown): FieldError[] {
  const errors: FieldError[] = [];
  try {
    walk({ errors, budget: new Budget() }, schema, value, old, '', true);
  } catch (error) {
    if (error !== STOP) throw error;
  }
  return errors;
}

interface Run { errors: FieldError[]; budget: Budget }

/** Ends a run whose budget is spent. */
const STOP = Symbol('stop');

function walk(run: Run, schema: Schema, value: unknown, old: unknown, path: string, root = false): void {
  if (schema.goType !== undefined || !hasRules(schema) || value === null || value === undefined) return;
  if ((schema.xValidations?.length ?? 0) > 0) applyRules(run, schema, value, old, path, root);
  for (const each of schema.allOf ?? []) walk(run, each, value, old, path);
  if (Array.isArray(value)) walkList(run, schema, value, Array.isArray(old) ? old : undefined, path);
  else if (typeof value === 'object') walkObject(run, schema, value as Record<string, unknown>, old as Record<string, unknown> | undefined, path);
}

/** Only items of lists of type map are the same ones before and after. */
function walkList(run: Run, schema: Schema, list: readonly unknown[], old: readonly unknown[] | undefined, path: string): void {
  if (schema.items === undefined) return;
  const items = resolveSchema(schema.items);
  if (!hasRules(items)) return;
  const keyOf = (item: unknown): string => JSON.stringify((schema.xListMapKeys ?? []).map((key) => (item as Record<string, unknown> | null)?.[key]));
  const before = schema.xListType === 'map' ? new Map((old ?? []).map((item) => [keyOf(item), item])) : undefined;
  for (const [index, item] of list.entries()) walk(run, items, item, before?.get(keyOf(item)), `${path}[${index}]`);
}

function walkObject(run: Run, schema: Schema, object: Record<string, unknown>, old: Record<string, unknown> | undefined, path: string): void {
  const { properties = {}, additionalProperties: rest } = schema;
  const before = schema.xMapType === 'atomic' || typeof old !== 'object' || old === null ? undefined : old;
  for (const [key, value] of Object.entries(object)) {
    const named = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const ref = named ?? rest;
    if (ref === undefined || ref === true) continue;
    walk(run, resolveSchema(ref), value, before !== undefined && Object.hasOwn(before, key) ? before[key] : undefined, named === undefined ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`);
  }
}

function applyRules(run: Run, schema: Schema, value: unknown, old: unknown, path: string, root: boolean): void {
  const field = path === '' ? '<nil>' : path;
  const type = schema.type ?? '';
  const hasOld = old !== undefined && old !== null;
  const self = toCel(schema, value, root);
  const oldSelf = hasOld ? toCel(schema, old, root) : undefined;
  const unchanged = hasOld && equalJson(value, old);
  for (const { rule, program, message, error } of rulesOf(schema)) {
    if (program === undefined) {
      run.errors.push(invalid(field, type, `rule compile error: ${error ?? ''}`));
      continue;
    }
    const optional = rule.optionalOldSelf === true;
    if (program.uses('oldSelf') && !hasOld && !optional) continue;
    const { of, none } = optionals();
    const variables = { self, oldSelf: optional ? (hasOld ? of(oldSelf) : none()) : (oldSelf ?? null) };
    const verdict = judge(run, program, variables, field, type, rule);
    // What was stored already and did not change is not refused for a rule that came later.
    if (verdict === true || (unchanged && !program.uses('oldSelf'))) continue;
    run.errors.push(typeof verdict === 'object' ? verdict : failed(run, rule, message, variables, field, type));
  }
}

/** Whether the rule holds, or the error of its evaluation. */
function judge(run: Run, program: Program, variables: Record<string, unknown>, field: string, type: string, rule: ValidationRule): boolean | FieldError {
  try {
    return program.evaluate(variables, run.budget) === true;
  } catch (error) {
    if (!(error instanceof EvaluationFailure)) throw error;
    const text = (rule.message ?? '') === '' ? rule.rule.trim() : rule.message!.trim();
    if (error.kind === 'budget') {
      run.errors.push(invalid(field, type, 'validation failed due to running out of cost budget, no further validation rules will be run'));
      throw STOP;
    }
    if (error.kind === 'limit') {
      run.errors.push(invalid(field, type, `'${error.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${text}`));
      throw STOP;
    }
    if (error.kind === 'overload') return invalid(field, type, `'${error.message}': call arguments did not match a supported operator, function or macro signature for rule: ${text}`);
    return invalid(field, type, `${error.message} evaluating rule: ${text}`);
  }
}

function failed(run: Run, rule: ValidationRule, message: Program | undefined, variables: Record<string, unknown>, field: string, type: string): FieldError {
  const detail = messageFrom(run, message, variables) ?? ((rule.message ?? '') === '' ? `failed rule: ${rule.rule.trim()}` : rule.message!.trim());
  const at = rule.fieldPath === undefined || rule.fieldPath === '' ? field : `${field === '<nil>' ? '' : field}${normalizedPath(rule.fieldPath)}`.replace(/^\./, '');
  switch (rule.reason) {
    case 'FieldValueForbidden': return forbidden(at, detail);
    case 'FieldValueRequired': return required(at, detail);
    case 'FieldValueDuplicate': return duplicate(at, type);
    default: return invalid(at, type, detail);
  }
}

/** `.a['b.c']` as field errors write it: `.a.b.c`. */
function normalizedPath(path: string): string {
  return path.replace(/\['((?:\\.|[^'\\])*)'\]/g, (_match, name: string) => `.${name.replace(/\\(.)/g, '$1')}`);
}

const MAX_MESSAGE_BYTES = 5 * 1024;

/** What the message expression says; undefined where it fails, or says nothing that fits on a line. */
function messageFrom(run: Run, message: Program | undefined, variables: Record<string, unknown>): string | undefined {
  if (message === undefined) return undefined;
  try {
    const text = message.evaluate(variables, run.budget);
    if (typeof text !== 'string' || text.trim() === '' || text.trim().includes('\n') || Buffer.byteLength(text) > MAX_MESSAGE_BYTES) return undefined;
    return text.trim();
  } catch (error) {
    if (!(error instanceof EvaluationFailure)) throw error;
    return error.kind === 'budget' ? 'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run' : undefined;
  }
}

function rulesOf(schema: Schema): readonly CompiledRule[] {
  let rules = compiled.get(schema);
  if (rules === undefined) {
    environment ??= createEnvironment({ self: 'dyn', oldSelf: 'dyn' });
    compiled.set(schema, (rules = (schema.xValidations as unknown as ValidationRule[]).map((rule) => compileRule(environment!, rule))));
  }
  return rules;
}

function compileRule(within: Environment, rule: ValidationRule): CompiledRule {
  try {
    const made: CompiledRule = { rule, program: compileExpression(within, rule.rule) };
    if (rule.messageExpression) made.message = compileExpression(within, rule.messageExpression);
    return made;
  } catch (error) {
    return { rule, error: (error as Error).message };
  }
}
