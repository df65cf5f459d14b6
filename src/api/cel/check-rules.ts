/**
 * Whether the rules of a definition's schema can be compiled, in upstream's words (apiextensions validation of x-kubernetes-validations).
 * Each rule is checked with the types of its schema, so that a field that does not exist is found before any object comes.
 */
import { forbidden, invalid, notSupported, required, type FieldError } from '../field-error.ts';
import type { ValidationRule } from '../generated/apiextensions-v1.ts';
import { resolveSchema, type Schema } from '../schema/schema.ts';
import { costMessage, DEFINITION_LIMIT, elementsOf, estimateCost, EXPRESSION_LIMIT } from './cost/limits.ts';
import type { Expression } from './cost/expression.ts';
import { cardinalityOf } from './cost/schema-sizes.ts';
import { checkExpression, showIssues, type Scope } from './checker/check.ts';
import { optionalOf, same, BOOL, STRING, type Type } from './checker/type.ts';
import { Declarations } from './declarations.ts';
import { createEnvironment, type Environment } from './environment.ts';
import { compileExpression, EvaluationFailure } from './program.ts';

const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

interface Circumstances {
  /** Whether something else is wrong at a place or beneath: rules are not looked at there. Default never. */
  isWrong?(path: string): boolean;
  /** Whether the schema is as it was: an expression that costs more than one may is not refused then, all of them together are. */
  isKept?: boolean;
}

/** `path` is where the schema stands in the definition. */
export function ruleErrorsOf(schema: Schema, path: string, { isWrong = () => false, isKept = false }: Circumstances = {}): FieldError[] {
  const errors: FieldError[] = [];
  const total: Total = { cost: 0, rules: [], isKept };
  walk(schema, path, { root: true, uncorrelatable: undefined, times: 1, total, isWrong }, errors);
  return [...errors, ...totalErrors(total, path)];
}

interface Place {
  root: boolean;
  /** Where the items or fields begin of which nobody can say which was which before; undefined where none do. */
  uncorrelatable: string | undefined;
  /** How many such values an object may have; undefined when nothing but the size of a request bounds them. */
  times: number | undefined;
  total: Total;
  isWrong(path: string): boolean;
}

/** What all expressions of a schema may cost, and those that make up most of it. */
interface Total { cost: number; rules: { path: string; cost: number }[]; isKept: boolean }

function totalErrors(total: Total, path: string): FieldError[] {
  const message = costMessage('x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema', total.cost, DEFINITION_LIMIT);
  if (message === undefined) return [];
  const most = total.rules.filter(({ cost }) => cost >= DEFINITION_LIMIT / 100).toSorted((a, b) => b.cost - a.cost).slice(0, 4);
  return [...most.map((rule) => forbidden(rule.path, 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema')), forbidden(path, message)];
}

function costErrors(expanded: Expression, place: { name: string; at: string; schema: Schema; root: boolean; times: number; total: Total }): FieldError[] {
  const cost = estimateCost(expanded, place.schema, place.root) * place.times;
  place.total.cost += cost;
  place.total.rules.push({ path: place.at, cost });
  const message = place.total.isKept ? undefined : costMessage(place.name, cost, EXPRESSION_LIMIT);
  return message === undefined ? [] : [forbidden(place.at, message)];
}

function walk(schema: Schema, path: string, place: Place, errors: FieldError[]): void {
  if (schema.goType !== undefined) return;
  if (schema.xValidations !== undefined && schema.xValidations.length > 0) checkRules(schema, path, place, errors);
  // Of a sort of map that is not known nobody can say.
  const inner = place.uncorrelatable ?? (schema.xMapType === undefined || schema.xMapType === 'granular' || schema.xMapType === 'atomic' ? undefined : path);
  const elements = elementsOf(schema);
  const times = place.times === undefined || elements === undefined ? undefined : place.times * elements;
  const { total, isWrong } = place;
  for (const [name, ref] of Object.entries(schema.properties ?? {})) if (typeof ref !== 'function') walk(ref, `${path}.properties[${name}]`, { root: false, uncorrelatable: inner, times, total, isWrong }, errors);
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== true) walk(resolveSchema(schema.additionalProperties), `${path}.additionalProperties`, { root: false, uncorrelatable: place.uncorrelatable, times, total, isWrong }, errors);
  if (schema.items !== undefined) walk(resolveSchema(schema.items), `${path}.items`, { root: false, uncorrelatable: place.uncorrelatable ?? (schema.xListType === 'map' ? undefined : path), times, total, isWrong }, errors);
}

function checkRules(schema: Schema, path: string, place: Place, errors: FieldError[]): void {
  const type = new Declarations().typeOf(schema, place.root);
  for (const [index, rule] of (schema.xValidations as unknown as ValidationRule[]).entries()) {
    const at = `${path}.x-kubernetes-validations[${index}]`;
    const scope: Scope = { variables: new Map([['self', type], ['oldSelf', rule.optionalOldSelf === true ? optionalOf(type) : type]]) };
    errors.push(...shapeErrors(rule, at), ...pathErrors(schema, rule, at), ...(place.isWrong(path) ? [] : expressionErrors(scope, rule, { ...place, schema }, at)));
  }
}

function shapeErrors(rule: ValidationRule, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const { message = '', messageExpression = '' } = rule;
  const text = (rule.rule ?? '').trim();
  if (text === '') errors.push(required(`${at}.rule`, 'rule is not specified'));
  else if (message !== '' && message.trim() === '') errors.push(invalid(`${at}.message`, message, 'must be non-empty if specified'));
  else if (hasLineBreaks(message.trim())) errors.push(invalid(`${at}.message`, message, 'must not contain line breaks'));
  else if (hasLineBreaks(text) && message === '') errors.push(required(`${at}.message`, 'message must be specified if rule contains line breaks'));
  if (messageExpression !== '' && messageExpression.trim() === '') errors.push(required(`${at}.messageExpression`, 'messageExpression must be non-empty if specified'));
  if (rule.reason !== undefined && !REASONS.includes(rule.reason)) errors.push(notSupported(`${at}.reason`, rule.reason, REASONS));
  return errors;
}

function hasLineBreaks(text: string): boolean {
  return /[\n\r]/.test(text);
}

/** The place of a refusal must be one that the schema has. */
function pathErrors(schema: Schema, { fieldPath }: ValidationRule, at: string): FieldError[] {
  if (fieldPath === undefined || fieldPath === '') return [];
  const wrong = (detail: string): FieldError => invalid(`${at}.fieldPath`, fieldPath, detail);
  const errors = fieldPath.trim() === '' ? [wrong('must be non-empty if specified')] : [];
  if (hasLineBreaks(fieldPath)) errors.push(wrong('must not contain line breaks'));
  return isPathIn(schema, fieldPath) ? errors : [...errors, wrong('must be a valid path')];
}

/** Names of fields after dots, or quoted in brackets: `.a['b.c']`. */
function isPathIn(schema: Schema, fieldPath: string): boolean {
  let rest = fieldPath;
  let current: Schema | undefined = schema;
  while (rest !== '' && current !== undefined) {
    const step: RegExpExecArray | null = /^(?:\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\])/.exec(rest);
    if (step === null) return false;
    const name: string = step[1] ?? unquoted(step[2]!);
    const ref: Schema['additionalProperties'] = current.properties?.[name] ?? current.additionalProperties;
    current = ref === undefined || ref === true ? undefined : resolveSchema(ref);
    rest = rest.slice(step[0].length);
  }
  return current !== undefined;
}

const ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

function unquoted(text: string): string {
  return text.replaceAll(/\\(.)/g, (_match, character: string) => ESCAPES[character] ?? character);
}

function expressionErrors(scope: Scope, rule: ValidationRule, place: Place & { schema: Schema }, at: string): FieldError[] {
  if ((rule.rule ?? '').trim() === '') return [];
  const errors: FieldError[] = [];
  const untyped = createEnvironment({ self: 'dyn', oldSelf: 'dyn' });
  const compiled = compile(untyped, scope, rule.rule, BOOL, 'cel expression must evaluate to a bool');
  if (typeof compiled === 'string') return [invalid(`${at}.rule`, rule, compiled)];
  const { messageExpression = '' } = rule;
  const { schema, root, total } = place;
  errors.push(...costErrors(compiled, { name: 'estimated rule cost', at: `${at}.rule`, schema, root, times: place.times ?? cardinalityOf(schema, root), total }));
  const message = messageExpression.trim() === '' ? undefined : compile(untyped, scope, messageExpression, STRING, 'messageExpression must evaluate to a string');
  if (typeof message === 'string') errors.push(invalid(`${at}.messageExpression`, rule, message.replace(/^compilation failed/, 'messageExpression compilation failed')));
  else if (message !== undefined) errors.push(...costErrors(message, { name: 'estimated messageExpression cost', at: `${at}.messageExpression`, schema, root, times: 1, total }));
  const usesOld = compileExpression(untyped, rule.rule).uses('oldSelf');
  if (usesOld && place.uncorrelatable !== undefined) errors.push(invalid(`${at}.rule`, rule.rule, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.uncorrelatable}`));
  if (rule.optionalOldSelf !== undefined && !usesOld) errors.push(invalid(`${at}.optionalOldSelf`, rule.optionalOldSelf, 'may not be set if oldSelf is not used in rule'));
  return errors;
}

/** The expression, or what is wrong with it. */
function compile(untyped: Environment, scope: Scope, text: string, result: Type, wrong: string): Expression | string {
  const failure = failureOf(untyped, text);
  // What the evaluator itself says of types is less than what the checker tells.
  if (failure !== undefined && isSyntaxError(failure)) return failure;
  const { type, issues, expanded } = checkExpression(untyped, scope, text);
  if (expanded === undefined) return `compilation failed: ${showIssues(issues, text)}`;
  return failure ?? (same(type, result) ? expanded : wrong);
}

function isSyntaxError(text: string): boolean {
  return !text.includes('no matching overload') && !text.includes('undeclared reference') && !text.includes('undefined field');
}

function failureOf(environment: Environment, text: string): string | undefined {
  try {
    compileExpression(environment, text);
    return undefined;
  } catch (error) {
    if (!(error instanceof EvaluationFailure)) throw error;
    return error.message;
  }
}
