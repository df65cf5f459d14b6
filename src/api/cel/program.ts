/** Program: an expression, compiled once, and evaluated within a budget so that no expression takes long. */
import type { Environment } from './environment.ts';
import type { Value } from './library/define.ts';
import { REPLACED as REPLACED_COLLECTIONS } from './library/collections.ts';
import { EXCEEDED, withUnits } from './cost/meter.ts';
import { meter } from './cost/spend.ts';
import { withListKinds } from './library/kinds-of-lists.ts';
import { REPLACED as REPLACED_STRINGS } from './library/strings.ts';
import { REPLACED as REPLACED_TIMES, REPLACED_CALLS } from './library/times.ts';
import { MAX_CODE_POINTS, MAX_DEPTH, parse, TOO_DEEP } from './parse.ts';
import { withZone } from './zoned-times.ts';

/** Units of cost of one evaluation, and of all that one request asks for (apiserver apis/cel config). */
export const PER_CALL_LIMIT = 1_000_000;
export const RUNTIME_BUDGET = 10_000_000;
/** Of all conditions of a webhook or policy together. */
export const MATCH_CONDITIONS_BUDGET = 2_500_000;

export class Budget {
  remaining: number;

  constructor(units: number = RUNTIME_BUDGET) {
    this.remaining = units;
  }

  /** What comes next has as much of its own. */
  renew(units: number = RUNTIME_BUDGET): void {
    this.remaining = units;
  }
}

/** Calls back for each node once, one before those beneath it, also in what macros hold. */
function forEachNode(root: unknown, visit: (node: Node) => void): void {
  const seen = new Set<object>();
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (Array.isArray(value)) return value.forEach(walk);
    if (!isNode(value)) return Object.values(value).forEach(walk);
    visit(value);
    walk(value.args);
    walk(value.meta.alternate);
    walk(value.meta.macro);
  };
  walk(root);
}

interface HasMacro {
  args: unknown[];
  macroHasProps?: unknown[];
  typeCheck(checker: { check(node: unknown, context: unknown): unknown; getType(name: string): unknown }, of: HasMacro, context: unknown): unknown;
}

/** Why an expression could not be compiled or evaluated, in upstream's words. */
export class EvaluationFailure extends Error {
  readonly kind: 'overload' | 'limit' | 'budget' | 'other';

  constructor(kind: EvaluationFailure['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface Program {
  readonly text: string;
  /** Whether the expression names the variable. */
  uses(variable: string): boolean;
  /** The value in the evaluator's own terms. Throws EvaluationFailure. Takes what it costs from the budget. */
  evaluate(variables: Readonly<Record<string, unknown>>, budget: Budget): unknown;
}

interface Node {
  op: string;
  args: unknown;
  meta: { alternate?: Node; macro?: object };
  evaluate(evaluator: unknown, node: Node, context: unknown): unknown;
  check(checker: { getType(name: string): CheckedType }, node: Node, context: unknown): CheckedType;
}

interface CheckedType { kind: string }

interface Operator extends Node {
  handle(left: unknown, right: unknown, node: unknown, evaluator: unknown): unknown;
}

const REPLACED = new Map([...REPLACED_STRINGS, ...REPLACED_COLLECTIONS, ...REPLACED_TIMES]);
/** What the evaluator says of some failures, and what cel-go says. */
const WORDS = new Map([['Unsigned integer overflow', 'unsigned integer overflow'], ['Optional value is not present', 'optional.none() dereference']]);

const OF_THE_WHOLE = 'ERROR: <input>:-1:0: ';

/** Throws EvaluationFailure where the text is no expression, or its parts do not fit. */
export function compileExpression(environment: Environment, text: string): Program {
  const codePoints = text.length > MAX_CODE_POINTS ? [...text].length : 0;
  if (codePoints > MAX_CODE_POINTS) throw new EvaluationFailure('other', `compilation failed: ${OF_THE_WHOLE}expression code point size exceeds limit: size: ${codePoints}, limit ${MAX_CODE_POINTS}`);
  try {
    return compile(environment, text);
  } catch (error) {
    if (error instanceof EvaluationFailure) throw error;
    throw new EvaluationFailure('other', `compilation failed: ${error instanceof RangeError ? OF_THE_WHOLE + TOO_DEEP : compileMessage(error, text)}`);
  }
}

function compile(environment: Environment, text: string): Program {
  const { parsed } = parse(environment, text);
  const { names, operators, calledAs } = prepare(parsed.ast as unknown as Node);
  const checked = parsed.check();
  if (!checked.valid) throw checked.error instanceof RangeError ? checked.error : new EvaluationFailure('other', `compilation failed: ${compileMessage(checked.error, text)}`);
  // The check has chosen how operators are handled.
  for (const node of operators) node.handle = node.op === '-' ? withZone(node.handle) : withListKinds(node.op as '+', node.op === '+' ? withZone(node.handle) : node.handle);
  meter(parsed.ast as never, (call) => calledAs.get(call) ?? '');
  return { text, uses: (variable) => names.has(variable), evaluate: (variables, budget) => evaluate(parsed, variables, budget) };
}

function evaluate(parsed: (context: object) => unknown, variables: Readonly<Record<string, unknown>>, budget: Budget): unknown {
  const limit = Math.min(PER_CALL_LIMIT, budget.remaining);
  const { value, thrown, spent } = withUnits(limit, () => parsed(variables));
  budget.remaining -= spent;
  if (spent > limit) throw limit < PER_CALL_LIMIT ? new EvaluationFailure('budget', 'validation failed due to running out of cost budget, no further validation rules will be run') : new EvaluationFailure('limit', EXCEEDED);
  if (thrown !== undefined) throw failureOf(thrown);
  return value;
}

/** Names the evaluator's own functions that ours replace. Gives the variables that are named, and the names by which functions were called. */
function prepare(root: Node): { names: Set<string>; operators: Operator[]; calledAs: Map<object, string> } {
  const names = new Set<string>();
  const calledAs = new Map<object, string>();
  const operators: Operator[] = [];
  forEachNode(root, (value) => {
    if (value.op === 'id') names.add(value.args as string);
    if (value.op === 'call' || value.op === 'rcall') calledAs.set(value, (value.args as [string])[0]);
    if (value.op === 'rcall') replaceName(value.args as [string, Node, Node[]]);
    if (value.op === 'call') replaceCall(value.args as [string, Node[]]);
    if (value.op === 'rcall' && (value.args as [string])[0] === 'value') ofAnyType(value);
    if (value.op === 'call' && (value.args as unknown[])[0] === 'has' && value.meta.macro !== undefined) allowAnyRoot(value.meta.macro as HasMacro);
    if (['+', '-', '==', '!='].includes(value.op)) operators.push(value as Operator);
  });
  return { names, operators, calledAs };
}

/** The evaluator knows `has(a.b)`, whose path begins with a variable; upstream also has it begin with an element or a call: `has(self.matches[0].path)`. */
function allowAnyRoot(macro: HasMacro): void {
  const fields: Node[] = [];
  let root = macro.args[0] as Node;
  for (; root.op === '.' || root.op === '.?'; root = (root.args as [Node])[0]) fields.push(root);
  if (fields[0]?.op !== '.' || (root.op !== '[]' && root.op !== 'call' && root.op !== 'rcall')) return;
  macro.macroHasProps = [...fields, root];
  macro.typeCheck = (checker, _of, context) => {
    checker.check(root, context);
    return checker.getType('bool');
  };
}

/** The checker leaves the type of `value()` open where nothing is known of the optional, and then finds several operators that fit. */
function ofAnyType(node: Node): void {
  const plain = node.check.bind(node);
  node.check = (checker, of, context) => {
    const type = plain(checker, of, context);
    return type.kind === 'param' ? checker.getType('dyn') : type;
  };
}

function replaceName(args: [string, Node, Node[]]): void {
  const name = REPLACED.get(`${args[0]}/${args[2].length}`);
  if (name !== undefined) args[0] = name;
}

function replaceCall(args: [string, Node[]]): void {
  args[0] = REPLACED_CALLS.get(`${args[0]}/${args[1].length}`) ?? args[0];
}

function isNode(value: object): value is Node {
  return 'op' in value && 'meta' in value && typeof (value as Node).evaluate === 'function';
}

interface CelError extends Error { code?: string; summary?: string; range?: { start: number }; node?: { pos?: number; args?: readonly { end?: number }[] } }

function failureOf(error: unknown): EvaluationFailure {
  if (error instanceof EvaluationFailure) return error;
  const { code, message } = error as CelError;
  const told = messageOf(error);
  const summary = WORDS.get(told) ?? told;
  switch (code) {
    case 'no_such_key': return new EvaluationFailure('other', summary.replace(/^No such key/, 'no such key'));
    case 'index_out_of_bounds': return new EvaluationFailure('other', `index out of bounds: ${/index (-?\d+)/.exec(summary)?.[1] ?? ''}`);
    case 'numeric_overflow': return new EvaluationFailure('other', summary.split(':')[0] ?? summary);
    case 'modulo_by_zero': return new EvaluationFailure('other', 'modulus by zero');
    case 'no_such_overload': case 'no_matching_overload': case 'invalid_logical_operand': case 'variable_type_mismatch': return new EvaluationFailure('overload', 'no such overload');
    default: return new EvaluationFailure('other', summary === '' ? message : summary);
  }
}

/** The first line of what went wrong. */
export function messageOf(error: unknown): string {
  const { summary, message } = error as CelError;
  return (summary ?? message ?? String(error)).split('\n')[0]!.replaceAll('matchesRe2', 'matches').replaceAll('InZone', '').replace('goDuration', 'duration').replace('goTimestamp', 'timestamp').replace(/(lower|upper)Latin/, '$1Ascii');
}

/** As cel-go shows compile errors: the position, the text, and a mark below it. */
export function compileMessage(error: unknown, text: string): string {
  const { code, range, node } = error as CelError;
  if (code === 'limit_exceeded') return `${OF_THE_WHOLE}expression recursion limit exceeded: ${MAX_DEPTH}`;
  const summary = messageOf(error);
  const key = /^No such key: (.*)$/.exec(summary)?.[1];
  const variable = /^Unknown variable: (.*)$/.exec(summary)?.[1];
  let words = summary;
  if (key !== undefined) words = `undefined field '${key}'`;
  else if (variable !== undefined) words = `undeclared reference to '${variable}' (in container '')`;
  else if ((error as Error).name === 'ParseError') words = `Syntax error: ${summary}`;
  else if (code === 'no_such_overload') words = summary.replace(/^no such overload: (.*) (\S+) (.*)$/, (_match, left: string, operator: string, right: string) => `found no matching overload for '_${operator}_' applied to '(${left}, ${right})'`);
  // cel-go points at the dot before a field, and at the operator between two values.
  const leftEnd = code === 'no_such_overload' && Array.isArray(node?.args) ? (node.args[0] as { end?: number }).end : undefined;
  const start = leftEnd === undefined ? (node?.pos ?? range?.start ?? 0) : leftEnd + (/^\s*/.exec(text.slice(leftEnd))?.[0].length ?? 0);
  const before = text.slice(0, key !== undefined && text[start - 1] === '.' ? start - 1 : start);
  const line = before.split('\n').length;
  const column = before.length - (before.lastIndexOf('\n') + 1);
  return `ERROR: <input>:${line}:${column + 1}: ${words}\n | ${text.split('\n')[line - 1] ?? ''}\n | ${'.'.repeat(column)}^`;
}

export type { Value };
