/** Fields of objects whose types are not known, by their paths. Pure. */
export type Path = readonly (string | number)[];

/** As errors name it: `spec.workerGroupSpecs[0].groupName`. */
export function fieldOf(path: Path): string {
  return path.reduce<string>((text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`), '');
}

/** What is there, or undefined. */
export function at(object: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[key] : undefined), object);
}

/** The object with another value there, what lies on the way made as it is needed; undefined takes the field away. What is not on the way is shared. */
export function withAt<T>(object: T, [key, ...rest]: Path, value: unknown): T {
  if (key === undefined) return value as T;
  if (Array.isArray(object)) return object.map((each: unknown, index) => (index === key ? withAt(each, rest, value) : each)) as T;
  const fields = (typeof object === 'object' && object !== null ? object : {}) as Record<string, unknown>;
  const { [String(key)]: before, ...others } = fields;
  const next = withAt(before, rest, value);
  // A field that stays stays in its place.
  return (next === undefined ? others : String(key) in fields ? { ...fields, [key]: next } : { ...others, [key]: next }) as T;
}

export function textAt(object: unknown, path: Path): string | undefined {
  const value = at(object, path);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A whole number of at least 0. */
export function countAt(object: unknown, path: Path): number | undefined {
  const value = at(object, path);
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined;
}

export function listAt(object: unknown, path: Path): readonly unknown[] {
  const value = at(object, path);
  return Array.isArray(value) ? value : [];
}

export interface SaidCondition { type?: string; status?: string; reason?: string; message?: string }

/** The condition of this type that is true. */
export function trueCondition(object: unknown, type: string): SaidCondition | undefined {
  return (listAt(object, ['status', 'conditions']) as readonly SaidCondition[]).find((each) => each.type === type && each.status === 'True');
}
