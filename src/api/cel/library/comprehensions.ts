/** Macros over two variables: the index and item of a list, the key and value of a map (cel-go ext TwoVarComprehensions); existsOne and sortBy over one. */
import type { Environment } from '@marcbachmann/cel-js';
import { compare } from './collections.ts';
import { define, type Value } from './define.ts';

/** What becomes of the entries. `entries` gives one more turn of the expression for each. */
interface Fold {
  /** The type of the whole. */
  result: 'bool' | 'list' | 'map';
  run(turns: Iterable<Turn>): Value;
}

interface Turn {
  key: Value;
  item: Value;
  /** The expression, or the Error that it ended with. */
  attempt(): Value;
  /** The expression; throws what it throws. */
  value(): Value;
  /** False where the filter, if there is one, leaves the entry out. */
  wanted(): boolean;
}

const EXISTS_ONE: Fold = {
  result: 'bool',
  run(turns) {
    let count = 0;
    for (const turn of turns) if (asBool(turn.value())) count += 1;
    return count === 1;
  },
};

const FOLDS: Readonly<Record<string, Fold>> = {
  all: { result: 'bool', run: (turns) => settle(turns, false) },
  exists: { result: 'bool', run: (turns) => settle(turns, true) },
  existsOne: EXISTS_ONE,
  exists_one: EXISTS_ONE,
  sortBy: { result: 'list', run: (turns) => [...turns].map((turn) => [turn.value(), turn.item] as const).sort(([a], [b]) => compare(a, b)).map(([, item]) => item) },
  transformList: { result: 'list', run: (turns) => [...turns].filter((turn) => turn.wanted()).map((turn) => turn.value()) },
  transformMap: { result: 'map', run: (turns) => new Map([...turns].filter((turn) => turn.wanted()).map((turn) => [turn.key, turn.value()])) },
  transformMapEntry: {
    result: 'map',
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
      function* turns(): Iterable<Turn> {
        for (const [key, value] of entriesOf(collection)) {
          yield {
            key,
            item: value,
            attempt: () => evaluator.tryEval(expression, at(key, value)),
            value: () => evaluator.run(expression, at(key, value)),
            wanted: () => filter === undefined || asBool(evaluator.run(filter, at(key, value))),
          };
        }
      }
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
    else if (asBool(value) === decisive) return decisive;
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
