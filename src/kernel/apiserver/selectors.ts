/** Label and field selectors as they stand in queries (apimachinery: labels.Parse, fields.ParseSelector). */
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { badRequest } from './errors.ts';

export type Labels = Readonly<Record<string, string>> | undefined;
export type Matches<T> = (value: T) => boolean;

const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const TOKEN = /\s*(!=|==|=|!|,|\(|\)|>|<|[^\s!=,()<>]+)\s*/y;

/** `app=web,tier!=db,env in (a,b),!canary,n>3`; undefined where nothing is asked. Throws BadRequest. */
export function parseLabelSelector(text: string | null | undefined): Matches<Labels> | undefined {
  if (text === null || text === undefined || text.trim() === '') return undefined;
  if (text.length > 16_384) throw badRequest('unable to parse requirement: the label selector is longer than 16384 characters');
  const tokens = tokenize(text);
  const tests: Matches<Labels>[] = [];
  let at = 0;
  while (at < tokens.length) {
    const [test, next] = parseRequirement(tokens, at);
    tests.push(test);
    at = next;
    if (at < tokens.length) {
      if (tokens[at] !== ',') throw badRequest(`unable to parse requirement: found '${tokens[at]}', expected: ',' or 'end of string'`);
      at++;
      if (at === tokens.length) throw badRequest("found '', expected: identifier after ','");
    }
  }
  return tests.length === 1 ? tests[0] : (labels) => tests.every((test) => test(labels));
}

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw badRequest(`unable to parse requirement: unexpected character at ${from}`);
    tokens.push(match[1]!);
  }
  return tokens;
}

function parseRequirement(tokens: readonly string[], from: number): [Matches<Labels>, number] {
  if (tokens[from] === '!') {
    const key = checkKey(tokens[from + 1]);
    return [(labels) => labels?.[key] === undefined, from + 2];
  }
  const key = checkKey(tokens[from]);
  const operator = tokens[from + 1];
  switch (operator) {
    case undefined:
    case ',':
      return [(labels) => labels?.[key] !== undefined, from + 1];
    case '=':
    case '==':
    case '!=': {
      const empty = tokens[from + 2] === undefined || tokens[from + 2] === ',';
      const value = empty ? '' : checkValue(tokens[from + 2]!);
      const test: Matches<Labels> = operator === '!=' ? (labels) => labels?.[key] !== value : (labels) => labels?.[key] === value;
      return [test, from + (empty ? 2 : 3)];
    }
    case 'in':
    case 'notin': {
      const [values, next] = parseValues(tokens, from + 2);
      return [operator === 'in' ? (labels) => labels?.[key] !== undefined && values.has(labels[key]!) : (labels) => labels?.[key] === undefined || !values.has(labels[key]!), next];
    }
    case '>':
    case '<': {
      const bound = Number(tokens[from + 2]);
      if (!Number.isInteger(bound)) throw badRequest(`unable to parse requirement: values[0][${key}]: Invalid value: "${tokens[from + 2] ?? ''}": for 'Gt', 'Lt' operators, the value must be an integer`);
      return [(labels) => {
        const value = Number(labels?.[key] ?? Number.NaN);
        return operator === '>' ? value > bound : value < bound;
      }, from + 3];
    }
    default:
      throw badRequest(`unable to parse requirement: found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
  }
}

function parseValues(tokens: readonly string[], from: number): [Set<string>, number] {
  if (tokens[from] !== '(') throw badRequest(`unable to parse requirement: found '${tokens[from] ?? ''}', expected: '('`);
  const values = new Set<string>();
  let at = from + 1;
  for (;;) {
    if (tokens[at] === undefined) throw badRequest("unable to parse requirement: found '', expected: ',' or ')'");
    if (tokens[at] === ',' || tokens[at] === ')') values.add('');
    else values.add(checkValue(tokens[at++]!));
    if (tokens[at] === ')') return [values, at + 1];
    if (tokens[at] !== ',') throw badRequest(`unable to parse requirement: found '${tokens[at] ?? ''}', expected: ',' or ')'`);
    at++;
  }
}

function checkKey(key: string | undefined): string {
  const slash = key?.lastIndexOf('/') ?? -1;
  const name = key?.slice(slash + 1);
  const prefix = slash < 0 ? undefined : key!.slice(0, slash);
  if (key === undefined || !NAME.test(name!) || (prefix !== undefined && !PREFIX.test(prefix))) {
    throw badRequest(`unable to parse requirement: <nil>: Invalid value: ${JSON.stringify(key ?? '')}: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`);
  }
  return key;
}

function checkValue(value: string): string {
  if (value !== '' && !NAME.test(value)) {
    throw badRequest(`unable to parse requirement: values[0]: Invalid value: ${JSON.stringify(value)}: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`);
  }
  return value;
}

export interface FieldSelector {
  matches: Matches<KubeObject>;
  /** The one name that can match, when the selector says `metadata.name=X`. */
  name?: string;
}

/** `metadata.name=web,status.phase!=Running`; undefined where nothing is asked. Throws BadRequest for a field that the kind does not select by. */
export function parseFieldSelector(kind: Kind, text: string | null | undefined): FieldSelector | undefined {
  if (text === null || text === undefined || text.trim() === '') return undefined;
  const tests: Matches<KubeObject>[] = [];
  let only: string | undefined;
  for (const term of splitTerms(text)) {
    const match = /^([^=!]+)(!=|==|=)(.*)$/s.exec(term);
    if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    const [, field, operator] = match as unknown as [string, string, string];
    const value = match[3]!.replace(/\\([\\,=])/g, '$1');
    const read = fieldReader(kind, field);
    const negated = operator === '!=';
    if (field === 'metadata.name' && !negated) only = value;
    tests.push((object) => (read(object) === value) !== negated);
  }
  if (tests.length === 0) return undefined;
  const selector: FieldSelector = { matches: tests.length === 1 ? tests[0]! : (object) => tests.every((test) => test(object)) };
  if (only !== undefined) selector.name = only;
  return selector;
}

function splitTerms(text: string): string[] {
  return text.split(/(?<!\\),/).filter((term) => term.trim() !== '');
}

function fieldReader(kind: Kind, field: string): (object: KubeObject) => string {
  if (field === 'metadata.name') return (object) => object.metadata.name ?? '';
  if (field === 'metadata.namespace') return (object) => object.metadata.namespace ?? '';
  const read = Object.hasOwn(kind.selectableFields, field) ? kind.selectableFields[field] : undefined;
  if (read === undefined) throw badRequest(`field label not supported: ${field}`);
  return (object) => read(object) ?? '';
}
