/**
 * The part of Kubernetes' JSONPath that printer columns, selectable fields and scale paths use: `.a.b`, `['a.b']`, `[0]`, `[*]`, `..`-less,
 * `[?(@.type=="Ready")]`, and `\.` in a name. Compiled once, applied to many objects.
 */
import { isNumeric, parseJson, type Int64 } from './int64.ts';

type Step = { name: string } | { index: number } | { all: true } | { path: readonly Step[]; operator: string; value: unknown };

/** The values found, in order. Throws RangeError when the path is malformed. */
export function compileJsonPath(text: string): (object: unknown) => unknown[] {
  const steps = parse(text.trim().replace(/^\{(.*)\}$/s, '$1').replace(/^\$/, ''));
  return (object) => find(steps, object);
}

function parse(text: string): Step[] {
  const steps: Step[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    const match = /^\.((?:\\.|[^.[\]\\])+)/.exec(rest) ?? /^\[\s*(-?\d+)\s*\]/.exec(rest) ?? /^\[\s*(?:'([^']*)'|"([^"]*)")\s*\]/.exec(rest) ?? /^(\[\s*\*\s*\])/.exec(rest) ?? /^\[\?\((.*?)\)\]/.exec(rest);
    if (match === null) {
      if (rest === '.') return steps;
      throw new RangeError(`the JSONPath ${quoted(text)} is not understood from ${quoted(rest)} on`);
    }
    const found = match[1] ?? match[2] ?? match[3] ?? '';
    if (rest.startsWith('.')) steps.push(found === '*' ? { all: true } : { name: found.replace(/\\(.)/g, '$1') });
    else if (rest.startsWith('[?')) steps.push(parseFilter(found, text));
    else if (/^\[\s*\*/.test(rest)) steps.push({ all: true });
    else if (/^\[\s*-?\d/.test(rest)) steps.push({ index: Number(found) });
    else steps.push({ name: found });
    at += match[0].length;
  }
  return steps;
}

/** Where the operator of a filter begins; undefined when it has none. */
function operatorIn(text: string): number | undefined {
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at += 1;
    else if ('=!<>'.includes(text[at] as string)) return at;
  }
  return undefined;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}

function parseFilter(text: string, whole: string): Step {
  const trimmed = text.trim();
  const end = operatorIn(trimmed);
  const [operator, rest] = end === undefined ? ['exists', ''] : [/^(?:[=!<>]=|[<>])/.exec(trimmed.slice(end, end + 2))?.[0], trimmed.slice(end)];
  const written = operator === undefined || end === undefined ? '' : rest.slice(operator.length).trim();
  if (!trimmed.startsWith('@') || operator === undefined || (end !== undefined && written === '')) throw new RangeError(`the filter ${quoted(text)} of the JSONPath ${quoted(whole)} is not understood`);
  const literal = written.replace(/^'(.*)'$/s, (_all, inner: string) => JSON.stringify(inner));
  let value: unknown;
  try {
    value = literal === '' ? undefined : parseJson(literal);
  } catch {
    value = literal;
  }
  return { path: parse(trimmed.slice(1, end).trimEnd()), operator, value };
}

function find(steps: readonly Step[], object: unknown): unknown[] {
  let found: unknown[] = [object];
  for (const step of steps) found = found.flatMap((value) => take(step, value));
  return found.filter((value) => value !== undefined);
}

function take(step: Step, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('name' in step) return Object.hasOwn(value, step.name) ? [(value as Record<string, unknown>)[step.name]] : [];
  if ('all' in step) return Object.values(value);
  if (!Array.isArray(value)) return [];
  if ('index' in step) return [(value as unknown[]).at(step.index)];
  return (value as unknown[]).filter((item) => meets(step, item));
}

function meets(step: Extract<Step, { path: readonly Step[] }>, item: unknown): boolean {
  const [found] = find(step.path, item);
  if (step.operator === 'exists') return found !== undefined;
  if (step.operator === '==' || step.operator === '!=') return (found === step.value) === (step.operator === '==');
  const comparable = (isNumeric(found) && isNumeric(step.value)) || (typeof found === 'string' && typeof step.value === 'string');
  if (!comparable) return false;
  const [left, right] = [found as Int64, step.value as Int64];
  return step.operator === '<' ? left < right : step.operator === '>' ? left > right : step.operator === '<=' ? left <= right : left >= right;
}
