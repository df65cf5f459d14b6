/** The types of macros, by what cel-go's parser makes of them (cel-go parser/macro.go, ext comprehensions and lists, OptionalTypes). */
import type { Checker, Names } from './check.ts';
import type { Node } from './syntax.ts';
import { BOOL, DYN, INT, isDynOrError, listOf, mapOf, optionalOf, show, type Type } from './type.ts';

export interface MacroCall { node: Node; name: string; target: Node; args: readonly Node[] }

/** By name: how many variables come first, and how many expressions may follow. */
const SHAPES: Readonly<Record<string, readonly (readonly [variables: number, expressions: number])[]>> = {
  all: [[1, 1], [2, 1]], exists: [[1, 1], [2, 1]], exists_one: [[1, 1], [2, 1]], existsOne: [[1, 1], [2, 1]], filter: [[1, 1]], map: [[1, 1], [1, 2]],
  transformList: [[2, 1], [2, 2]], transformMap: [[2, 1], [2, 2]], transformMapEntry: [[2, 1], [2, 2]], sortBy: [[1, 1]], optMap: [[1, 1]], optFlatMap: [[1, 1]],
};

function shapeOf({ name, args }: MacroCall): readonly [number, number] | undefined {
  return Object.hasOwn(SHAPES, name) ? SHAPES[name]!.find(([variables, expressions]) => variables + expressions === args.length) : undefined;
}

export function hasMacro(call: MacroCall): boolean {
  return shapeOf(call) !== undefined;
}

export function macroType(checker: Checker, call: MacroCall, names: Names): Type {
  const { node, name, target, args } = call;
  if (name === 'optMap' || name === 'optFlatMap') return optionalType(checker, call, names);
  const [variables] = shapeOf(call)!;
  const { key, value, isMap } = checker.range(target, names);
  const inner = new Map(names);
  if (variables === 1) inner.set(nameOf(args[0]!), isMap ? key : value);
  else [key, value].forEach((type, index) => inner.set(nameOf(args[index]!), type));
  const types = args.slice(variables).map((each) => checker.check(each, inner));
  const filter = types.length === 2 ? types[0] : undefined;
  const last = types.at(-1)!;
  const chosen = (condition: Type, made: Type): Type => checker.resolve(node, '_?_:_', [condition, made, made]);
  switch (name) {
    case 'all': return checker.resolve(node, '_&&_', [BOOL, last]);
    case 'exists': return checker.resolve(node, '_||_', [BOOL, last]);
    case 'exists_one': case 'existsOne':
      chosen(last, INT);
      return BOOL;
    case 'filter': return chosen(last, listOf(isMap ? key : value));
    case 'map': case 'transformList': return filter === undefined ? listOf(last) : chosen(filter, listOf(last));
    case 'transformMap': return filter === undefined ? mapOf(key, last) : chosen(filter, mapOf(key, last));
    case 'transformMapEntry': return filter === undefined ? last : chosen(filter, last);
    // sortBy: in the order of what the expression gives.
    default:
      checker.resolve(node, 'sort', [listOf(last)], { member: true });
      return listOf(value);
  }
}

/** `target.optMap(name, expression)`. */
function optionalType(checker: Checker, { node, name, target, args }: MacroCall, names: Names): Type {
  const of = checker.types.resolve(checker.check(target, names));
  const value = checker.resolve(node, 'value', [of], { member: true });
  const result = checker.check(args[1]!, new Map([...names, [nameOf(args[0]!), value]]));
  if (name === 'optMap') return optionalOf(result);
  const found = checker.types.resolve(result);
  if (!checker.types.assignable(found, optionalOf(checker.open()))) checker.report(node, `found no matching overload for '_?_:_' applied to '(bool, ${show(found)}, optional_type(dyn))'`);
  return isDynOrError(found) ? optionalOf(DYN) : found;
}

function nameOf(node: Node): string {
  return node.op === 'id' ? (node.args as string) : '';
}
