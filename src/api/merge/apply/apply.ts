/** Server-side apply. Source: structured-merge-diff merge.Updater.Apply, apimachinery util/managedfields. */
import { ApiError } from '../../errors.ts';
import { parseJson } from '../../int64.ts';
import { cloneJson, equalJson, isJsonObject, jsonLength, type JsonObject } from '../../json.ts';
import type { Json, KubeObject } from '../../meta.ts';
import { changedFields, fieldSetOf, removedFields } from './compare.ts';
import { difference, isEmpty, NO_FIELDS, recursiveDifference, union, type Fields } from './field-set.ts';
import { checkTyped } from './check-typed.ts';
import { decodeManagers, dropUnserved, managerKey, stripMeta, type Manager, type Managers } from './managers.ts';
import { mergeValues } from './merge-values.ts';
import { conflictError, conflictsOf, differenceFor, differenceOf, emptyObject, takeFromOthers, type Conflict } from './ownership.ts';
import { prune } from './prune.ts';
import { reconcileManagers } from './reconcile.ts';
import { shapeOf, type Shape } from './shape.ts';
import { recordUpdate, setManagedFields, type WriteInput } from './update.ts';

export interface ApplyInput extends WriteInput {
  /** The applied configuration as the client sent it, parsed. Not changed. */
  applied: Json;
  force: boolean;
  /** What the object may have as JSON where it is to be stored. Default: anything. */
  maxBytes?: number;
}

/** Of all annotations together; upstream goes without this one where it would not fit. */
const ANNOTATIONS_LIMIT_BYTES = 256 * 1024;
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * The merged object with its managedFields, a fresh value to be defaulted and validated. Throws ApiError: Conflict (with causes
 * FieldManagerConflict) when another manager owns a field that would change and `force` is not set; BadRequest for a wrong apiVersion;
 * RequestEntityTooLarge when the fields of the configuration alone, which the object has in its managedFields, are more than `maxBytes`.
 */
export function applyObject(input: ApplyInput): KubeObject {
  const applied = readApplied(input);
  const shape = shapeOf(input.schema);
  checkTyped(applied, shape);
  const context: Context = { input, applied, shape, live: (input.live ?? emptyWith(shape, applied)) as KubeObject };
  try {
    return syncLastApplied(attempt(context, input.force), input);
  } catch (error) {
    if (!(error instanceof Conflicts)) throw error;
    const left = notInLastApplied(error.conflicts, context);
    if (left.length > 0) throw conflictError(left);
    return syncLastApplied(attempt(context, true), input);
  }
}

interface Context { input: ApplyInput; applied: KubeObject; shape: Shape; live: KubeObject }

class Conflicts extends Error {
  readonly conflicts: Conflict[];
  constructor(conflicts: Conflict[]) {
    super('conflicts');
    this.conflicts = conflicts;
  }
}

function readApplied(input: ApplyInput): KubeObject {
  const applied = input.applied;
  if (!isJsonObject(applied)) throw new ApiError('BadRequest', 'error decoding YAML: an apply configuration is an object with apiVersion, kind and metadata.name');
  if (applied.apiVersion !== input.apiVersion) {
    const shown = typeof applied.apiVersion === 'string' ? applied.apiVersion : '';
    throw new ApiError('BadRequest', `Incorrect version specified in apply patch. Specified patch version: ${shown}, expected: ${input.apiVersion}`);
  }
  const metadata = applied.metadata ?? {};
  if (!isJsonObject(metadata)) throw new ApiError('BadRequest', 'metadata must be an object');
  if (metadata.managedFields !== undefined && metadata.managedFields !== null) throw new ApiError('BadRequest', 'metadata.managedFields must be nil');
  return { ...applied, metadata } as unknown as KubeObject;
}

function emptyWith(shape: Shape, applied: KubeObject): KubeObject {
  return { ...emptyObject(shape), apiVersion: applied.apiVersion!, kind: applied.kind! } as KubeObject;
}

function attempt({ input, applied, shape, live }: Context, force: boolean): KubeObject {
  const reset = input.reset ?? NO_FIELDS;
  const managers = reconcileManagers(liveManagers(input), input, shape);
  const self: Manager = {
    name: input.manager, operation: 'Apply', apiVersion: input.apiVersion, subresource: input.subresource ?? '', time: undefined,
    fields: recursiveDifference(fieldSetOf(applied as unknown as Json, shape), reset),
  };
  checkSize(self.fields, input.maxBytes);
  const key = managerKey(self);
  const last = managers.get(key);
  managers.set(key, self);
  const base: Json = input.live === undefined ? ({ apiVersion: live.apiVersion, kind: live.kind, metadata: {} } as JsonObject) : (live as unknown as Json);
  const merged = mergeValues(base, applied as unknown as Json, shape) as unknown as KubeObject;
  const { next, compared } = prune({ merged, shape, apiVersion: input.apiVersion, last, managers, inVersion: input.inVersion });
  const delta = differenceOf(live as unknown as Json, compared, shape, reset);
  const differences = differenceFor({ live, next, apiVersion: input.apiVersion, reset, inVersion: input.inVersion }, delta);
  const conflicts = conflictsOf(managers, key, differences);
  if (conflicts.length > 0 && !force) throw new Conflicts(conflicts);
  takeFromOthers(managers, key, differences);
  return finish({ managers, key, last, next, input });
}

/** Before anything is made of them: to merge 200,000 fields takes seconds, and what comes of it cannot be stored. */
function checkSize(fields: Fields, maxBytes = Infinity): void {
  if (maxBytes === Infinity) return;
  const bytes = jsonLength(stripMeta(fields));
  if (bytes > maxBytes) throw new ApiError('RequestEntityTooLarge', `the object is too large to be stored: the names of the applied fields have ${bytes} bytes, and no more than ${maxBytes} may be stored; split it into several objects`);
}

function finish(state: { managers: Managers; key: string; last: Manager | undefined; next: KubeObject; input: ApplyInput }): KubeObject {
  const { managers, key, last, next, input } = state;
  const self = managers.get(key);
  const changed = input.live === undefined || !sameBut(next, input.live);
  if (self !== undefined) {
    const fields = stripMeta(self.fields);
    if (isEmpty(fields)) managers.delete(key);
    else managers.set(key, { ...self, fields, time: changed ? input.now : last?.time });
  }
  next.metadata ??= {};
  // What is given back is ours to change in every part: the entries of the frozen live object are copied.
  setManagedFields(next, managers, input.live?.metadata.managedFields?.map((entry) => ({ ...entry })));
  return next;
}

function sameBut(next: KubeObject, live: KubeObject): boolean {
  return equalJson({ ...next, metadata: { ...next.metadata, managedFields: undefined } }, { ...live, metadata: { ...live.metadata, managedFields: undefined } });
}

/** An object that was never tracked gets an owner of all that it has, so that apply meets conflicts and not silence. */
function liveManagers(input: ApplyInput): Managers {
  const managers = dropUnserved(decodeManagers(input.live?.metadata.managedFields) ?? new Map(), input.isServed);
  if (managers.size > 0 || input.live === undefined) return managers;
  const next = { ...input.live, metadata: { ...input.live.metadata } };
  delete next.metadata.managedFields;
  recordUpdate(managers, { schema: input.schema, live: undefined, next, manager: 'before-first-apply', apiVersion: input.apiVersion, subresource: input.subresource ?? '', now: input.now, ...(input.reset === undefined ? {} : { reset: input.reset }) });
  return managers;
}

/**
 * kubectl may take over what its own client-side apply set: conflicts on fields that still are as the last-applied annotation says are none.
 */
function notInLastApplied(conflicts: Conflict[], context: Context): Conflict[] {
  const allowed = context.input.manager === 'kubectl' ? lastAppliedFields(context) : NO_FIELDS;
  return conflicts.map(({ manager, fields }) => ({ manager, fields: difference(fields, allowed) })).filter(({ fields }) => !isEmpty(fields));
}

function lastAppliedFields({ input, live, shape }: Context): Fields {
  const text = live.metadata.annotations?.[LAST_APPLIED];
  if (!text) return NO_FIELDS;
  let last: Json;
  try {
    last = parseJson(text) as Json;
  } catch {
    return NO_FIELDS;
  }
  if (!isJsonObject(last) || last.apiVersion !== input.apiVersion) return NO_FIELDS;
  const now = live as unknown as Json;
  const differs = union(changedFields(last, now, shape), removedFields(last, now, shape));
  return difference(fieldSetOf(last, shape), differs);
}

/** For JSON.stringify: members by their names, as Go writes maps. */
function byName(_key: string, value: unknown): unknown {
  if (!isJsonObject(value) || JSON.isRawJSON(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** Keeps the annotation of client-side apply true when kubectl applies server-side. */
function syncLastApplied(object: KubeObject, input: ApplyInput): KubeObject {
  const annotations = object.metadata.annotations;
  if (input.manager !== 'kubectl' || !annotations?.[LAST_APPLIED]) return object;
  const applied = cloneJson(input.applied) as unknown as KubeObject;
  delete applied.metadata.annotations?.[LAST_APPLIED];
  annotations[LAST_APPLIED] = `${JSON.stringify(applied, byName)}\n`;
  const bytes = Object.entries(annotations).reduce((sum, [key, value]) => sum + key.length + Buffer.byteLength(value), 0);
  if (bytes > ANNOTATIONS_LIMIT_BYTES) delete annotations[LAST_APPLIED];
  return object;
}

