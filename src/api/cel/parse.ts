/** The tree of an expression, in which the terms of a long row of `&&` or `||` stand in halves of halves (cel-go parser, balancedLogicalExpr). */
import type { Environment } from './environment.ts';
import { withOptionalElements } from './optional-elements.ts';

type Parsed = ReturnType<Environment['parse']>;

interface Node { op: string; args: unknown; pos: number; start: number; end: number; readonly meta?: { alternate?: unknown; macro?: unknown } }

/** How deep expressions may be nested (cel-go parser, maxRecursionDepth). */
export const MAX_DEPTH = 250;
/** How long the text of an expression may be (cel-go parser, expressionSizeCodePointLimit). */
export const MAX_CODE_POINTS = 100_000;
/** What is said of an expression that is nested too deep. */
export const TOO_DEEP = 'max recursion depth exceeded';

/** With the text whose offsets the tree has: optional elements are written another way. Throws a RangeError where it is nested too deep. */
export function parse(environment: Environment, text: string): { parsed: Parsed; written: string } {
  const written = withOptionalElements(text);
  const parsed = environment.parse(written);
  balance(parsed.ast);
  return { parsed, written };
}

/** A row as it was read is as deep as it is long, which neither checking nor evaluating could go through. */
function balance(root: unknown): void {
  const seen = new Set<object>();
  const waiting: [value: unknown, depth: number][] = [[root, 0]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [value, depth] = next;
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (!('op' in value)) {
      for (const each of Object.values(value)) waiting.push([each, depth]);
      continue;
    }
    const node = value as Node;
    if (depth >= MAX_DEPTH && node.op !== 'value' && node.op !== 'id') throw new RangeError(TOO_DEEP);
    if (node.op === '&&' || node.op === '||') {
      const row = halved(node);
      for (const each of row) seen.add(each);
      for (const each of row) waiting.push([each.args, depth + 1]);
    } else waiting.push([node.args, node.op === 'call' ? depth : depth + 1]);
    // What a macro becomes is made of what it was called with.
    waiting.push([node.meta?.alternate, depth + 1], [node.meta?.macro, depth + 1]);
  }
}

/** Takes the row that ends at the node apart and puts it together again, with the node itself at the top. Gives the nodes of the row. */
function halved(last: Node): Node[] {
  const operators: Node[] = [];
  const terms: Node[] = [];
  let first: Node = last;
  for (; first.op === last.op; [first] = first.args as [Node, Node]) {
    operators.push(first);
    terms.push((first.args as [Node, Node])[1]);
  }
  terms.push(first);
  terms.reverse();
  const spare = operators.slice(1);
  const join = (from: number, to: number, node: Node): Node => {
    const middle = (from + to + 1) >> 1;
    const left = middle === from ? terms[middle]! : join(from, middle - 1, spare.pop()!);
    const right = middle === to ? terms[middle + 1]! : join(middle + 1, to, spare.pop()!);
    return Object.assign(node, { args: [left, right], pos: left.start, start: left.start, end: right.end });
  };
  join(0, operators.length - 1, last);
  return operators;
}
