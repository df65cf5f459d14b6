/**
 * Object literals of mutating policies: `Object{spec: Object.spec{replicas: 3}}` and `JSONPatch{op: "remove", path: "/spec"}`. The evaluator
 * knows no such literals, so they are written as maps: their names follow from where they stand (upstream: apiserver cel/mutation).
 */
import { EvaluationFailure } from './program.ts';
import { skip } from './skip.ts';

/** What may stand outermost; a literal inside another is named by its place. */
export type Outermost = 'Object' | 'JSONPatch' | 'any';

interface Frame {
  close: string;
  /** Of a literal: its name. */
  type?: string;
  /** Of a literal: the field whose value is being read; undefined where a name comes next. */
  field?: string;
}

const OPTIONAL_MARK = '?';
const PATCH_FIELDS = new Set(['op', 'path', 'from', 'value']);

/** The expression with maps in the place of literals. Throws EvaluationFailure where a literal stands in a place that its name does not fit. */
export function withoutLiterals(text: string, outermost: Outermost): string {
  let out = '';
  const frames: Frame[] = [];
  for (let at = 0; at < text.length; ) {
    const skipped = skip(text, at);
    if (skipped > at) {
      out += text.slice(at, skipped);
      at = skipped;
      continue;
    }
    const frame = frames.at(-1);
    const name = /[A-Za-z_?]/.test(text[at]!) ? nameAt(text, at, frame) : undefined;
    if (name !== undefined) {
      at = name.end;
      if (name.field !== undefined) {
        if (frame!.type === 'JSONPatch' && !PATCH_FIELDS.has(name.field)) throw new EvaluationFailure('other', `compilation failed: undefined field '${name.field}'`);
        frame!.field = name.field;
        out += `${JSON.stringify((name.optional ? OPTIONAL_MARK : '') + name.field)}:`;
      } else if (name.literal !== undefined) {
        checkPlace(name.literal, frames, outermost);
        frames.push({ close: '}', type: name.literal });
        out += '{';
      } else out += name.text;
      continue;
    }
    const char = text[at]!;
    if (char === '{' || char === '[' || char === '(') frames.push({ close: char === '{' ? '}' : char === '[' ? ']' : ')' });
    else if (char === frame?.close) frames.pop();
    else if (char === ',' && frame?.type !== undefined) delete frame.field;
    out += char;
    at++;
  }
  return out;
}

interface Name {
  text: string;
  end: number;
  /** The name of a field of the literal that is open. */
  field?: string;
  optional?: boolean;
  /** The name of a literal that begins here; `end` is past its brace. */
  literal?: string;
}

function nameAt(text: string, at: number, frame: Frame | undefined): Name | undefined {
  const rest = text.slice(at);
  if (frame?.type !== undefined && frame.field === undefined) {
    const field = /^(\?\s*)?([A-Za-z_]\w*)\s*:/.exec(rest);
    if (field !== null) return { text: field[0], end: at + field[0].length, field: field[2]!, optional: field[1] !== undefined };
  }
  const path = /^[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*/.exec(rest);
  if (path === null) return undefined;
  const plain = path[0].replace(/\s/g, '');
  const brace = /^\s*\{/.exec(rest.slice(path[0].length));
  const follows = /[.\w]\s*$/.test(text.slice(0, at)); // a member of something else
  if (brace !== null && !follows && /^(?:Object(?:\.|$)|JSONPatch$)/.test(plain)) return { text: plain, end: at + path[0].length + brace[0].length, literal: plain };
  return { text: path[0], end: at + path[0].length };
}

function checkPlace(name: string, frames: readonly Frame[], outermost: Outermost): void {
  const around = frames.findLast((frame) => frame.type !== undefined);
  if (around === undefined) {
    if (outermost !== 'any' && name !== outermost) throw mismatch(name, outermost);
    return;
  }
  // The value of a JSON patch may be of any type.
  if (around.type === 'JSONPatch') return;
  const expected = `${around.type}.${around.field ?? ''}`;
  if (name !== expected) throw mismatch(name, expected);
}

function mismatch(name: string, expected: string): EvaluationFailure {
  return new EvaluationFailure('other', `type mismatch: unexpected type name ${JSON.stringify(name)}, expected ${JSON.stringify(expected)}, which matches field name path from root Object type`);
}

interface Optional {
  hasValue(): boolean;
  value(): unknown;
}

/** The value of such an expression with its optional fields filled in or left out. */
export function withOptionalFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withOptionalFields);
  const entries = value instanceof Map ? [...value] : typeof value === 'object' && value !== null && value.constructor === Object ? Object.entries(value) : undefined;
  if (entries === undefined) return value;
  const made = new Map<unknown, unknown>();
  for (const [key, each] of entries) {
    if (typeof key !== 'string' || !key.startsWith(OPTIONAL_MARK) || typeof (each as Optional | null)?.hasValue !== 'function') made.set(key, withOptionalFields(each));
    else if ((each as Optional).hasValue()) made.set(key.slice(1), withOptionalFields((each as Optional).value()));
  }
  return made;
}
