/** What is written out and cannot be: durations, times and patterns that are none, and lists and maps of several types (cel-go ASTValidators). */
import { compile } from '../../schema/regular-expression.ts';
import { durationOf } from '../value.ts';
import { isTime } from '../zoned-times.ts';
import type { Checker } from './check.ts';
import type { Node } from './syntax.ts';
import { same, show, type Type } from './type.ts';

const MIN_TIME_S = -62_135_596_800n;
const MAX_TIME_S = 253_402_300_799n;

const READABLE: Readonly<Record<string, (value: unknown) => boolean>> = {
  duration: (value) => typeof value !== 'string' || durationOf(value) !== undefined,
  timestamp: (value) => (typeof value === 'bigint' ? value >= MIN_TIME_S && value <= MAX_TIME_S : typeof value !== 'string' || isTime(value)),
  matches: (value) => typeof value !== 'string' || compile(value) !== undefined,
};

/** Of an expression whose types are right. Values of maps may differ where those stand for objects. */
export function checkLiterals(checker: Checker, root: Node, { objectsAreMaps }: { objectsAreMaps: boolean }): void {
  const visit = (node: Node, formatted: boolean): void => {
    if (node.op === 'list' && !formatted) judgeList(checker, node);
    if (node.op === 'map' && !formatted) judgeMap(checker, node, objectsAreMaps);
    if (node.op === 'call' || node.op === 'rcall') judgeArgument(checker, node);
    const within = formatted || (node.op === 'rcall' && (node.args as [string])[0] === 'format');
    for (const each of nodesOf(node.args)) visit(each, within);
  };
  visit(root, false);
}

function judgeList(checker: Checker, node: Node): void {
  const items = node.args as Node[];
  const [first, ...rest] = items.map((each) => checker.typeOf(each));
  const at = first === undefined ? -1 : rest.findIndex((type) => !same(first, type));
  if (at >= 0) tellApart(checker, items[at + 1]!, first!, rest[at]!);
}

function judgeMap(checker: Checker, node: Node, objectsAreMaps: boolean): void {
  const [first, ...rest] = node.args as [Node, Node][];
  if (first === undefined) return;
  const [key, value] = first.map((each) => checker.typeOf(each)) as [Type, Type];
  for (const [ofKey, ofValue] of rest) {
    if (!same(key, checker.typeOf(ofKey))) tellApart(checker, ofKey, key, checker.typeOf(ofKey));
    if (!objectsAreMaps && !same(value, checker.typeOf(ofValue))) tellApart(checker, ofValue, value, checker.typeOf(ofValue));
  }
}

function tellApart(checker: Checker, node: Node, expected: Type, found: Type): void {
  checker.report(node, `expected type '${show(expected)}' but found '${show(found)}'`);
}

function judgeArgument(checker: Checker, node: Node): void {
  const [name, ...rest] = node.args as [string, ...unknown[]];
  const args = (node.op === 'call' ? rest[0] : rest[1]) as Node[];
  const literal = Object.hasOwn(READABLE, name) ? literalOf(args[0]) : undefined;
  if (literal !== undefined && !READABLE[name]!(literal)) checker.report(args[0]!, `invalid ${name} argument`);
}

function literalOf(node: Node | undefined): unknown {
  if (node?.op === 'value') return node.args;
  const inner = node?.op === '-_' ? (node.args as Node) : undefined;
  return inner?.op === 'value' && typeof inner.args === 'bigint' ? -inner.args : undefined;
}

function nodesOf(value: unknown): Node[] {
  if (Array.isArray(value)) return value.flatMap(nodesOf);
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value ? [value as Node] : [];
}
