/** What is wrong with the types of an expression, before any value is there (cel-go checker/checker.go). */
import type { Environment } from '../environment.ts';
import { expand, type Expression } from '../cost/expression.ts';
import { parse, TOO_DEEP } from '../parse.ts';
import { checkLiterals } from './literals.ts';
import { hasMacro, macroType, type MacroCall } from './macros.ts';
import { OVERLOADS, TYPE_NAMES, type Overload } from './overloads.ts';
import { offsetOf, type Node } from './syntax.ts';
import { BOOL, BYTES, DOUBLE, DYN, ERROR, INT, isDynOrError, isOptional, listOf, mapOf, mostGeneral, NULL, optionalOf, same, show, STRING, Substitutions, UINT, type Type } from './type.ts';

/** What expressions may name. */
export interface Scope {
  variables: ReadonlyMap<string, Type>;
  /** Functions beside those of every expression. */
  functions?: ReadonlyMap<string, readonly Overload[]>;
  /** Values of maps that are written out may differ in their types: they stand for objects. */
  objectsAreMaps?: boolean;
}

/** `offset` is below zero for what is said of the whole. */
export interface Issue { offset: number; message: string }

/** The type of the expression, and what is wrong with it, from left to right. The text must be one that can be parsed. */
export function checkExpression(environment: Environment, scope: Scope, text: string): { type: Type; issues: Issue[]; expanded?: Expression } {
  try {
    const { parsed, written } = parse(environment, text);
    const ast = parsed.ast as unknown as Node;
    const checker = new Checker(scope, written);
    const found = checker.check(ast, scope.variables);
    if (checker.issues.length === 0) checkLiterals(checker, ast, { objectsAreMaps: scope.objectsAreMaps === true });
    const issues = checker.issues.toSorted((a, b) => a.offset - b.offset);
    const expanded = issues.length > 0 ? {} : { expanded: expand(checker, ast, written) };
    return { type: checker.types.resolve(found, DYN), issues, ...expanded };
  } catch (error) {
    if (error instanceof RangeError) return { type: ERROR, issues: [{ offset: -1, message: TOO_DEEP }] };
    throw error;
  }
}

/** As cel-go shows what is wrong: the place, the line, and a mark below it. */
export function showIssues(issues: readonly Issue[], text: string): string {
  return issues.map(({ offset, message }) => {
    if (offset < 0) return `ERROR: <input>:-1:0: ${message}`;
    const before = text.slice(0, offset);
    const line = before.split('\n').length;
    const column = before.length - (before.lastIndexOf('\n') + 1);
    return `ERROR: <input>:${line}:${column + 1}: ${message}\n | ${text.split('\n')[line - 1] ?? ''}\n | ${'.'.repeat(column)}^`;
  }).join('\n');
}

export type Names = ReadonlyMap<string, Type>;

export class Checker {
  readonly issues: Issue[] = [];
  readonly types = new Substitutions();
  readonly #scope: Scope;
  readonly #text: string;
  readonly #found = new Map<Node, Type>();
  readonly #chosen = new Map<Node, readonly Overload[]>();
  #fresh = 0;

  constructor(scope: Scope, text: string) {
    this.#scope = scope;
    this.#text = text;
  }

  /** A type that is not known yet. */
  open(): Type {
    return { kind: 'param', name: `_var${this.#fresh++}`, parts: [] };
  }

  report(node: Node, message: string): void {
    this.issues.push({ offset: offsetOf(node, this.#text), message });
  }

  check(node: Node, names: Names): Type {
    const type = this.#typeOf(node, names);
    this.#found.set(node, type);
    return type;
  }

  /** What the node turned out to be of, once all is checked. */
  typeOf(node: Node): Type {
    return this.types.resolve(this.#found.get(node) ?? DYN, DYN);
  }

  /** The overloads that the call may turn out to be. */
  overloadsOf(node: Node): readonly Overload[] {
    return this.#chosen.get(node) ?? [];
  }

  #typeOf(node: Node, names: Names): Type {
    const args = node.args as never;
    switch (node.op) {
      case 'value': return typeOfLiteral(args);
      case 'id': return this.#identifier(node, args, names);
      case '.': return this.select(node, { optional: false }, names);
      case '.?': return this.select(node, { optional: true }, names);
      case 'list': return listOf((args as Node[]).reduce<Type | undefined>((joined, each) => this.#join(joined, this.check(each, names)), undefined) ?? this.open());
      case 'map': return this.#map(args, names);
      case 'call': return this.#call(node, args, names);
      case 'rcall': return this.#memberCall(node, args, names);
      case '!_': case '-_': return this.resolve(node, node.op, [this.check(args, names)]);
      default: return this.resolve(node, operatorName(node.op), (args as Node[]).map((each) => this.check(each, names)));
    }
  }

  /** The result of the function for these types; one that takes them not is reported. */
  resolve(node: Node, name: string, given: readonly Type[], { member = false } = {}): Type {
    let result: Type | undefined;
    const chosen: Overload[] = [];
    for (const overload of this.#overloads(name) ?? []) {
      if (overload.member !== member) continue;
      const fresh = new Map<string, Type>();
      const wanted = overload.args.map((each) => this.#instance(each, fresh));
      if (!this.types.assignableAll(given, wanted)) continue;
      chosen.push(overload);
      const found = this.types.resolve(this.#instance(overload.result, fresh));
      if (result === undefined) result = found;
      else if (result.kind !== 'dyn' && !same(result, found)) result = DYN;
    }
    this.#chosen.set(node, chosen);
    if (result !== undefined) return result;
    const [target, ...rest] = given.map((each) => show(this.types.resolve(each, DYN)));
    this.report(node, `found no matching overload for '${name}' applied to '${member ? `${target}.(${rest.join(', ')})` : `(${[target, ...rest].filter((each) => each !== undefined).join(', ')})`}'`);
    return ERROR;
  }

  /** The types of what a macro goes through: index or key, and item or value. */
  range(node: Node, names: Names): { key: Type; value: Type; isMap: boolean } {
    const type = this.types.resolve(this.check(node, names));
    if (type.kind === 'list') return { key: INT, value: type.parts[0] ?? DYN, isMap: false };
    if (type.kind === 'map') return { key: type.parts[0] ?? DYN, value: type.parts[1] ?? DYN, isMap: true };
    if (type.kind === 'param') this.types.assignable(DYN, type);
    else if (!isDynOrError(type)) this.report(node, `expression of type '${show(type)}' cannot be range of a comprehension (must be list, map, or dynamic)`);
    return { key: DYN, value: DYN, isMap: false };
  }

  /** `x.y`, `x.?y`, and the path within `has()`. */
  select(node: Node, { optional, toldAt = node }: { optional: boolean; toldAt?: Node }, names: Names): Type {
    const [operand, field] = node.args as [Node, string];
    const whole = optional ? undefined : qualifiedName(node);
    const named = whole === undefined ? undefined : (this.#scope.variables.get(whole) ?? TYPE_NAMES.get(whole));
    if (named !== undefined) return named;
    const of = this.types.resolve(this.check(operand, names));
    const target = isOptional(of) ? of.parts[0]! : of;
    const found = this.#field(toldAt, target, field);
    return isOptional(of) || optional ? optionalOf(found) : found;
  }

  #field(node: Node, target: Type, field: string): Type {
    if (target.kind === 'map') return target.parts[1] ?? DYN;
    if (target.kind === 'object') {
      const type = target.fields?.get(field);
      if (type !== undefined) return type;
      this.report(node, `undefined field '${field}'`);
      return ERROR;
    }
    if (target.kind === 'param') this.types.assignable(DYN, target);
    else if (!isDynOrError(target)) this.report(node, `type '${show(target)}' does not support field selection`);
    return DYN;
  }

  #identifier(node: Node, name: string, names: Names): Type {
    const type = names.get(name) ?? TYPE_NAMES.get(name);
    if (type !== undefined) return type;
    this.report(node, `undeclared reference to '${name}' (in container '')`);
    return ERROR;
  }

  #map(entries: readonly [Node, Node][], names: Names): Type {
    let [key, value]: (Type | undefined)[] = [];
    for (const [keyNode, valueNode] of entries) {
      key = this.#join(key, this.check(keyNode, names));
      const type = this.check(valueNode, names);
      value = this.#scope.objectsAreMaps === true ? DYN : this.#join(value, type);
    }
    return mapOf(key ?? this.open(), value ?? (this.#scope.objectsAreMaps === true ? DYN : this.open()));
  }

  #join(before: Type | undefined, type: Type): Type {
    if (before === undefined) return type;
    return this.types.assignable(before, type) ? mostGeneral(before, type) : DYN;
  }

  #call(node: Node, [name, args]: [string, Node[]], names: Names): Type {
    if (name === 'has' && args.length === 1) {
      const [field] = args as [Node];
      // What is not there is told where has() stands.
      if (field.op === '.') this.select(field, { optional: false, toldAt: node }, names);
      else this.check(field, names);
      return BOOL;
    }
    const given = args.map((each) => this.check(each, names));
    // What an optional element of a list or map is written as.
    if (name === '__maybe__') return this.#elementOf(args[0]!, this.types.resolve(given[0] ?? DYN));
    return this.#function(node, name, given, { member: false });
  }

  #elementOf(node: Node, type: Type): Type {
    if (isOptional(type)) return type.parts[0]!;
    if (!isDynOrError(type)) this.report(node, `expected type '${show(optionalOf(type))}' but found '${show(type)}'`);
    return type;
  }

  #memberCall(node: Node, [name, target, args]: [string, Node, Node[]], names: Names): Type {
    if (name === '__compact__') return this.check(target, names);
    const call: MacroCall = { node, name, target, args };
    if (hasMacro(call)) return macroType(this, call, names);
    const before = qualifiedName(target);
    if (before !== undefined && this.#overloads(`${before}.${name}`) !== undefined) return this.#function(node, `${before}.${name}`, args.map((each) => this.check(each, names)), { member: false });
    const given = [target, ...args].map((each) => this.check(each, names));
    return this.#function(node, name, given, { member: true });
  }

  #function(node: Node, name: string, given: readonly Type[], style: { member: boolean }): Type {
    if (this.#overloads(name) === undefined) {
      this.report(node, `undeclared reference to '${name}' (in container '')`);
      return ERROR;
    }
    return this.resolve(node, name, given, style);
  }

  #overloads(name: string): readonly Overload[] | undefined {
    return OVERLOADS.get(name) ?? this.#scope.functions?.get(name);
  }

  /** The type with parameters of this call alone. */
  #instance(type: Type, fresh: Map<string, Type>): Type {
    if (type.kind === 'param') {
      let own = fresh.get(type.name);
      if (own === undefined) fresh.set(type.name, (own = this.open()));
      return own;
    }
    return type.parts.length === 0 ? type : { ...type, parts: type.parts.map((part) => this.#instance(part, fresh)) };
  }
}

function operatorName(operator: string): string {
  switch (operator) {
    case 'in': return '@in';
    case '?:': return '_?_:_';
    case '[]': return '_[_]';
    case '[?]': return '_[?_]';
    default: return `_${operator}_`;
  }
}

/** `a.b.c`, where nothing but names and dots stands. */
function qualifiedName(node: Node): string | undefined {
  if (node.op === 'id') return node.args as string;
  if (node.op !== '.') return undefined;
  const [operand, field] = node.args as [Node, string];
  const before = qualifiedName(operand);
  return before === undefined ? undefined : `${before}.${field}`;
}

function typeOfLiteral(value: unknown): Type {
  switch (typeof value) {
    case 'string': return STRING;
    case 'boolean': return BOOL;
    case 'bigint': return INT;
    case 'number': return DOUBLE;
    default: return value === null ? NULL : value instanceof Uint8Array ? BYTES : UINT;
  }
}
