/** What an expression may cost, before any value is there (cel-go checker/cost.go, v0.26). */
import type { Type } from '../checker/type.ts';
import { ACCUMULATOR, type Call, type Expression, type Fold } from './expression.ts';
import { costOfFunction } from './functions.ts';
import { add, exactly, multiply, NOTHING, union, UNKNOWN, type Range } from './range.ts';

/** How large what stands at a path is at most; undefined where nothing is known of it. The first step of a path names a variable. */
export type SizeAt = (path: readonly string[]) => number | undefined;

const ONE = exactly(1);
const LIST = exactly(10);
const MAP = exactly(30);
const ANYTHING_IN = new Set(['map', 'object', 'param']);
const SCALARS = new Set(['bool', 'double', 'duration', 'int', 'timestamp', 'uint']);

/** What is known of the entries of a list or map. */
interface Entries { isList: boolean; key: Range; value: Range }

interface Local { path: readonly string[]; size?: Range | undefined; entries?: Entries | undefined }

/** What functions may ask of an argument. */
export interface Argument { type: Type; path: readonly string[]; size: Range | undefined; expression?: Expression }

export function estimate(expression: Expression, sizeAt: SizeAt): Range {
  return new Estimate(sizeAt).costOf(expression);
}

export class Estimate {
  readonly sizeAt: SizeAt;
  /** What stands in the tree twice, as the target of optMap does, is gone through once: else a row of these would take twice as long for each. */
  readonly #costs = new Map<Expression, Range>();
  readonly #paths = new Map<Expression, readonly string[]>();
  readonly #sizes = new Map<Expression, Range>();
  readonly #entries = new Map<Expression, Entries>();
  readonly #locals = new Map<string, Local[]>();

  constructor(sizeAt: SizeAt) {
    this.sizeAt = sizeAt;
  }

  costOf(expression: Expression): Range {
    let cost = this.#costs.get(expression);
    if (cost === undefined) this.#costs.set(expression, (cost = this.#reckon(expression)));
    return cost;
  }

  #reckon(expression: Expression): Range {
    switch (expression.kind) {
      case 'literal': return NOTHING;
      case 'name':
        this.#paths.set(expression, this.#local(expression.name)?.path ?? [expression.name]);
        return ONE;
      case 'select': return this.#costOfSelect(expression);
      case 'call': return this.#costOfCall(expression);
      case 'list': return this.#costOfList(expression);
      case 'map': return this.#costOfMap(expression);
      case 'fold': return expression.bind === true ? this.#costOfBind(expression) : this.#costOfFold(expression);
    }
  }

  /** What is known of the size, or that nothing is. */
  sizeOf(expression: Expression): Range {
    return this.#sizeOf(expression) ?? UNKNOWN;
  }

  argument(expression: Expression): Argument {
    const path = this.#pathOf(expression);
    return { type: expression.type, path: path[0] === ACCUMULATOR ? [] : path, size: this.#sizeOf(expression), expression };
  }

  #costOfSelect(expression: Expression & { kind: 'select' }): Range {
    const cost = this.costOf(expression.of);
    if (expression.has === true) return cost;
    this.#paths.set(expression, [...this.#pathOf(expression.of), expression.field]);
    return ANYTHING_IN.has(expression.of.type.kind) ? add(cost, ONE) : cost;
  }

  #costOfCall(expression: Call): Range {
    const { name, args, target, overloads } = expression;
    if (name === 'dyn') {
      const cost = add(ONE, this.costOf(args[0]!));
      this.#takeSizes(expression, args[0]!);
      return cost;
    }
    const costs = args.map((each) => this.costOf(each));
    const given = args.map((each) => this.argument(each));
    const costOfTarget = target === undefined ? NOTHING : this.costOf(target);
    const of = target === undefined ? undefined : this.argument(target);
    let [cost, size]: [Range | undefined, Range | undefined] = [undefined, undefined];
    for (const overload of overloads) {
      const found = costOfFunction(this, { call: expression, overload, ...(of === undefined ? {} : { target: of }), args: given, costs });
      cost = cost === undefined ? found.cost : union(cost, found.cost);
      if (found.size !== undefined) size = size === undefined ? found.size : union(size, found.size);
      if (overload === '_[_](list(A), int)' || overload === '_[_](map(A, B), A)') {
        size = this.#entriesOf(args[0]!)?.value;
        this.#paths.set(expression, [...this.#pathOf(args[0]!), overload.startsWith('_[_](list') ? '@items' : '@values']);
      }
      size ??= this.#sizeOf(expression);
    }
    if (size !== undefined) this.#sizes.set(expression, size);
    return cost === undefined ? NOTHING : add(costOfTarget, cost);
  }

  /** The entries of one of two: known where those of both are. */
  joinEntries(expression: Expression, a: Expression, b: Expression): void {
    const [left, right] = [this.#entriesOf(a), this.#entriesOf(b)];
    if (left !== undefined && right !== undefined) this.#entries.set(expression, { isList: left.isList, key: union(left.key, right.key), value: union(left.value, right.value) });
  }

  #costOfList(expression: Expression & { kind: 'list' }): Range {
    const costs = expression.items.map((each) => this.costOf(each));
    this.#entries.set(expression, { isList: true, key: ONE, value: this.#sizeOfAny(expression.items) });
    return add(...costs, LIST);
  }

  #costOfMap(expression: Expression & { kind: 'map' }): Range {
    const costs = expression.entries.flat().map((each) => this.costOf(each));
    this.#entries.set(expression, { isList: false, key: this.#sizeOfAny(expression.entries.map(([key]) => key)), value: this.#sizeOfAny(expression.entries.map(([, value]) => value)) });
    return add(...costs, MAP);
  }

  #sizeOfAny(expressions: readonly Expression[]): Range {
    return expressions.map((each) => this.sizeOf(each)).reduce<Range | undefined>((all, each) => (all === undefined ? each : union(all, each)), undefined) ?? NOTHING;
  }

  #costOfFold(expression: Fold): Range {
    const { range, initial, variables, accumulator } = expression;
    const before = add(this.costOf(range), this.costOf(initial));
    this.#push(accumulator, { path: this.#pathOf(initial), size: this.#sizeOf(initial), entries: this.#entriesOf(initial) });
    this.#pushVariables(variables, range);
    const turn = add(this.costOf(expression.condition), this.costOf(expression.step));
    for (const each of variables) this.#locals.get(each)!.pop();
    const result = this.costOf(expression.result);
    this.#locals.get(accumulator)!.pop();
    const count = this.sizeOf(range);
    if (initial.kind === 'literal') this.#sizes.set(expression, this.sizeOf(initial));
    else this.#sizes.set(expression, count);
    const entries = initial.kind === 'literal' ? undefined : this.#entriesOf(expression.step);
    if (entries !== undefined) this.#entries.set(expression, entries);
    return add(before, result, multiply(count, turn));
  }

  /** One variable is the item of a list and the key of a map; two are the index or key, and the item or value. */
  #pushVariables(variables: readonly string[], range: Expression): void {
    const entries = this.#entriesOf(range);
    const isList = entries === undefined ? range.type.kind === 'list' : entries.isList;
    const path = this.#pathOf(range);
    const key: Local = { path: [...path, isList && variables.length === 2 ? '@indices' : '@keys'], size: entries?.key };
    const value: Local = { path: [...path, isList ? '@items' : '@values'], size: entries?.value };
    if (variables.length === 1) this.#push(variables[0]!, isList ? value : key);
    else [key, value].forEach((local, index) => this.#push(variables[index]!, local));
  }

  #costOfBind(expression: Fold): Range {
    const before = add(this.costOf(expression.range), this.costOf(expression.initial));
    const { initial, accumulator } = expression;
    this.#push(accumulator, { path: this.#pathOf(initial), size: this.#sizeOf(initial), entries: this.#entriesOf(initial) });
    const cost = add(before, this.costOf(expression.result));
    this.#locals.get(accumulator)!.pop();
    this.#takeSizes(expression, expression.result);
    return cost;
  }

  #takeSizes(to: Expression, from: Expression): void {
    const [size, entries] = [this.#sizeOf(from), this.#entriesOf(from)];
    if (size !== undefined) this.#sizes.set(to, size);
    if (entries !== undefined) this.#entries.set(to, entries);
  }

  #push(name: string, local: Local): void {
    const stack = this.#locals.get(name);
    if (stack === undefined) this.#locals.set(name, [local]);
    else stack.push(local);
  }

  #local(name: string): Local | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  #pathOf(expression: Expression): readonly string[] {
    return (expression.kind === 'name' ? this.#local(expression.name)?.path : undefined) ?? this.#paths.get(expression) ?? [];
  }

  #entriesOf(expression: Expression): Entries | undefined {
    return this.#entries.get(expression) ?? (expression.kind === 'name' ? this.#local(expression.name)?.entries : undefined);
  }

  #sizeOf(expression: Expression): Range | undefined {
    const found = this.#sizes.get(expression) ?? writtenSize(expression);
    if (found !== undefined) return found;
    const path = this.#pathOf(expression);
    const most = path.length === 0 ? undefined : this.sizeAt(path);
    if (most !== undefined) {
      this.#sizes.set(expression, { min: 0, max: most });
      return { min: 0, max: most };
    }
    if (isScalar(expression.type)) return ONE;
    return expression.kind === 'name' ? this.#local(expression.name)?.size : undefined;
  }
}

function writtenSize(expression: Expression): Range | undefined {
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression;
      return exactly(typeof value === 'string' ? [...value].length : value instanceof Uint8Array ? value.length : 1);
    }
    case 'list': return exactly(expression.items.length);
    case 'map': return exactly(expression.entries.length);
    default: return undefined;
  }
}

function isScalar(type: Type): boolean {
  if (type.kind === 'opaque') return type.name === 'optional_type' && isScalar(type.parts[0]!);
  return type.kind === 'simple' && SCALARS.has(type.name);
}

