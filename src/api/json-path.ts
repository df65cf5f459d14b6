/**
 * The part of Kubernetes' JSONPath that printer columns, selectable fields and scale paths use: `.a.b`, `['a.b']`, `[0]`, `[*]`, `..`-less,
 * `[?(@.type=="Ready")]`, and `\.` in a name. Compiled once, applied to many objects.
 */

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
      throw new RangeError(`the JSONPath ${JSON.stringify(text)} is not understood from ${JSON.stringify(rest)} on`);
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

function parseFilter(text: string, whole: string): Step {
  const match = /^\s*@((?:\\.|[^=!<>])*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*$/.exec(text);
  if (match === null) throw new RangeError(`the filter ${JSON.stringify(text)} of the JSONPath ${JSON.stringify(whole)} is not understood`);
  const literal = (match[3] ?? '').replace(/^'(.*)'$/s, (_all, inner: string) => JSON.stringify(inner));
  let value: unknown;
  try {
    value = literal === '' ? undefined : JSON.parse(literal);
  } catch {
    value = literal;
  }
  return { path: parse(match[1] ?? ''), operator: match[2] ?? 'exists', value };
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
  if (typeof found !== typeof step.value || (typeof found !== 'number' && typeof found !== 'string')) return false;
  const [left, right] = [found, step.value as typeof found];
  return step.operator === '<' ? left < right : step.operator === '>' ? left > right : step.operator === '<=' ? left <= right : left >= right;
}
