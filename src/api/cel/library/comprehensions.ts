/** Macros over two variables: the index and item of a list, the key and value of a map (cel-go ext TwoVarComprehensions); existsOne and sortBy over one. */
import type { Environment } from '@marcbachmann/cel-js';
import { priceOfOrder } from '../cost/calls.ts';
import { charge } from '../cost/meter.ts';
import { compare } from './collections.ts';
import { define, type Value } from './define.ts';

/** What becomes of the entries. `entries` gives one more turn of the expression for each. */
interface Fold {
  /** The type of the whole. */
  result: 'bool' | 'list' | 'map';
  /** What cel-go's expansion costs beside the expressions: of asking whether to go on, of each turn, of each entry that is taken, and at the end. */
  price: { condition?: number; turn?: number; taken?: number; end: number };
  run(turns: Iterable<Turn>): Value;
}

interface Turn {
  key: Value;
  item: Value;
  isLast: boolean;
  /** The expression, or the Error that it ended with. */
  attempt(): Value;
  /** The expression; throws what it throws. */
  value(): Value;
  /** False where the filter, if there is one, leaves the entry out. */
  wanted(): boolean;
}

const EXISTS_ONE: Fold = {
  result: 'bool',
  price: { taken: 2, end: 2 },
  run(turns) {
    let count = 0;
    for (const turn of turns) {
      if (!asBool(turn.value())) continue;
      count += 1;
      charge(2);
    }
    return count === 1;
  },
};

const FOLDS: Readonly<Record<string, Fold>> = {
  all: { result: 'bool', price: { condition: 2, turn: 1, end: 1 }, run: (turns) => settle(turns, false) },
  exists: { result: 'bool', price: { condition: 3, turn: 1, end: 1 }, run: (turns) => settle(turns, true) },
  existsOne: EXISTS_ONE,
  exists_one: EXISTS_ONE,
  sortBy: {
    result: 'list',
    // The list is named, its keys are mapped, and it is sorted by them.
    price: { turn: 12, end: 3 },
    run(turns) {
      const items = [...turns].map((turn) => [turn.value(), turn.item] as const);
      charge(priceOfOrder(items.map(([key]) => key)));
      return items.sort(([a], [b]) => compare(a, b)).map(([, item]) => item);
    },
  },
  transformList: { result: 'list', price: { taken: 12, end: 1 }, run: (turns) => [...turns].filter((turn) => turn.wanted()).map((turn) => turn.value()) },
  transformMap: { result: 'map', price: { taken: 3, end: 1 }, run: (turns) => new Map([...turns].filter((turn) => turn.wanted()).map((turn) => [turn.key, turn.value()])) },
  transformMapEntry: {
    result: 'map',
    price: { taken: 2, end: 1 },
    run(turns) {
      const made = new Map<Value, Value>();
      for (const turn of turns) {
        if (!turn.wanted()) continue;
        for (const [key, value] of entriesOf(turn.value())) {
          if (made.has(key)) throw new Error(`insert failed: key ${String(key)} already exists`);
          made.set(key, value);
        }
      }
      return made;
    },
  },
};

export function registerComprehensions(environment: Environment): void {
  for (const [name, fold] of Object.entries(FOLDS)) {
    const macro = (variables: number) => (call: Value): Value => macroOf(name, fold, variables, call);
    if (name === 'existsOne') define(environment, { 'list.existsOne(ast, ast): bool': macro(1) });
    if (name === 'sortBy') define(environment, { 'list.sortBy(ast, ast): dyn': macro(1) });
    if (name === 'sortBy') continue;
    define(environment, { [`list.${name}(ast, ast, ast): ${fold.result === 'bool' ? 'bool' : 'dyn'}`]: macro(2) });
    if (fold.result !== 'bool') define(environment, { [`list.${name}(ast, ast, ast, ast): dyn`]: macro(2) });
  }
}

/** `steps` are what the meter of cost is put around. */
function macroOf(name: string, fold: Fold, variables: number, { args, receiver, ast }: Value): Value {
  const names = args.slice(0, variables).map((arg: Value) => {
    if (arg.op !== 'id') throw new Error(`${name}() argument must be a simple name`);
    return arg.args;
  });
  if (variables === 2 && names[0] === names[1]) throw new Error(`${name}() duplicate variable name: ${names[0]}`);
  const body = args.slice(variables);
  const [filter, expression] = body.length === 2 ? body : [undefined, body[0]];
  return {
    ast, receiver, steps: body,
    typeCheck(checker: Value, macro: Value, context: Value) {
      const types = typesOf(checker, macro.receiver, context);
      macro.contexts = [];
      names.forEach((each: string, index: number) => macro.contexts.push((macro.contexts.at(-1) ?? context).forkWithVariable(each, types[variables === 1 ? (types[2] === undefined ? 0 : 1) : index])));
      const inner = macro.contexts.at(-1);
      const mustBeBool = (node: Value): void => {
        const type = checker.check(node, inner);
        if (type.kind !== 'dyn' && String(type) !== 'bool') throw checker.createError('invalid_predicate', `${name}() predicate must return bool`, node);
      };
      if (filter !== undefined) mustBeBool(filter);
      if (fold.result === 'bool') mustBeBool(expression);
      else checker.check(expression, inner);
      ast.setMeta('async', false);
      return checker.getType(fold.result === 'bool' ? 'bool' : fold.result === 'list' ? 'list<dyn>' : 'map<dyn, dyn>');
    },
    evaluate(evaluator: Value, macro: Value, context: Value) {
      const collection = evaluator.run(macro.receiver, context);
      const isList = Array.isArray(collection) || collection instanceof Set;
      const at = (key: Value, value: Value): Value => {
        let current = context;
        const given = variables === 1 ? [isList ? value : key] : [key, value];
        macro.contexts.forEach((each: Value, index: number) => (current = each.reuse(current).setIterValue(given[index], evaluator)));
        return current;
      };
      const { condition = 0, turn = 0, taken = 0, end } = fold.price;
      function* turns(): Iterable<Turn> {
        const entries = entriesOf(collection);
        for (const [index, [key, value]] of entries.entries()) {
          charge(condition + turn);
          yield {
            key,
            item: value,
            isLast: index === entries.length - 1,
            attempt: () => evaluator.tryEval(expression, at(key, value)),
            value: () => evaluator.run(expression, at(key, value)),
            wanted() {
              const wanted = filter === undefined || asBool(evaluator.run(filter, at(key, value)));
              if (wanted) charge(taken);
              return wanted;
            },
          };
        }
      }
      charge(end);
      return fold.run(turns());
    },
  };
}

/** An entry that decides wins over errors of others, as && and || have it. */
function settle(turns: Iterable<Turn>, decisive: boolean): boolean {
  let failure: Error | undefined;
  for (const turn of turns) {
    const value = turn.attempt();
    if (value instanceof Error) failure ??= value;
    else if (asBool(value) === decisive) {
      // Whether to go on is asked once more, where there is more.
      if (!turn.isLast) charge(decisive ? 3 : 2);
      return decisive;
    }
  }
  if (failure !== undefined) throw failure;
  return !decisive;
}

function asBool(value: Value): boolean {
  if (typeof value !== 'boolean') throw new Error('no such overload');
  return value;
}

/** The types of index and item, or of key and value; a third value says that it is a list. */
function typesOf(checker: Value, receiver: Value, context: Value): Value[] {
  const type = checker.check(receiver, context);
  if (type.kind === 'dyn') return [type, type];
  if (type.kind === 'list') return [checker.getType('int'), type.valueType, true];
  if (type.kind === 'map') return [type.keyType, type.valueType];
  throw checker.createError('invalid_comprehension_range', `expression of type '${checker.formatType(type)}' cannot be range of a comprehension (must be list, map, or dynamic)`, receiver);
}

function entriesOf(collection: Value): [Value, Value][] {
  if (collection instanceof Set) return [...collection].map((each, index) => [BigInt(index), each]);
  if (Array.isArray(collection)) return collection.map((each, index) => [BigInt(index), each]);
  if (collection instanceof Map) return [...collection];
  if (typeof collection === 'object' && collection !== null && collection.constructor === Object) return Object.entries(collection);
  throw new Error('no such overload');
}
