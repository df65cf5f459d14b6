/** What a call may cost and how large its result may be (apiserver cel/library cost.go EstimateCallCost; cel-go checker functionCost, ext lists and sets). */
import type { Argument, Estimate } from './estimate.ts';
import type { Call } from './expression.ts';
import { add, exactly, multiply, NOTHING, times, UNBOUNDED, union, UNKNOWN, type Range } from './range.ts';

/** Of a character that is passed over. */
export const TRAVERSAL = 0.1;
/** Of a character of a pattern, for each unit of what it is looked for in. */
export const PATTERN = 0.25;
export const AUTHORIZATION_CHECK = 350_000;
/** How long the pattern of a named format may be, in characters. */
export const MAX_FORMAT_PATTERN = 128;
const MAX_FORMAT = 64;
const LIST = exactly(10);
const ONE = exactly(1);
const IP_BYTES: Range = { min: 4, max: 16 };

export interface Invocation { call: Call; overload: string; target?: Argument; args: readonly Argument[]; costs: readonly Range[] }

interface Found { cost: Range; size?: Range | undefined }

/** With what its arguments cost, but not what the target does. */
export function costOfFunction(estimate: Estimate, invocation: Invocation): Found {
  const { costs, overload } = invocation;
  if (overload === '_&&_(bool, bool)' || overload === '_||_(bool, bool)') return { cost: { min: costs[0]!.min, max: add(...costs).max } };
  if (overload === '_?_:_(bool, A, A)') return conditional(estimate, invocation);
  const own = ofLists(invocation) ?? ofLibrary(estimate, invocation) ?? ofLanguage(estimate, invocation) ?? { cost: ONE };
  return { ...own, cost: add(own.cost, ...costs) };
}

function conditional(estimate: Estimate, { call, args, costs }: Invocation): Found {
  estimate.joinEntries(call, call.args[1]!, call.args[2]!);
  return { cost: add(costs[0]!, union(costs[1]!, costs[2]!)), size: union(known(args[1]), known(args[2])) };
}

function known(argument: Argument | undefined): Range {
  return argument?.size ?? UNKNOWN;
}

function walk(argument: Argument | undefined, factor = 1): Range {
  return times(known(argument), TRAVERSAL * factor);
}

/** The functions of lists that make a list (ext lists of version 3), and those of sets. */
function ofLists({ overload, target, args }: Invocation): Found | undefined {
  const made = (size: Range, factor = 1): Found => ({ cost: add(times(size, factor), LIST, ONE), size });
  const pairs = (of: Argument | undefined, factor: number): Found => made(multiply(known(of), known(of)), factor);
  if (overload.startsWith('@sort(')) return pairs(args[0], orderedBy(overload));
  if (overload.endsWith('.sort()')) return pairs(target, orderedBy(overload));
  switch (overload) {
    case '(list(A)).slice(int, int)': {
      const count = wholeOf(args[1], known(target).max) - wholeOf(args[0], 0);
      // What ends before it begins is counted as nearly without bound.
      return made(exactly(count < 0 ? UNBOUNDED + count : count));
    }
    case 'lists.range(int)': return made(exactly(wholeOf(args[0], UNBOUNDED)));
    case '(list(A)).reverse()': return made(known(target));
    case '(list(list(A))).flatten()': return made(known(target));
    case '(list(dyn)).flatten(int)': {
      const found = made(known(target), wholeOf(args[0], UNBOUNDED));
      return { ...found, size: known(target) };
    }
    case '(list(A)).distinct()': return pairs(target, 2);
    case 'sets.contains(list(A), list(A))': case 'sets.intersects(list(A), list(A))': return { cost: add(multiply(known(args[0]), known(args[1])), ONE) };
    case 'sets.equivalent(list(A), list(A))': return { cost: add(times(multiply(known(args[0]), known(args[1])), 2), ONE) };
    default: return undefined;
  }
}

/** What each two of the items, or of the keys that they are sorted by, cost. */
function orderedBy(overload: string): number {
  return overload.includes('string') || overload.includes('bytes') ? 2 + TRAVERSAL : 2;
}

/** A number that is written out, which none below zero is taken for. */
function wholeOf(argument: Argument | undefined, otherwise: number): number {
  const expression = argument?.expression;
  return expression?.kind === 'literal' && typeof expression.value === 'bigint' ? Math.max(0, Number(expression.value)) : otherwise;
}

/** What Kubernetes says of its own functions, and of some of the language. */
function ofLibrary(estimate: Estimate, { call, overload, target, args }: Invocation): Found | undefined {
  switch (call.name) {
    case 'check': return { cost: exactly(AUTHORIZATION_CHECK) };
    case 'fieldSelector': case 'labelSelector': return args.length === 1 ? { cost: selector(known(args[0])) } : undefined;
    case 'isSorted': case 'sum': case 'max': case 'min': case 'indexOf': case 'lastIndexOf': return target === undefined ? undefined : { cost: comparisons(estimate, target) };
    case 'url': case 'jsonpatch.escapeKey': return { cost: walk(args[0]), size: known(args[0]) };
    case 'lowerAscii': case 'upperAscii': case 'substring': case 'trim': return { cost: walk(target), size: known(target) };
    case 'replace': return { cost: walk(target, 2), size: replaced(known(target), known(args[0]), known(args[1])) };
    case 'split': return { cost: walk(target, 2), size: { min: 0, max: args.length > 1 ? writtenCount(args[1]!, known(target).max) : known(target).max } };
    case 'join': {
      const size = joined(estimate, target!, args[0]);
      return { cost: times(size, TRAVERSAL), size };
    }
    case 'find': case 'findAll': return { cost: multiply(times(add(known(target), ONE), TRAVERSAL), times(known(args[0]), PATTERN)), size: { min: 0, max: known(target).max } };
    case 'ip': return overload === '(net.CIDR).ip()' ? { cost: ONE } : { cost: walk(args[0]) };
    case 'cidr': case 'isIP': case 'isCIDR': case 'quantity': case 'isQuantity': case 'semver': case 'isSemver': return { cost: walk(args[0]) };
    case 'ip.isCanonical': return { cost: walk(args[0], 2) };
    case 'containsIP': return { cost: add(times(add(IP_BYTES, IP_BYTES), TRAVERSAL), overload.endsWith('(string)') ? walk(args[0]) : NOTHING) };
    case 'containsCIDR': return { cost: add(times(add(IP_BYTES, IP_BYTES), TRAVERSAL), times(IP_BYTES, TRAVERSAL), ONE, overload.endsWith('(string)') ? walk(args[0]) : NOTHING) };
    case 'validate': return { cost: times(walk(args[0]), MAX_FORMAT_PATTERN * PATTERN) };
    case '==': return equality(args);
    default: return undefined;
  }
}

/** A requirement for every second character. */
function selector(characters: Range): Range {
  return add(LIST, times(characters, TRAVERSAL), times(times(characters, 0.5), 50));
}

/** For each item one, and of texts a walk through each; a text itself is walked through. */
function comparisons(estimate: Estimate, target: Argument): Range {
  const item = itemOf(estimate, target);
  if (item === undefined) return walk(target);
  return multiply(known(target), item.type.name === 'string' || item.type.name === 'bytes' ? add(ONE, walk(item)) : ONE);
}

function itemOf(estimate: Estimate, { type, path }: Argument): Argument | undefined {
  const [item] = type.parts;
  if (item === undefined) return undefined;
  const most = path.length === 0 ? undefined : estimate.sizeAt([...path, '@items']);
  return { type: item, path: [], size: most === undefined ? undefined : { min: 0, max: most } };
}

function writtenCount({ expression }: Argument, otherwise: number): number {
  if (expression?.kind !== 'literal' || typeof expression.value !== 'bigint') return otherwise;
  return expression.value < 0n ? UNBOUNDED : Number(expression.value);
}

function joined(estimate: Estimate, target: Argument, separator: Argument | undefined): Range {
  const count = known(target);
  const item = itemOf(estimate, target);
  const texts = item === undefined ? NOTHING : multiply(count, known(item));
  return separator === undefined ? texts : add(texts, multiply(known(separator), { min: Math.max(0, count.min - 1), max: Math.max(0, count.max - 1) }));
}

/** The shortest and the longest that may come of it. */
function replaced(text: Range, from: Range, to: Range): Range {
  const most = from.min === 0 ? { count: text.max + 1, kept: text.max } : to.max <= from.min ? { count: 0, kept: text.max } : { count: Math.ceil(text.max / from.min), kept: 0 };
  const least = from.max === 0 ? { count: text.min + 1, kept: text.min } : from.max <= to.min ? { count: 0, kept: text.min } : { count: Math.ceil(text.min / from.max), kept: 0 };
  return add(multiply({ min: least.count, max: Math.min(most.count, UNBOUNDED) }, to), { min: least.kept, max: most.kept });
}

const EQUAL_AT_ONCE = new Set(['net.IP', 'net.CIDR', 'kubernetes.Quantity', 'kubernetes.Semver']);

/** Of the libraries' own types; `!=` is not told of them. */
function equality(args: readonly Argument[]): Found | undefined {
  const [left, right] = args.map(({ type }) => type.name) as [string, string];
  if (left !== right) return undefined;
  if (EQUAL_AT_ONCE.has(left) || left.startsWith('kubernetes.authorization.')) return { cost: ONE };
  if (left === 'kubernetes.NamedFormat') return { cost: times({ min: 1, max: MAX_FORMAT }, TRAVERSAL) };
  if (left === 'kubernetes.URL') return { cost: times({ min: 1, max: args[1]!.size?.max ?? 1 }, TRAVERSAL) };
  return undefined;
}

/** What cel-go says of the language's own operators and functions. */
function ofLanguage(estimate: Estimate, { call, overload, target, args }: Invocation): Found | undefined {
  switch (overload) {
    case '(string).format(list(dyn))': return { cost: walk(target) };
    case 'bytes(string)': return { cost: walk(args[0]), size: multiply(known(args[0]), { min: 1, max: 4 }) };
    case 'string(bytes)': return { cost: walk(args[0]), size: { min: Math.floor(known(args[0]).min / 4), max: known(args[0]).max } };
    case 'strings.quote(string)': return { cost: walk(args[0]), size: add(multiply(known(args[0]), { min: 1, max: 2 }), exactly(2)) };
    case '(string).startsWith(string)': case '(string).endsWith(string)': return { cost: walk(args[0]) };
    case '@in(A, list(A))': return { cost: known(args[1]) };
    case '(string).matches(string)': return { cost: multiply(times(add(known(target), ONE), TRAVERSAL), times(known(args[0]), PATTERN)) };
    case '(string).contains(string)': return { cost: multiply(walk(target), walk(args[0])) };
    case '_+_(string, string)': case '_+_(bytes, bytes)': case '_+_(list(A), list(A))': {
      estimate.joinEntries(call, call.args[0]!, call.args[1]!);
      const size = add(known(args[0]), known(args[1]));
      return { cost: overload.includes('list') ? ONE : times(size, TRAVERSAL), size };
    }
    default: return isComparison(overload) ? { cost: shorter(args) } : undefined;
  }
}

function isComparison(overload: string): boolean {
  return overload === '_==_(A, A)' || overload === '_!=_(A, A)' || /^_[<>]=?_\((string, string|bytes, bytes)\)$/.test(overload);
}

function shorter([left, right]: readonly Argument[]): Range {
  const max = Math.min(known(left).max, known(right).max);
  return times({ min: max > 0 ? 1 : 0, max }, TRAVERSAL);
}
