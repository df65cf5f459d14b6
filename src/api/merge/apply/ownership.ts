/** The write of one manager as it touches the others. Source: structured-merge-diff, merge.Updater. */
import { ApiError, type StatusCause } from '../../errors.ts';
import type { KubeObject, Json } from '../../meta.ts';
import { resolveSchema, type Schema } from '../../schema/schema.ts';
import { isJsonObject, type JsonObject } from '../../json.ts';
import { changedFields, removedFields } from './compare.ts';
import { difference, intersection, isEmpty, pathsOf, recursiveDifference, showPath, union, type Fields } from './field-set.ts';
import { dropEmpty, type Manager, type Managers } from './managers.ts';
import { shapeOf, type Shape } from './shape.ts';

export interface Conflict { manager: Manager; fields: Fields }

export interface Difference { changed: Fields; removed: Fields }

/** What changed from `live` to `next`, without the fields that this path may not write (`reset`). */
export function differenceOf(live: Json, next: Json, shape: Shape, reset: Fields): Difference {
  const before = withStatus(live, shape);
  const changed = changedFields(before, next, shape);
  const removed = removedFields(live, next, shape);
  return { changed: recursiveDifference(changed, reset), removed: recursiveDifference(removed, reset) };
}

/** The status struct of a built-in kind is always there for upstream, so its first writer owns what is in it and not the struct. */
function withStatus(live: Json, shape: Shape): Json {
  return isJsonObject(live) && live.status === undefined && isStruct(shape) && shape.declares('status') ? { ...live, status: {} } : live;
}

/**
 * How an object is said in another version of its kind, with the schema of that; undefined where versions differ by their name alone. May throw
 * when that is not known yet: the caller finds it out and begins anew.
 */
export type InVersion = (object: KubeObject, apiVersion: string) => { object: KubeObject; schema: Schema };

/** The same change as each manager sees it: in the version in which it knows the object. */
export type DifferenceFor = (manager: Manager) => Difference;

export function differenceFor(write: { live: KubeObject; next: KubeObject; apiVersion: string; reset: Fields; inVersion?: InVersion }, delta: Difference): DifferenceFor {
  const { live, next, apiVersion, reset, inVersion } = write;
  if (inVersion === undefined) return () => delta;
  const known = new Map([[apiVersion, delta]]);
  return (manager) => {
    let found = known.get(manager.apiVersion);
    if (found === undefined) {
      const before = live.apiVersion === undefined ? undefined : inVersion(live, manager.apiVersion);
      const after = inVersion(next, manager.apiVersion);
      const shape = shapeOf(after.schema);
      found = differenceOf((before?.object ?? emptyObject(shape)) as unknown as Json, after.object as unknown as Json, shape, reset);
      known.set(manager.apiVersion, found);
    }
    return found;
  };
}

/** Where other managers than `writer` own what is changed. */
export function conflictsOf(managers: Managers, writer: string, differences: DifferenceFor): Conflict[] {
  const conflicts: Conflict[] = [];
  for (const [key, manager] of managers) {
    if (key === writer) continue;
    const { changed } = differences(manager);
    const fields = isEmpty(changed) ? changed : intersection(manager.fields, changed);
    if (!isEmpty(fields)) conflicts.push({ manager, fields });
  }
  return conflicts.sort((left, right) => left.manager.name < right.manager.name ? -1 : 1);
}

/** Others lose what the writer changed or removed. */
export function takeFromOthers(managers: Managers, writer: string, differences: DifferenceFor): void {
  let last: Difference | undefined;
  let gone: Fields | undefined;
  for (const [key, manager] of managers) if (key !== writer) {
    const delta = differences(manager);
    if (gone === undefined || delta !== last) gone = union(delta.changed, delta.removed);
    last = delta;
    const fields = isEmpty(gone) ? manager.fields : difference(manager.fields, gone);
    if (fields !== manager.fields) managers.set(key, { ...manager, fields });
  }
  dropEmpty(managers);
}

/** `Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas` */
export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const causes: StatusCause[] = conflicts.flatMap(({ manager, fields }) => pathsOf(fields).map((path) => (
    { reason: 'FieldManagerConflict', message: `conflict with ${showManager(manager)}`, field: showPath(path) })));
  const first = causes[0]!;
  const text = causes.length === 1 ? `1 conflict: ${first.message}: ${first.field}`
    : `${causes.length} conflicts: ${conflicts.map(({ manager, fields }) => [`conflicts with ${showManager(manager)}:`, ...pathsOf(fields).map((path) => `- ${showPath(path)}`)].join('\n')).join('\n')}`;
  return new ApiError('Conflict', `Apply failed with ${text}`, { causes });
}

function showManager(manager: Manager): string {
  const name = JSON.stringify(manager.name) + (manager.subresource === '' ? '' : ` with subresource ${JSON.stringify(manager.subresource)}`);
  return manager.operation === 'Update' ? `${name} using ${manager.apiVersion}` : name;
}

const empties = new WeakMap<Schema, JsonObject>();

/** Built-in kinds have types with a name; custom resources are maps for upstream. */
function isStruct({ schema }: Shape): boolean {
  return schema?.name !== undefined;
}

/**
 * What upstream compares a new object with: one whose structs are there but empty. So the creator of a built-in kind does not own `spec` itself, but
 * what is in it.
 */
export function emptyObject(shape: Shape): KubeObject & JsonObject {
  const schema = shape.schema;
  if (schema === undefined || !isStruct(shape)) return { metadata: {} } as unknown as KubeObject & JsonObject;
  let empty = empties.get(schema);
  if (empty === undefined) {
    empty = { metadata: {}, ...emptyOf(schema, 0) };
    empties.set(schema, empty);
  }
  return empty as unknown as KubeObject & JsonObject;
}

const STRUCTS: readonly string[] = ['metadata', 'spec', 'status', 'strategy', 'updateStrategy'];

function emptyOf(schema: Schema, depth: number): JsonObject {
  const empty: JsonObject = Object.fromEntries(schema.zeros ?? []);
  if (depth < 8) for (const [key, ref] of Object.entries(schema.properties ?? {})) {
    const required = schema.required?.includes(key) === true && schema.leftToRules?.has(key) !== true;
    if (!required && !STRUCTS.includes(key) && schema.structs?.has(key) !== true) continue;
    const child = resolveSchema(ref);
    if (child.properties !== undefined) empty[key] = emptyOf(child, depth + 1);
    else if (required && (child.type === 'array' || child.type === 'object')) empty[key] = null;
  }
  return empty;
}
