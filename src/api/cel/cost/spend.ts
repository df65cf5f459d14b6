/** Puts a meter on each part of an expression that is about to be evaluated: what it costs is what cel-go 0.26 counts (interpreter runtimecost.go, planner.go, decorators.go). */
import type { Value } from '../library/define.ts';
import { TYPE_NAMES } from '../checker/overloads.ts';
import { charge } from './meter.ts';
import { priceOfFunction, priceOfOperator } from './calls.ts';

interface Node {
  op: string;
  args: unknown;
  input: string;
  start: number;
  meta: { alternate?: Node; macro?: { steps?: readonly Node[]; receiver?: Node; arg?: Node; val?: Node; exp?: Node; evaluate?: unknown } };
  handle?: (...given: Value[]) => Value;
  evaluate(evaluator: unknown, node: Node, context: unknown): unknown;
}

interface Comprehension { iterable: Node; step: Node; init: Node; condition?: (accumulated: Value) => boolean; result: (accumulated: Value) => Value }

const LIST = 10;
const MAP = 30;
const CHAIN = new Set(['id', '.', '.?', '[]', '[?]', '?:']);
const CONVERSIONS = new Set(['bool', 'bytes', 'double', 'duration', 'dyn', 'goDuration', 'goTimestamp', 'int', 'string', 'timestamp', 'uint']);
/** Of asking whether to go on, of each turn, of each that is taken, and at the end: what macros cost beside their expressions. */
const MACROS: Readonly<Record<string, { condition?: number; turn?: number; taken?: number; end: number }>> = {
  all: { condition: 2, turn: 1, end: 1 }, exists: { condition: 3, turn: 1, end: 1 }, exists_one: { taken: 2, end: 2 }, filter: { taken: 13, end: 1 }, map: { taken: 12, end: 1 },
};

/** `nameOf` gives the name by which a function was called. */
export function meter(root: Node, nameOf: (call: Node) => string): void {
  new Metering(nameOf).part(root);
}

class Metering {
  readonly #nameOf: (call: Node) => string;
  readonly #done = new Set<Node>();

  constructor(nameOf: (call: Node) => string) {
    this.#nameOf = nameOf;
  }

  /** `within` says that it is looked at as a part of a chain of names, fields and indexes, of which only the whole costs for itself. */
  part(node: Node, { within = false } = {}): void {
    if (this.#done.has(node) || isConstant(node)) return;
    this.#done.add(node);
    switch (node.op) {
      case 'id': return within ? undefined : around(node, { atEnd: 1 });
      case '.': case '.?': case '[]': case '[?]': return this.#qualified(node, within);
      case '?:': return this.#conditional(node.args as [Node, Node, Node]);
      case '&&': case '||': return (node.args as Node[]).forEach((each) => this.part(each));
      case 'list': return this.#collection(node, node.args as Node[], LIST);
      case 'map': return this.#collection(node, (node.args as Node[][]).flat(), MAP);
      case '!_': case '-_': return this.#unary(node);
      case 'call': return this.#call(node);
      case 'rcall': return this.#memberCall(node);
      default: return this.#binary(node);
    }
  }

  #qualified(node: Node, within: boolean): void {
    const [base, index] = node.args as [Node, Node | string];
    this.part(base, { within: isChain(base) });
    if (typeof index !== 'string') this.part(index, { within: isChain(index) });
    // An optional field that is not there is not passed.
    handled(node, (_given, value) => (isAbsent(value) ? 0 : 1));
    if (!within && rootOf(node).op !== '?:') around(node, { atEnd: 1 });
  }

  #conditional([condition, ...branches]: Node[]): void {
    this.part(condition!);
    for (const each of branches) this.part(each, { within: isChain(each) });
  }

  #collection(node: Node, parts: readonly Node[], cost: number): void {
    for (const each of parts) this.part(each);
    around(node, { atEnd: cost });
  }

  /** Two in a row are none. */
  #unary(node: Node): void {
    const operand = node.args as Node;
    if (operand.op === node.op && !node.input.slice(node.start + 1, operand.start).includes('(')) return this.part(operand.args as Node);
    this.part(operand);
    handled(node, () => 1);
  }

  #binary(node: Node): void {
    const [left, right] = node.args as [Node, Node];
    this.part(left);
    if (node.op === 'in' && isSetOfConstants(right)) return;
    this.part(right);
    handled(node, (given) => priceOfOperator(node.op, given.slice(0, 2)));
  }

  #call(node: Node): void {
    const [, args] = node.args as [string, Node[]];
    const name = this.#nameOf(node);
    if (name === 'has') return this.#has(node, args[0]!);
    for (const each of args) this.part(each);
    if (name !== '__maybe__') handled(node, ([given], result) => priceOfFunction(name, false, given as Value[], result));
  }

  /** Each field of the path is passed, up to one that is not there, and nothing else costs. */
  #has(node: Node, path: Node): void {
    const fields: Node[] = [];
    let root = path;
    for (; root.op === '.' || root.op === '.?'; [root] = root.args as [Node]) fields.unshift(root);
    this.part(root, { within: isChain(root) });
    around(node, { atEnd: fields.length, onError: (error) => fields.indexOf((error as { node?: Node }).node!) + 1 });
  }

  #memberCall(node: Node): void {
    const [, target, args] = node.args as [string, Node, Node[]];
    const name = this.#nameOf(node);
    if (node.meta.alternate?.op === 'comprehension') return this.#comprehension(name, node.meta.alternate.args as Comprehension, args);
    this.part(target);
    const { macro } = node.meta;
    if (macro !== undefined) {
      // Of two variables, of optionals, `or` and `orValue`: they count for themselves what they cost.
      const steps = [...(macro.steps ?? []), macro.arg, macro.val, macro.exp];
      for (const each of steps) if (each !== undefined) this.part(each);
      return;
    }
    for (const each of args) this.part(each);
    const isNamed = isConstant(target) && target.op === 'id';
    if (name !== '__compact__') handled(node, ([given], result) => priceOfFunction(name, !isNamed, isNamed ? (given as Value[]).slice(1) : (given as Value[]), result));
  }

  #comprehension(name: string, fold: Comprehension, args: readonly Node[]): void {
    for (const each of [fold.iterable, ...args.slice(1)]) this.part(each);
    const { condition = 0, turn = 0, taken = 0, end } = MACROS[name]!;
    const goesOn = fold.condition;
    if (condition > 0 && goesOn !== undefined) {
      fold.condition = (accumulated) => {
        charge(condition);
        return goesOn(accumulated);
      };
    }
    if (turn > 0) around(fold.step, { atStart: turn });
    // A list that is written out of constants is one itself.
    const cost = name === 'map' && isConstant(args.at(-1)!) ? taken - LIST : taken;
    if (cost > 0) around(fold.step.op === '?:' ? (fold.step.args as [Node, Node])[1] : fold.step, { atEnd: cost });
    const { result } = fold;
    fold.result = (accumulated) => {
      charge(end);
      return result(accumulated);
    };
  }
}

/** What is known before anything is evaluated costs nothing. */
function isConstant(node: Node): boolean {
  switch (node.op) {
    case 'value': return true;
    case 'id': return node.meta.alternate !== undefined || TYPE_NAMES.has(node.args as string);
    case '.': return isChain(node) && rootOf(node).op === 'id' && isConstant(rootOf(node));
    case 'list': return (node.args as Node[]).every(isConstant);
    case 'map': return (node.args as Node[][]).flat().every(isConstant);
    case '-_': return (node.args as Node).op === 'value';
    case 'call': {
      const [name, args] = node.args as [string, Node[]];
      return CONVERSIONS.has(name) && args.length === 1 && isConstant(args[0]!);
    }
    default: return false;
  }
}

function isSetOfConstants(node: Node): boolean {
  return node.op === 'list' && (node.args as Node[]).every((each) => isPrimitive(each.op === '-_' ? (each.args as Node) : each));
}

function isPrimitive({ op, args }: Node): boolean {
  return op === 'value' && args !== null && !(args instanceof Uint8Array);
}

function isChain(node: Node): boolean {
  return CHAIN.has(node.op);
}

/** Where the chain begins. */
function rootOf(node: Node): Node {
  let root = node;
  while (root.op === '.' || root.op === '.?' || root.op === '[]' || root.op === '[?]') [root] = root.args as [Node];
  return root;
}

function isAbsent(value: Value): boolean {
  return typeof value === 'object' && value !== null && typeof value.hasValue === 'function' && value.hasValue() === false;
}

/** When it first runs, the node sets its own `evaluate` and calls it: the meter stays around whatever it sets, and counts that call once. */
function around(node: Node, { atStart = 0, atEnd = 0, onError = () => atEnd }: { atStart?: number; atEnd?: number; onError?: (error: unknown) => number }): void {
  let inner = node.evaluate;
  let justSet = false;
  const outer = function (this: Node, evaluator: unknown, of: Node, context: unknown): unknown {
    charge(atStart);
    let value: unknown;
    try {
      value = inner.call(this, evaluator, of, context);
    } catch (error) {
      charge(onError(error));
      throw error;
    }
    charge(atEnd);
    return value;
  };
  Object.defineProperty(node, 'evaluate', {
    configurable: true,
    get() {
      if (!justSet) return outer;
      justSet = false;
      return inner;
    },
    set(made: Node['evaluate']) {
      inner = made;
      justSet = true;
    },
  });
}

/** What the check has chosen, with what it costs of the values that it is given; an error is a result, too. */
function handled(node: Node, price: (given: Value[], result: Value) => number): void {
  const inner = node.handle!;
  node.handle = (...given) => {
    let result: Value;
    try {
      result = inner(...given);
    } catch (error) {
      charge(price(given, error));
      throw error;
    }
    charge(price(given, result));
    return result;
  };
}
