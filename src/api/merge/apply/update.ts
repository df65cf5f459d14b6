/** Field ownership for create, update and the patches that are not apply. Source: apimachinery util/managedfields, FieldManager.Update. */
import { equalJson } from '../../json.ts';
import type { KubeObject, Json, ManagedFieldsEntry } from '../../meta.ts';
import type { Schema } from '../../schema/schema.ts';
import { equalFields, isEmpty, isWellFormed, NO_FIELDS, union, type Fields } from './field-set.ts';
import { capManagers, decodeManagers, dropUnserved, encodeManagers, managerKey, stripMeta, type Manager, type Managers } from './managers.ts';
import { differenceFor, differenceOf, emptyObject, takeFromOthers, type InVersion } from './ownership.ts';
import { reconcileManagers } from './reconcile.ts';
import { shapeOf } from './shape.ts';

/** What every write says, apply or not. */
export interface WriteInput {
  schema: Schema;
  /** The stored object; undefined when the write creates it. Not changed. */
  live: KubeObject | undefined;
  /** fieldManager of the request, see managerName; required for apply. */
  manager: string;
  /** Of the request, for instance apps/v1. */
  apiVersion: string;
  /** '' for the object itself. */
  subresource?: string;
  /** Fields that this path cannot write, see resetFieldsOf. */
  reset?: Fields;
  /** Whether the kind is served in a version; default yes. Managers of other versions are forgotten. */
  isServed?: (apiVersion: string) => boolean;
  /** Where versions differ by more than their name. */
  inVersion?: InVersion;
  /** RFC 3339, in seconds. */
  now: string;
}

export interface UpdateInput extends WriteInput {
  /** The object to be stored, with the managedFields that the client sent. Its metadata.managedFields is set. */
  next: KubeObject;
}

/** Sets `next.metadata.managedFields` to who owns what after this write. */
export function updateManagedFields(input: UpdateInput): void {
  const { live, next } = input;
  const sent = next.metadata.managedFields;
  delete next.metadata.managedFields;
  const managers = dropUnserved(startingManagers(live, sent, input.subresource ?? ''), input.isServed);
  // Upstream tracks an object from its creation or from its first apply on, never from an update of an untracked one.
  if (managers.size === 0 && live?.metadata.uid !== undefined) return;
  reconcileManagers(managers, input, shapeOf(input.schema));
  const before = live?.metadata.managedFields;
  recordUpdate(managers, input);
  setManagedFields(next, managers, before);
}

/** What `live` becomes to its managers when `manager` makes `next` of it; changes `managers`. */
export function recordUpdate(managers: Managers, input: Omit<UpdateInput, 'next'> & { next: KubeObject }): void {
  const shape = shapeOf(input.schema);
  const live = (input.live ?? emptyObject(shape)) as unknown as Json;
  const delta = differenceOf(live, input.next as unknown as Json, shape, input.reset ?? NO_FIELDS);
  takeFromOthers(managers, '', differenceFor({ live: live as unknown as KubeObject, next: input.next, apiVersion: input.apiVersion, reset: input.reset ?? NO_FIELDS, inVersion: input.inVersion }, delta));
  const own = stripMeta(delta.changed);
  if (!isEmpty(own)) {
    const self: Manager = { name: input.manager || 'unknown', operation: 'Update', apiVersion: input.apiVersion, subresource: input.subresource ?? '', time: input.now, fields: own };
    const key = managerKey(self);
    const previous = managers.get(key);
    managers.set(key, previous === undefined ? self : { ...self, fields: union(own, previous.fields) });
  }
  capManagers(managers);
}

/** A client may hand managedFields back, or reset them with `[]` or `[{}]`; malformed ones are ignored. */
function startingManagers(live: KubeObject | undefined, sent: ManagedFieldsEntry[] | undefined, subresource: string): Managers {
  const fromLive = (): Managers => decodeManagers(live?.metadata.managedFields) ?? new Map();
  if (subresource !== '' || sent === undefined || sent === live?.metadata.managedFields) return fromLive();
  if (sent.length === 0 || (sent.length === 1 && Object.keys(sent[0]!).length === 0)) return new Map();
  const managers = decodeManagers(sent);
  return managers === undefined || managers.size === 0 || !managers.values().every(({ fields }) => isWellFormed(fields)) ? fromLive() : managers;
}

/** Writes the entries; entries that say the same as before, but for their time, stay what they were. */
export function setManagedFields(object: KubeObject, managers: Managers, before: ManagedFieldsEntry[] | undefined): void {
  if (managers.size === 0) {
    delete object.metadata.managedFields;
    return;
  }
  const entries = encodeManagers(managers);
  object.metadata.managedFields = before !== undefined && sameButTimes(entries, before) ? before : entries;
}

function sameButTimes(left: readonly ManagedFieldsEntry[], right: readonly ManagedFieldsEntry[]): boolean {
  if (left.length !== right.length) return false;
  const byKey = new Map(right.map((entry) => [entryKey(entry), entry]));
  return left.every((entry) => {
    const other = byKey.get(entryKey(entry));
    return other !== undefined && entry.apiVersion === other.apiVersion && equalFields(entry.fieldsV1 as unknown as Fields, (other.fieldsV1 ?? {}) as unknown as Fields);
  });
}

function entryKey(entry: ManagedFieldsEntry): string {
  return managerKey({ name: entry.manager ?? '', operation: entry.operation ?? 'Update', apiVersion: entry.apiVersion ?? '', subresource: entry.subresource ?? '' });
}

/** Whether two objects are the same but for managedFields, resourceVersion and generation: a write of one over the other need not be stored. */
export function sameObject(left: KubeObject, right: KubeObject): boolean {
  const { metadata: leftMeta, ...leftRest } = left;
  const { metadata: rightMeta, ...rightRest } = right;
  return equalJson({ ...leftMeta, resourceVersion: undefined, generation: undefined }, { ...rightMeta, resourceVersion: undefined, generation: undefined }) && equalJson(leftRest, rightRest);
}
