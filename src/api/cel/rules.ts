/** The rules of a custom resource's schema, applied to a value (apiextensions apiserver/schema/cel Validator). */
import { duplicate, duplicateUnshown, forbidden, invalid, invalidUnshown, required, type FieldError } from '../field-error.ts';
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

const environments: { plain?: Environment; optional?: Environment } = {};
const compiled = new WeakMap<Schema, readonly CompiledRule[]>();
/**
 * Everything that the rules of the schema and below find wrong. `old` is given on update: what was stored already and did not change is not
 * refused for a rule that came later; `ratcheted` takes what such a rule finds.
 */
export function evaluateRules(schema: Schema, value: unknown, old: unknown, ratcheted: FieldError[] = []): FieldError[] {
  const errors: FieldError[] = [];
  try {
    walk({ errors, ratcheted, budget: new Budget() }, { schema, value, old, path: '', root: true, within: () => false });
  } catch (error) {
    if (error !== STOP) throw error;
  }
  return errors;
}

interface Run { errors: FieldError[]; ratcheted: FieldError[]; budget: Budget }

interface Place {
  schema: Schema;
  value: unknown;
  /** What was here before; undefined too where nothing says which of the old items this one was. */
  old: unknown;
  path: string;
  root?: boolean;
  /** Whether the nearest thing around that has an old one is as it was. */
  within: () => boolean;
}

/** Ends a run whose budget is spent. */
const STOP = Symbol('stop');

function walk(run: Run, place: Place): void {
  const { schema, value, old } = place;
  if (schema.goType !== undefined || !hasRules(schema) || value === null || value === undefined) return;
  if ((schema.xValidations?.length ?? 0) > 0) applyRules(run, place);
  for (const each of schema.allOf ?? []) walk(run, { ...place, schema: each, root: false });
  if (Array.isArray(value)) walkList(run, place, value, Array.isArray(old) ? old : undefined);
  else if (typeof value === 'object') walkObject(run, place, value as Record<string, unknown>, old as Record<string, unknown> | undefined);
}

function isUnchanged({ value, old, within }: Place): boolean {
  return old === undefined ? within() : equalJson(value, old);
}

/** Only items of lists of type map are the same ones before and after. */
function walkList(run: Run, place: Place, list: readonly unknown[], old: readonly unknown[] | undefined): void {
  const { schema, path } = place;
  if (schema.items === undefined) return;
  const items = resolveSchema(schema.items);
  if (!hasRules(items)) return;
  const keyOf = (item: unknown): string => JSON.stringify((schema.xListMapKeys ?? []).map((key) => (item as Record<string, unknown> | null)?.[key]));
  const before = schema.xListType === 'map' ? new Map((old ?? []).map((item) => [keyOf(item), item])) : undefined;
  const within = (): boolean => isUnchanged(place);
  for (const [index, item] of list.entries()) walk(run, { schema: items, value: item, old: before?.get(keyOf(item)), path: `${path}[${index}]`, within });
}

function walkObject(run: Run, place: Place, object: Record<string, unknown>, old: Record<string, unknown> | undefined): void {
  const { schema, path } = place;
  const { properties = {}, additionalProperties: rest } = schema;
  const before = typeof old !== 'object' || old === null ? undefined : old;
  const within = (): boolean => isUnchanged(place);
  for (const [key, value] of Object.entries(object)) {
    const named = Object.hasOwn(properties, key) ? properties[key] : undefined;
    const ref = named ?? rest;
    if (ref === undefined || ref === true) continue;
    walk(run, { schema: resolveSchema(ref), value, old: before !== undefined && Object.hasOwn(before, key) ? before[key] : undefined, path: named === undefined ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`, within });
  }
}

function applyRules(run: Run, place: Place): void {
  const { schema, value, old, path, root = false } = place;
  const field = path === '' ? '<nil>' : path;
  const type = schema.type ?? '';
  const hasOld = old !== undefined && old !== null;
  const self = toCel(schema, value, root);
  const oldSelf = hasOld ? toCel(schema, old, root) : undefined;
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
    if (verdict === true) continue;
    const found = typeof verdict === 'object' ? verdict : failed(run, rule, message, variables, field, { type, value });
    if (verdict === false && !program.uses('oldSelf') && isUnchanged(place)) run.ratcheted.push(found);
    else run.errors.push(found);
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
      run.errors.push(invalid(field, type, error.message));
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

function failed(run: Run, rule: ValidationRule, message: Program | undefined, variables: Record<string, unknown>, field: string, { type, value }: { type: string; value: unknown }): FieldError {
  const detail = messageFrom(run, message, variables) ?? ((rule.message ?? '') === '' ? `failed rule: ${rule.rule.trim()}` : rule.message!.trim());
  const at = rule.fieldPath === undefined || rule.fieldPath === '' ? field : `${field === '<nil>' ? '' : field}${normalizedPath(rule.fieldPath)}`.replace(/^\./, '');
  // Simple values are told, others are too large to be.
  const unshown = type === 'object' || type === 'array';
  switch (rule.reason) {
    case 'FieldValueForbidden': return forbidden(at, detail);
    case 'FieldValueRequired': return required(at, detail);
    case 'FieldValueDuplicate': return unshown ? duplicateUnshown(at) : duplicate(at, value);
    default: return unshown ? invalidUnshown(at, detail) : invalid(at, value, detail);
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
  if (rules === undefined) compiled.set(schema, (rules = (schema.xValidations as unknown as ValidationRule[]).map(compileRule)));
  return rules;
}

function compileRule(rule: ValidationRule): CompiledRule {
  try {
    const within = rule.optionalOldSelf === true ? (environments.optional ??= createEnvironment({ self: 'dyn', oldSelf: 'optional<dyn>' })) : (environments.plain ??= createEnvironment({ self: 'dyn', oldSelf: 'dyn' }));
    const made: CompiledRule = { rule, program: compileExpression(within, rule.rule) };
    if (rule.messageExpression) made.message = compileExpression(within, rule.messageExpression);
    return made;
  } catch (error) {
    return { rule, error: (error as Error).message };
  }
}
