/**
 * What a rule of a definition may cost at worst, before any object is there (upstream: cel-go checker cost with apiserver cel/library cost, and
 * the limits of apiextensions validation). Sizes come from maxItems, maxProperties and maxLength, or from the largest request. Functions
 * whose result has no known size count as small, so that a rule is refused here only where upstream refuses it too.
 */
import { ownValue } from '../json.ts';
import { resolveSchema, type Schema } from '../schema/schema.ts';
import type { Environment } from './environment.ts';
import { withOptionalElements } from './optional-elements.ts';

/** For one expression, with all places in which it may run. */
export const EXPRESSION_LIMIT = 10_000_000;
/** For all expressions of a schema. */
export const DEFINITION_LIMIT = 100_000_000;
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
const TRAVERSAL = 0.1;
const REGEX = 0.25;
const LITERAL_COST = { list: 10, map: 30 };
/** What one turn of a macro costs beside its expressions. */
const TURN_COST: Readonly<Record<string, number>> = { all: 3, exists: 4, exists_one: 2, existsOne: 2, filter: 12, map: 12, transformList: 12, transformMap: 3, transformMapEntry: 3, sortBy: 12 };
const FORMAT_SIZE: Readonly<Record<string, number>> = { duration: 32, date: 12, 'date-time': 32 };
const KEEPS_SIZE = new Set(['lowerAscii', 'upperAscii', 'substring', 'trim', 'reverse']);
const WALKS_LIST = new Set(['isSorted', 'sum', 'max', 'min', 'indexOf', 'lastIndexOf']);

interface Node { op: string; args: never }

/** What is known of a value. */
interface Bound {
  cost: number;
  schema?: Schema;
  /** Characters, items or entries at most. */
  size?: number;
  isList?: boolean;
}

/** The cost of one run. `schema` is that of `self`. The text must be valid. */
export function estimateCost(environment: Environment, text: string, schema: Schema): number {
  const { ast } = environment.parse(withOptionalElements(text)) as unknown as { ast: Node };
  return costOf(ast, new Map([['self', schema], ['oldSelf', schema]])).cost;
}

/** How many values a schema may have within a request, when nothing else bounds them. */
export function cardinalityOf(schema: Schema): number {
  return Math.floor(MAX_REQUEST_BYTES / (leastBytes(schema) + 1));
}

/** How many values stand below one value of the schema; undefined when that is not bounded. */
export function elementsOf(schema: Schema): number | undefined {
  if (schema.type === 'array') return schema.maxItems;
  if (schema.type === 'object' && schema.additionalProperties !== undefined) return schema.maxProperties;
  return 1;
}

/** The message of a cost above a limit; undefined below it. */
export function costMessage(name: string, cost: number, limit: number): string | undefined {
  const factor = cost / limit;
  if (factor <= 1) return undefined;
  const shown = factor > 100 ? 'more than 100x' : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  return `${name} exceeds budget by factor of ${shown} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

type Names = ReadonlyMap<string, Schema | undefined>;

function costOf(node: Node, names: Names): Bound {
  const args = node.args as unknown;
  switch (node.op) {
    case 'value': return { cost: 0, ...(typeof args === 'string' ? { size: args.length } : {}) };
    case 'id': return known(1, names.get(args as string));
    case '.': case '.?': return memberOf(costOf((args as [Node])[0], names), (args as [Node, string])[1]);
    case '[]': case '[?]': {
      const [of, index] = (args as [Node, Node]).map((each) => costOf(each, names)) as [Bound, Bound];
      return known(of.cost + index.cost + 1, below(of.schema));
    }
    case '?:': {
      const [condition, yes, no] = (args as Node[]).map((each) => costOf(each, names)) as [Bound, Bound, Bound];
      return { cost: condition.cost + Math.max(yes.cost, no.cost), schema: yes.schema ?? no.schema, size: Math.max(yes.size ?? 0, no.size ?? 0) };
    }
    case '&&': case '||': return { cost: sum((args as Node[]).map((each) => costOf(each, names).cost)) };
    case 'list': return { cost: LITERAL_COST.list + sum((args as Node[]).map((each) => costOf(each, names).cost)), size: (args as Node[]).length, isList: true };
    case 'map': return { cost: LITERAL_COST.map + sum((args as Node[][]).flat().map((each) => costOf(each, names).cost)), size: (args as Node[][]).length };
    case 'call': return callOf((args as [string])[0], undefined, (args as [string, Node[]])[1], names);
    case 'rcall': return callOf((args as [string])[0], (args as [string, Node])[1], (args as [string, Node, Node[]])[2], names);
    case '!_': return { cost: 1 + costOf(args as Node, names).cost };
    case '-_': return { cost: (args as Node).op === 'value' ? 0 : 1 + costOf(args as Node, names).cost };
    default: return Array.isArray(args) && args.length === 2 ? operatorOf(node.op, (args as [Node, Node]).map((each) => costOf(each, names)) as [Bound, Bound]) : { cost: 1 };
  }
}

function operatorOf(operator: string, [left, right]: [Bound, Bound]): Bound {
  const cost = left.cost + right.cost;
  if (operator === 'in') return { cost: cost + (right.schema?.additionalProperties === undefined && right.size !== undefined ? right.size : 1) };
  if (operator === '==' || operator === '!=') return { cost: cost + (left.size === undefined && right.size === undefined ? 0 : Math.ceil(Math.min(left.size ?? 1, right.size ?? 1) * TRAVERSAL)) };
  // A list is put before another at no more cost.
  if (operator === '+' && (left.isList === true || right.isList === true)) return { cost: cost + 1, schema: left.schema ?? right.schema, size: (left.size ?? 0) + (right.size ?? 0), isList: true };
  if (operator === '+' && left.size !== undefined && right.size !== undefined) return { cost: cost + Math.ceil((left.size + right.size) * TRAVERSAL), size: left.size + right.size };
  return { cost: cost + 1 };
}

function callOf(name: string, receiver: Node | undefined, args: readonly Node[], names: Names): Bound {
  // Whether a field is there costs nothing, what it is asked of does.
  if (name === 'has') return { cost: args[0]?.op === '.' ? costOf((args[0].args as unknown as [Node])[0], names).cost : 0 };
  if (receiver !== undefined && ownValue(TURN_COST, name) !== undefined) return macroOf(name, costOf(receiver, names), args, names);
  const target = receiver === undefined ? undefined : costOf(receiver, names);
  if (name === 'bind' && args.length === 3) {
    const value = costOf(args[1]!, names);
    const inner = costOf(args[2]!, new Map([...names, [nameOf(args[0]!), value.schema]]));
    return { ...inner, cost: value.cost + inner.cost + 1 };
  }
  const bounds = args.map((each) => costOf(each, names));
  const cost = (target?.cost ?? 0) + sum(bounds.map((each) => each.cost));
  const [size, argument] = [target?.size ?? 0, bounds[0]?.size ?? 0];
  if (target !== undefined && KEEPS_SIZE.has(name)) return { cost: cost + Math.ceil(size * TRAVERSAL), size };
  if (target !== undefined && WALKS_LIST.has(name)) return { cost: cost + walkOf(target) };
  if (target !== undefined && ownValue(MADE_TEXTS, name) !== undefined) {
    const made = MADE_TEXTS[name]!(target, args, bounds);
    return { cost: cost + Math.ceil((name === 'join' ? made : size * 2) * TRAVERSAL), size: made };
  }
  switch (name) {
    case 'quantity': case 'isQuantity': case 'semver': case 'isSemver': return { cost: cost + Math.ceil(argument * TRAVERSAL) };
    case 'url': return { cost: cost + Math.ceil(argument * TRAVERSAL), size: argument };
    case 'contains': return { cost: cost + Math.ceil(size * TRAVERSAL) * Math.ceil(argument * TRAVERSAL) };
    case 'startsWith': case 'endsWith': return { cost: cost + Math.ceil(argument * TRAVERSAL) };
    case 'matches': case 'find': case 'findAll': {
      const [text, pattern] = target === undefined ? [argument, bounds[1]?.size ?? 0] : [size, argument];
      return { cost: cost + Math.ceil((text + 1) * TRAVERSAL) * Math.ceil(pattern * REGEX) };
    }
    default: return { cost: cost + 1 };
  }
}

/** A comparison for each item, and of texts a walk through each; a text itself is walked through. */
function walkOf({ schema, size = 0 }: Bound): number {
  if (schema?.type === 'string') return Math.ceil(size * TRAVERSAL);
  return size * (1 + Math.ceil(textSize(below(schema)) * TRAVERSAL));
}

/** Times are no texts. */
function textSize(schema: Schema | undefined): number {
  return schema?.type === 'string' && ownValue(FORMAT_SIZE, schema.format ?? '') === undefined ? mostElements(schema) ?? 0 : 0;
}

/** The largest size of what these make of texts. */
const MADE_TEXTS: Readonly<Record<string, (of: Bound, args: readonly Node[], bounds: readonly Bound[]) => number>> = {
  join: ({ schema, size = 0 }, _args, [separator]) => size * textSize(below(schema)) + Math.max(0, size - 1) * (separator?.size ?? 0),
  split: ({ size = 0 }) => size,
  replace({ size = 0 }, [what], [, by]) {
    const least = what?.op === 'value' && typeof what.args === 'string' ? (what.args as string).length : 0;
    const most = by?.size ?? 0;
    if (least === 0) return (size + 1) * most + size;
    return most <= least ? size : Math.ceil(size / least) * most;
  },
};

function macroOf(name: string, range: Bound, args: readonly Node[], names: Names): Bound {
  const twoVariables = name.startsWith('transform') || (args.length === 3 && name !== 'map');
  const variables = args.slice(0, twoVariables ? 2 : 1).map(nameOf);
  const element = below(range.schema);
  const inner = new Map(names);
  variables.forEach((each, index) => inner.set(each, twoVariables && index === 0 ? undefined : range.schema?.type === 'object' && !twoVariables ? undefined : element));
  const turn = (TURN_COST[name] ?? 0) + sum(args.slice(variables.length).map((each) => costOf(each, inner).cost));
  const size = range.size ?? 0;
  return { cost: range.cost + size * turn + 1, ...(name === 'filter' ? { schema: range.schema } : {}), size, isList: true };
}

function nameOf(node: Node): string {
  return node.op === 'id' ? (node.args as unknown as string) : '';
}

function memberOf(of: Bound, name: string): Bound {
  const ref = of.schema?.properties?.[name] ?? of.schema?.properties?.[unescaped(name)];
  return known(of.cost + 1, ref === undefined ? (of.schema?.additionalProperties === undefined ? undefined : below(of.schema)) : resolveSchema(ref));
}

function unescaped(name: string): string {
  const words: Record<string, string> = { underscores: '__', dot: '.', dash: '-', slash: '/' };
  return name.replaceAll(/__(underscores|dot|dash|slash)__/g, (_match, word: string) => words[word] ?? '').replace(/^__(\w+)__$/, '$1');
}

function below(schema: Schema | undefined): Schema | undefined {
  if (schema?.items !== undefined) return resolveSchema(schema.items);
  return schema?.additionalProperties === undefined || schema.additionalProperties === true ? undefined : resolveSchema(schema.additionalProperties);
}

function known(cost: number, schema: Schema | undefined): Bound {
  return schema === undefined ? { cost } : { cost, schema, size: mostElements(schema), isList: schema.type === 'array' };
}

function mostElements(schema: Schema): number | undefined {
  if (schema.xIntOrString === true) return schema.maxLength === undefined ? MAX_REQUEST_BYTES - 2 : schema.maxLength * 4;
  switch (schema.type) {
    case 'array': return schema.maxItems ?? (schema.items === undefined ? undefined : Math.floor((MAX_REQUEST_BYTES - 2) / (leastBytes(resolveSchema(schema.items)) + 1)));
    case 'object': {
      const values = below(schema);
      return values === undefined ? undefined : schema.maxProperties ?? Math.floor((MAX_REQUEST_BYTES - 2) / (leastBytes(values) + 6));
    }
    case 'string': {
      const ofFormat = ownValue(FORMAT_SIZE, schema.format ?? '');
      if (ofFormat !== undefined) return ofFormat;
      if (schema.maxLength !== undefined) return schema.maxLength * (schema.format === 'byte' ? 1 : 4);
      const longest = schema.enum?.reduce<number>((most, each) => (typeof each === 'string' ? Math.max(most, Buffer.byteLength(each)) : most), 0);
      return longest ?? MAX_REQUEST_BYTES - 2;
    }
    default: return undefined;
  }
}

/** The fewest bytes that a value takes in a request. */
function leastBytes(schema: Schema): number {
  if (schema.xIntOrString === true) return 1;
  switch (schema.type) {
    case 'boolean': return 4;
    case 'integer': case 'number': return 1;
    case 'string': return schema.format === 'date' ? 12 : schema.format === 'date-time' ? 21 : schema.format === 'duration' ? 3 : 2;
    case 'object': {
      let bytes = 2;
      for (const name of schema.required ?? []) {
        const ref = schema.properties?.[name];
        const property = ref === undefined ? undefined : resolveSchema(ref);
        if (property !== undefined && property.default === undefined) bytes += name.length + leastBytes(property) + 4;
      }
      return bytes;
    }
    default: return 2;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0);
}
