/** Label selectors, as strings (`app=web,tier notin (a,b),!x`) and as LabelSelector objects (apimachinery labels). */
import { ApiError } from './errors.ts';
import { labelKeyErrors, labelValueErrors } from './names.ts';
import type { LabelSelector } from './meta.ts';

export type Labels = Readonly<Record<string, string>>;

export type Operator = 'in' | 'notin' | '=' | '==' | '!=' | 'exists' | '!' | 'gt' | 'lt';

export interface Requirement {
  readonly key: string;
  readonly operator: Operator;
  readonly values: readonly string[];
}

export interface LabelMatcher {
  readonly requirements: readonly Requirement[];
  matches(labels: Labels | undefined): boolean;
  /** The selector in canonical form: sorted by key. */
  toString(): string;
}

/** Matches every object. */
const EVERYTHING: LabelMatcher = matcherOf([]);
/** Matches no object. */
const NOTHING: LabelMatcher = { requirements: [], matches: () => false, toString: () => '' };

/** Reads a selector string; '' matches everything. Throws ApiError BadRequest in upstream's words. */
export function parseSelector(text: string): LabelMatcher {
  return text.trim() === '' ? EVERYTHING : matcherOf(new Parser(tokensOf(text)).parse());
}

/** The matcher of a LabelSelector: none matches nothing, an empty one everything. Throws ApiError BadRequest. */
export function matcherOfSelector(selector: LabelSelector | null | undefined): LabelMatcher {
  if (selector === undefined || selector === null) return NOTHING;
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => requirementOf(key, '=', [value]));
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const own = ({ In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' } as const)[operator];
    if (own === undefined) throw bad(`${JSON.stringify(operator)} is not a valid label selector operator`);
    requirements.push(requirementOf(key, own, values ?? []));
  }
  return matcherOf(requirements);
}

/** The selector as a string, for instance for Scale.status.selector. */
export function formatSelector(selector: LabelSelector | undefined): string {
  return matcherOfSelector(selector).toString();
}

const NONE: Labels = {};

/** A matcher of requirements that were checked before. */
function matcherOf(requirements: readonly Requirement[]): LabelMatcher {
  const sorted = requirements.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return {
    requirements: sorted,
    matches(labels) {
      // By index: asked of thousands of objects at a time, an iterator for each is as much garbage as all else of a list.
      for (let at = 0; at < sorted.length; at += 1) if (!meets(sorted[at]!, labels ?? NONE)) return false;
      return true;
    },
    toString: () => sorted.map(show).join(','),
  };
}

/** Whether `labels` meet one requirement. */
function meets(requirement: Requirement, labels: Labels): boolean {
  const { key, operator, values } = requirement;
  const label = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'in': case '=': case '==': return label !== undefined && values.includes(label);
    case 'notin': case '!=': return label === undefined || !values.includes(label);
    case 'exists': return label !== undefined;
    case '!': return label === undefined;
    default: {
      if (label === undefined || !isInteger(label)) return false;
      const [left, right] = [BigInt(label), BigInt(values[0] ?? '0')];
      return operator === 'gt' ? left > right : left < right;
    }
  }
}

/** Checks and makes a requirement. Throws ApiError BadRequest. */
function requirementOf(key: string, operator: Operator, values: readonly string[]): Requirement {
  const errors = labelKeyErrors(key).length === 0 ? [] : [`key: Invalid value: ${JSON.stringify(key)}: ${labelKeyErrors(key).join('; ')}`];
  const wrong = countError(operator, values.length);
  if (wrong !== undefined) errors.push(`values: Invalid value: ${JSON.stringify(values)}: ${wrong}`);
  for (const [index, value] of values.entries()) {
    if ((operator === 'gt' || operator === 'lt') && !isInteger(value)) {
      errors.push(`values[${index}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`);
    }
    const faults = labelValueErrors(value);
    if (faults.length > 0) errors.push(`values[${index}][${key}]: Invalid value: ${JSON.stringify(value)}: ${faults.join('; ')}`);
  }
  if (errors.length > 0) throw bad(errors.length === 1 ? (errors[0] ?? '') : `[${errors.join(', ')}]`);
  return { key, operator, values };
}

function countError(operator: Operator, count: number): string | undefined {
  switch (operator) {
    case 'in': case 'notin': return count > 0 ? undefined : "for 'in', 'notin' operators, values set can't be empty";
    case '=': case '==': case '!=': return count === 1 ? undefined : 'exact-match compatibility requires one single value';
    case 'exists': case '!': return count === 0 ? undefined : 'values set must be empty for exists and does not exist';
    default: return count === 1 ? undefined : "for 'Gt', 'Lt' operators, exactly one value is required";
  }
}

function isInteger(text: string): boolean {
  return /^[+-]?[0-9]+$/.test(text) && BigInt.asIntN(64, BigInt(text.replace(/^\+/, ''))) === BigInt(text.replace(/^\+/, ''));
}

function show({ key, operator, values }: Requirement): string {
  const list = values.toSorted().join(',');
  switch (operator) {
    case 'exists': return key;
    case '!': return `!${key}`;
    case 'in': case 'notin': return `${key} ${operator} (${list})`;
    case 'gt': return `${key}>${list}`;
    case 'lt': return `${key}<${list}`;
    default: return `${key}${operator}${list}`;
  }
}

function bad(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

interface Token { kind: 'word' | 'symbol' | 'end'; text: string }

const SYMBOLS = new Set([')', ',', '!', '==', '=', '>', '<', '!=', '(']);

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const [part] of text.matchAll(/[=!<>(),]+|[^=!<>(),\s]+/g)) {
    if (!/^[=!<>(),]/.test(part)) tokens.push({ kind: 'word', text: part });
    else {
      for (let at = 0; at < part.length;) {
        const symbol = SYMBOLS.has(part.slice(at, at + 2)) && at + 2 <= part.length ? part.slice(at, at + 2) : part.slice(at, at + 1);
        tokens.push({ kind: 'symbol', text: symbol });
        at += symbol.length;
      }
    }
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

const OPERATORS = new Map<string, Operator>([['in', 'in'], ['notin', 'notin'], ['=', '='], ['==', '=='], ['!=', '!='], ['>', 'gt'], ['<', 'lt']]);

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Requirement[] {
    const found: Requirement[] = [];
    for (;;) {
      const next = this.#peek();
      if (next.kind === 'end') return found;
      if (next.kind !== 'word' && next.text !== '!') throw parseError(`found '${next.text}', expected: !, identifier, or 'end of string'`);
      found.push(this.#requirement());
      const after = this.#take();
      if (after.kind === 'end') return found;
      if (after.text !== ',') throw parseError(`found '${after.text}', expected: ',' or 'end of string'`);
      const second = this.#peek();
      if (second.kind !== 'word' && second.text !== '!') throw parseError(`found '${second.text}', expected: identifier after ','`);
    }
  }

  #requirement(): Requirement {
    try {
      return this.#requirementInner();
    } catch (error) {
      if (error instanceof ApiError) throw parseError(`unable to parse requirement: ${error.message}`);
      throw error;
    }
  }

  #requirementInner(): Requirement {
    let token = this.#take();
    const absent = token.text === '!' && token.kind === 'symbol';
    if (absent) token = this.#take();
    if (token.kind !== 'word') throw bad(`found '${token.text}', expected: identifier`);
    const key = token.text;
    const faults = labelKeyErrors(key);
    if (faults.length > 0) throw bad(`<nil>: Invalid value: ${JSON.stringify(key)}: ${faults.join('; ')}`);
    const next = this.#peek();
    if (absent) return requirementOf(key, '!', []);
    if (next.kind === 'end' || next.text === ',') return requirementOf(key, 'exists', []);
    const operator = OPERATORS.get(this.#take().text);
    if (operator === undefined) throw bad(`found '${next.text}', expected: in, notin, =, ==, !=, gt, lt`);
    return requirementOf(key, operator, operator === 'in' || operator === 'notin' ? this.#list() : [this.#exact()]);
  }

  #exact(): string {
    const next = this.#peek();
    if (next.kind === 'end' || next.text === ',') return '';
    if (next.kind !== 'word') throw bad(`found '${next.text}', expected: identifier`);
    return this.#take().text;
  }

  #list(): string[] {
    const open = this.#take();
    if (open.text !== '(') throw bad(`found '${open.text}' expected: '('`);
    const values = new Set<string>();
    let expectsValue = true;
    for (;;) {
      const token = this.#take();
      if (token.text === ')' && token.kind === 'symbol') {
        if (expectsValue) values.add('');
        return [...values].sort();
      }
      if (token.text === ',' && token.kind === 'symbol') {
        if (expectsValue) values.add('');
        expectsValue = true;
      } else if (token.kind === 'word' && expectsValue) {
        values.add(token.text);
        expectsValue = false;
      } else throw bad(`found '${token.text}', expected: ${expectsValue ? "',', ')' or identifier" : "',' or ')'"}`);
    }
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '' };
  }

  #take(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }
}

function parseError(message: string): ApiError {
  return bad(message);
}
