/** Types of expressions, and when one stands for another (cel-go common/types and checker/types). */

export type Kind = 'dyn' | 'error' | 'simple' | 'list' | 'map' | 'type' | 'opaque' | 'object' | 'param';

export interface Type {
  kind: Kind;
  name: string;
  /** Of lists, maps, types and opaque types. */
  parts: readonly Type[];
  /** Of objects. */
  fields?: ReadonlyMap<string, Type>;
}

const SIMPLE = new Set(['bool', 'int', 'uint', 'double', 'string', 'bytes', 'timestamp', 'duration', 'null']);
/** What null may stand for beside itself. */
const NULLABLE = new Set(['timestamp', 'duration']);

export const DYN: Type = { kind: 'dyn', name: 'dyn', parts: [] };
export const ERROR: Type = { kind: 'error', name: '!error!', parts: [] };
export const [BOOL, INT, UINT, DOUBLE, STRING, BYTES, TIMESTAMP, DURATION, NULL] = [...'bool int uint double string bytes timestamp duration null'.split(' ')].map((name): Type => ({ kind: 'simple', name, parts: [] })) as [Type, Type, Type, Type, Type, Type, Type, Type, Type];

export function listOf(item: Type): Type {
  return { kind: 'list', name: 'list', parts: [item] };
}

export function mapOf(key: Type, value: Type): Type {
  return { kind: 'map', name: 'map', parts: [key, value] };
}

export function optionalOf(value: Type): Type {
  return { kind: 'opaque', name: 'optional_type', parts: [value] };
}

export function objectOf(name: string, fields: ReadonlyMap<string, Type>): Type {
  return { kind: 'object', name, parts: [], fields };
}

export function isOptional(type: Type): boolean {
  return type.kind === 'opaque' && type.name === 'optional_type';
}

export function isDynOrError({ kind }: Type): boolean {
  return kind === 'dyn' || kind === 'error';
}

/** As cel-go writes types: `map(string, list(int))`. */
export function show({ name, parts }: Type): string {
  return parts.length === 0 ? name : `${name}(${parts.map(show).join(', ')})`;
}

const DECLARED: Readonly<Record<string, string>> = { null: 'null_type', timestamp: 'google.protobuf.Timestamp', duration: 'google.protobuf.Duration' };

/** As cel-go writes the type of a whole expression. */
export function declaredName({ name, parts }: Type): string {
  return parts.length === 0 ? (DECLARED[name] ?? name) : `${name}(${parts.map(declaredName).join(', ')})`;
}

/** The type that the text names: single capitals are parameters, what is not known is opaque. */
export function parseType(text: string): Type {
  const [, name = '', inner] = /^([^()]+)(?:\((.*)\))?$/s.exec(text.trim()) ?? [];
  const parts = inner === undefined ? [] : splitTypes(inner).map(parseType);
  if (/^[A-Z]$/.test(name)) return { kind: 'param', name, parts };
  if (name === 'dyn') return DYN;
  const kind = SIMPLE.has(name) ? 'simple' : name === 'list' || name === 'map' || name === 'type' ? name : 'opaque';
  return { kind, name, parts };
}

/** At the commas that stand in no bracket. */
export function splitTypes(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    if (text[at] === '(') depth += 1;
    else if (text[at] === ')') depth -= 1;
    else if (at === text.length || (text[at] === ',' && depth === 0)) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  return parts.filter((part) => part !== '');
}

/** What type parameters stand for, as far as an expression has told. */
export class Substitutions {
  readonly #known = new Map<string, Type>();
  /** What was known before, of each parameter that the attempt under way has told of: most attempts tell of a few out of thousands. */
  readonly #trail: [param: string, before: Type | undefined][] = [];

  /** Whether each of `given` may stand where the one of `wanted` is asked for; what that says of parameters is kept only then. */
  assignableAll(given: readonly Type[], wanted: readonly Type[]): boolean {
    const fits = given.length === wanted.length && given.every((each, index) => this.#fits(each, wanted[index]!));
    for (let last = this.#trail.pop(); last !== undefined; last = this.#trail.pop()) {
      const [param, before] = last;
      if (fits) continue;
      if (before === undefined) this.#known.delete(param);
      else this.#known.set(param, before);
    }
    return fits;
  }

  assignable(given: Type, wanted: Type): boolean {
    return this.assignableAll([given], [wanted]);
  }

  /** With parameters replaced by what they stand for. `open` is what takes the place of those that stand for nothing; default themselves. */
  resolve(type: Type, open?: Type): Type {
    if (type.kind === 'param') {
      const known = this.#known.get(type.name);
      return known === undefined ? (open ?? type) : this.resolve(known, open);
    }
    if (type.parts.length === 0) return type;
    return { ...type, parts: type.parts.map((part) => this.resolve(part, open)) };
  }

  #fits(a: Type, b: Type): boolean {
    if (b.kind === 'param') {
      const found = this.#substitutes(a, b);
      if (found.valid || found.known) return found.valid;
    }
    if (a.kind === 'param') return this.#substitutes(b, a).valid;
    if (isDynOrError(a) || isDynOrError(b)) return true;
    if (a === NULL || a.name === 'null') return b.kind === 'object' || b.kind === 'opaque' || (b.kind === 'simple' && (b.name === 'null' || NULLABLE.has(b.name)));
    if (a.kind !== b.kind) return false;
    if (a.kind === 'type') return true;
    return a.name === b.name && a.parts.length === b.parts.length && a.parts.every((part, index) => this.#fits(part, b.parts[index]!));
  }

  #substitutes(type: Type, param: Type): { valid: boolean; known: boolean } {
    const known = this.#known.get(param.name);
    if (known !== undefined) {
      if (same(type, known)) return { valid: true, known: true };
      if (!this.#fits(type, known)) return { valid: false, known: true };
      this.#learn(param.name, mostGeneral(type, known));
      return { valid: true, known: true };
    }
    if (this.#occurs(param, type)) return { valid: false, known: false };
    this.#learn(param.name, type);
    return { valid: true, known: false };
  }

  #learn(param: string, type: Type): void {
    this.#trail.push([param, this.#known.get(param)]);
    this.#known.set(param, type);
  }

  #occurs(param: Type, within: Type): boolean {
    if (same(param, within)) return true;
    if (within.kind !== 'param') return within.parts.some((part) => this.#occurs(param, part));
    const known = this.#known.get(within.name);
    return known !== undefined && this.#occurs(param, known);
  }
}

export function same(a: Type, b: Type): boolean {
  return a === b || (a.kind === b.kind && a.name === b.name && a.parts.length === b.parts.length && a.parts.every((part, index) => same(part, b.parts[index]!)));
}

export function mostGeneral(a: Type, b: Type): Type {
  return isLessSpecific(a, b) ? a : b;
}

function isLessSpecific(a: Type, b: Type): boolean {
  if (a.kind === 'dyn' || a.kind === 'param') return true;
  if (b.kind === 'dyn' || b.kind === 'param' || a.kind !== b.kind) return false;
  if (a.kind === 'type') return true;
  return a.name === b.name && a.parts.length === b.parts.length && a.parts.every((part, index) => isLessSpecific(part, b.parts[index]!));
}
