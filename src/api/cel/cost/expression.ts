/** An expression as cel-go sees it once macros are expanded: what the estimate of cost goes through (cel-go common/ast, parser/macro.go, ext, OptionalTypes). */
import type { Checker } from '../checker/check.ts';
import { hasMacro } from '../checker/macros.ts';
import type { Node } from '../checker/syntax.ts';
import { BOOL, DYN, INT, listOf, optionalOf, STRING, type Type } from '../checker/type.ts';

interface Typed { type: Type }

export type Expression = Typed & (
  | { kind: 'literal'; value: unknown }
  | { kind: 'name'; name: string }
  /** `has()` asks without taking the field. */
  | { kind: 'select'; of: Expression; field: string; has?: true }
  | Call
  | { kind: 'list'; items: readonly Expression[] }
  | { kind: 'map'; entries: readonly (readonly [Expression, Expression])[] }
  | Fold
);

/** `overloads` are those that it may turn out to be. */
export interface Call extends Typed { kind: 'call'; name: string; overloads: readonly string[]; target?: Expression; args: readonly Expression[] }

/** A comprehension. One that only names a value for its result is a bind. */
export interface Fold extends Typed { kind: 'fold'; bind?: true; range: Expression; variables: readonly string[]; accumulator: string; initial: Expression; condition: Expression; step: Expression; result: Expression }

export const ACCUMULATOR = '@result';
const SORTED = '@sorted';

/** The whole expression, which must have been checked. */
export function expand(checker: Checker, root: Node, text: string): Expression {
  return new Expander(checker, text).expand(root);
}

class Expander {
  readonly #checker: Checker;
  readonly #text: string;

  constructor(checker: Checker, text: string) {
    this.#checker = checker;
    this.#text = text;
  }

  expand(node: Node): Expression {
    const args = node.args as never;
    const type = this.#checker.typeOf(node);
    switch (node.op) {
      case 'value': return { kind: 'literal', value: args, type };
      case 'id': return { kind: 'name', name: args, type };
      case '.': return this.#select(node, type);
      case '.?': return call('_?._', ['_?._'], [this.expand((args as [Node])[0]), literal((args as [Node, string])[1], STRING)], type);
      case 'list': return { kind: 'list', items: (args as Node[]).map((each) => this.expand(each)), type };
      case 'map': return { kind: 'map', entries: (args as [Node, Node][]).map(([key, value]) => [this.expand(key), this.expand(value)] as const), type };
      case 'call': return this.#function(node, args, type);
      case 'rcall': return this.#member(node, args, type);
      case '!_': case '-_': return this.#unary(node, args, type);
      default: return call(node.op, this.#overloads(node), (args as Node[]).map((each) => this.expand(each)), type);
    }
  }

  #overloads(node: Node): string[] {
    return this.#checker.overloadsOf(node).map(({ id }) => id);
  }

  #select(node: Node, type: Type): Expression {
    const [operand, field] = node.args as [Node, string];
    const constant = type.kind === 'type' ? qualified(node) : undefined;
    return constant === undefined ? { kind: 'select', of: this.expand(operand), field, type } : { kind: 'name', name: constant, type };
  }

  /** Two in a row are none, and a number's own sign belongs to it. */
  #unary(node: Node, operand: Node, type: Type): Expression {
    if (node.op === '-_' && operand.op === 'value') return { kind: 'literal', value: typeof operand.args === 'bigint' ? -operand.args : operand.args, type };
    const between = this.#text.slice(node.start + 1, operand.start);
    if (operand.op === node.op && !between.includes('(')) return this.expand(operand.args as Node);
    return call(node.op, this.#overloads(node), [this.expand(operand)], type);
  }

  #function(node: Node, [name, args]: [string, Node[]], type: Type): Expression {
    if (name === '__maybe__') return this.expand(args[0]!);
    if (name === 'has' && args.length === 1 && args[0]!.op === '.') {
      const [operand, field] = args[0]!.args as [Node, string];
      return { kind: 'select', of: this.expand(operand), field, has: true, type };
    }
    return call(name, this.#overloads(node), args.map((each) => this.expand(each)), type);
  }

  #member(node: Node, [name, target, args]: [string, Node, Node[]], type: Type): Expression {
    if (name === '__compact__') return this.expand(target);
    if (hasMacro({ node, name, target, args })) return this.#macro(name, target, args, type);
    const overloads = this.#checker.overloadsOf(node);
    const inside = args.map((each) => this.expand(each));
    if (overloads[0]?.member === false) return call(`${qualified(target) ?? ''}.${name}`, this.#overloads(node), inside, type);
    return { ...call(name, this.#overloads(node), inside, type), target: this.expand(target) };
  }

  #macro(name: string, target: Node, args: readonly Node[], type: Type): Expression {
    if (name === 'optMap' || name === 'optFlatMap') return this.#optional(name, target, args as [Node, Node], type);
    if (name === 'sortBy') return this.#sorted(target, args as [Node, Node], type);
    const [variables, body] = namesAndBody(name, args);
    const last = this.expand(body.at(-1)!);
    const filter = body.length === 2 ? this.expand(body[0]!) : undefined;
    return fold(name, { range: this.expand(target), variables, last, type, ...(filter === undefined ? {} : { filter }) });
  }

  /** The value is asked for twice: whether it is there, and what it is. */
  #optional(name: string, target: Node, [variable, body]: [Node, Node], type: Type): Expression {
    const of = this.expand(target);
    const value = type.parts[0] ?? DYN;
    const result = this.expand(body);
    const inner = bind(nameOf(variable), { ...call('value', ['(optional_type(A)).value()'], [], of.type.parts[0] ?? DYN), target: of }, result);
    const made = name === 'optMap' ? call('optional.of', ['optional.of(A)'], [inner], type) : inner;
    const isThere = { ...call('hasValue', ['(optional_type(A)).hasValue()'], [], BOOL), target: of };
    return conditional(isThere, made, call('optional.none', ['optional.none()'], [], optionalOf(value)), type);
  }

  #sorted(target: Node, [variable, key]: [Node, Node], type: Type): Expression {
    const of = this.expand(target);
    const by = this.expand(key);
    const keys = fold('map', { range: { kind: 'name', name: SORTED, type: of.type }, variables: [nameOf(variable)], last: by, type: listOf(by.type) });
    const sort = call('@sortByAssociatedKeys', [by.type.kind === 'dyn' ? '@sort(dyn)' : `@sort(${by.type.name})`], [keys], type);
    return bind(SORTED, of, { ...sort, target: { kind: 'name', name: SORTED, type: of.type } });
  }
}

interface FoldParts { range: Expression; variables: readonly string[]; last: Expression; filter?: Expression; type: Type }

function fold(name: string, { range, variables, last, filter, type }: FoldParts): Fold {
  const made = (initial: Expression, condition: Expression, step: (result: Expression) => Expression, result: (of: Expression) => Expression = (of) => of): Fold => {
    const accumulated: Expression = { kind: 'name', name: ACCUMULATOR, type: initial.type };
    return { kind: 'fold', range, variables, accumulator: ACCUMULATOR, initial, condition, step: step(accumulated), result: result(accumulated), type };
  };
  const going = (of: Expression): Expression => call('@not_strictly_false', ['@not_strictly_false(bool)'], [of], BOOL);
  const accumulated: Expression = { kind: 'name', name: ACCUMULATOR, type: BOOL };
  const where = (of: Expression, then: Expression): Expression => (filter === undefined ? then : conditional(filter, then, of, type));
  const none: Expression = { kind: 'list', items: [], type };
  const more = (of: Expression, item: Expression): Expression => call('+', ['_+_(list(A), list(A))'], [of, { kind: 'list', items: [item], type }], type);
  switch (name) {
    case 'all': return made(literal(true, BOOL), going(accumulated), (of) => call('&&', ['_&&_(bool, bool)'], [of, last], BOOL));
    case 'exists': return made(literal(false, BOOL), going(call('!_', ['!_(bool)'], [accumulated], BOOL)), (of) => call('||', ['_||_(bool, bool)'], [of, last], BOOL));
    case 'exists_one': case 'existsOne':
      return made(literal(0n, INT), literal(true, BOOL), (of) => conditional(last, call('+', ['_+_(int, int)'], [of, literal(1n, INT)], INT), of, INT), (of) => call('==', ['_==_(A, A)'], [of, literal(1n, INT)], BOOL));
    case 'filter': return made(none, literal(true, BOOL), (of) => conditional(last, more(of, { kind: 'name', name: variables[0]!, type: type.parts[0] ?? DYN }), of, type));
    case 'map': case 'transformList': return made(none, literal(true, BOOL), (of) => where(of, more(of, last)));
    // transformMap: the key goes with the value; transformMapEntry: a map is put in.
    default: {
      const put = (of: Expression): readonly Expression[] => (name === 'transformMap' ? [of, { kind: 'name', name: variables[0]!, type: type.parts[0] ?? DYN }, last] : [of, last]);
      return made({ kind: 'map', entries: [], type }, literal(true, BOOL), (of) => where(of, call('cel.@mapInsert', ['cel.@mapInsert'], put(of), type)));
    }
  }
}

function bind(name: string, value: Expression, result: Expression): Fold {
  const nothing: Expression = { kind: 'list', items: [], type: listOf(DYN) };
  return { kind: 'fold', bind: true, range: nothing, variables: [], accumulator: name, initial: value, condition: literal(false, BOOL), step: { kind: 'name', name, type: value.type }, result, type: result.type };
}

function conditional(condition: Expression, yes: Expression, no: Expression, type: Type): Expression {
  return call('?:', ['_?_:_(bool, A, A)'], [condition, yes, no], type);
}

function call(name: string, overloads: readonly string[], args: readonly Expression[], type: Type): Call {
  return { kind: 'call', name, overloads, args, type };
}

function literal(value: unknown, type: Type): Expression {
  return { kind: 'literal', value, type };
}

/** Two variables where there are more arguments than one variable's macro takes. */
function namesAndBody(name: string, args: readonly Node[]): [string[], readonly Node[]] {
  const count = name.startsWith('transform') || (args.length === 3 && name !== 'map') ? 2 : 1;
  return [args.slice(0, count).map(nameOf), args.slice(count)];
}

function nameOf(node: Node): string {
  return node.op === 'id' ? (node.args as string) : '';
}

/** `a.b.c`, where nothing but names and dots stands. */
function qualified(node: Node): string | undefined {
  if (node.op === 'id') return node.args as string;
  if (node.op !== '.') return undefined;
  const before = qualified((node.args as [Node])[0]);
  return before === undefined ? undefined : `${before}.${(node.args as [Node, string])[1]}`;
}
