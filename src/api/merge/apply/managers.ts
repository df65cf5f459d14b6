/** Managers: the entries of metadata.managedFields in memory. Source: apimachinery util/managedfields. */
import type { Json, ManagedFieldsEntry } from '../../meta.ts';
import { difference, fieldsOf, isEmpty, parseFields, sorted, union, type Fields, NO_FIELDS } from './field-set.ts';

export interface Manager {
  name: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource: string;
  time: string | undefined;
  fields: Fields;
}

/** By identity, see {@link managerKey}. */
export type Managers = Map<string, Manager>;

const MAX_UPDATE_MANAGERS = 10;
const ANCIENT = 'ancient-changes';

/** Who a manager is: an applier is the same one in every version. */
export function managerKey(manager: { name: string; operation: 'Apply' | 'Update'; apiVersion: string; subresource: string }): string {
  return `${manager.operation} ${manager.operation === 'Apply' ? '' : manager.apiVersion} ${manager.subresource} ${manager.name}`;
}

/** undefined when the entries are malformed. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] | undefined): Managers | undefined {
  const managers: Managers = new Map();
  for (const entry of entries ?? []) {
    const { manager = '', operation, apiVersion, subresource = '', time } = entry;
    if ((operation !== 'Apply' && operation !== 'Update') || !apiVersion || entry.fieldsType !== 'FieldsV1') return undefined;
    const fields = parseFields(entry.fieldsV1);
    if (fields === undefined) return undefined;
    const decoded: Manager = { name: manager, operation, apiVersion, subresource, time, fields };
    managers.set(managerKey(decoded), decoded);
  }
  return managers;
}

/** Forgets who wrote in a version that is no longer there: nothing says any more what their fields meant. */
export function dropUnserved(managers: Managers, isServed: ((apiVersion: string) => boolean) | undefined): Managers {
  if (isServed !== undefined) for (const [key, { apiVersion }] of managers) if (!isServed(apiVersion)) managers.delete(key);
  return managers;
}

export function encodeManagers(managers: Managers): ManagedFieldsEntry[] {
  return [...managers.values()].sort(byOperationAndTime).map(encodeManager);
}

function encodeManager(manager: Manager): ManagedFieldsEntry {
  const entry: ManagedFieldsEntry = { manager: manager.name, operation: manager.operation, apiVersion: manager.apiVersion };
  if (manager.time !== undefined) entry.time = manager.time;
  entry.fieldsType = 'FieldsV1';
  entry.fieldsV1 = sorted(manager.fields) as unknown as Json;
  if (manager.subresource !== '') entry.subresource = manager.subresource;
  return entry;
}

function byOperationAndTime(left: Manager, right: Manager): number {
  return compare(left.operation, right.operation) || compare(left.time ?? '', right.time ?? '') || compare(left.name, right.name)
    || compare(left.apiVersion, right.apiVersion) || compare(left.subresource, right.subresource);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Fields that no manager ever owns. */
const STRIPPED = fieldsOf([
  ['f:apiVersion'], ['f:kind'], ['f:metadata'],
  ...['name', 'namespace', 'creationTimestamp', 'selfLink', 'uid', 'clusterName', 'generation', 'managedFields', 'resourceVersion'].map((name) => ['f:metadata', `f:${name}`]),
]);

export function stripMeta(fields: Fields): Fields {
  return difference(fields, STRIPPED);
}

/** Drops managers that own nothing any more. */
export function dropEmpty(managers: Managers): void {
  for (const [key, manager] of managers) if (isEmpty(manager.fields)) managers.delete(key);
}

/** Folds the oldest Update managers of a version into one when there are more than ten. */
export function capManagers(managers: Managers): void {
  const updaters = [...managers.entries()].filter(([, manager]) => manager.operation === 'Update');
  if (updaters.length <= MAX_UPDATE_MANAGERS) return;
  updaters.sort(([leftKey, left], [rightKey, right]) => compare(left.time ?? '', right.time ?? '') || compare(leftKey, rightKey));
  let count = updaters.length;
  const firstOfVersion = new Map<string, string>();
  const folded = new Map<string, { bucket: Manager; parts: Fields[] }>();
  for (const [key, manager] of updaters) {
    if (count <= MAX_UPDATE_MANAGERS) break;
    const first = firstOfVersion.get(manager.apiVersion);
    if (first === undefined) {
      firstOfVersion.set(manager.apiVersion, key);
      continue;
    }
    const bucket: Manager = { name: ANCIENT, operation: 'Update', apiVersion: manager.apiVersion, subresource: '', time: manager.time, fields: manager.fields };
    const bucketKey = managerKey(bucket);
    const parts = folded.get(bucketKey)?.parts ?? [(managers.get(bucketKey) ?? managers.get(first)!).fields];
    if (!folded.has(bucketKey) && !managers.has(bucketKey)) managers.delete(first);
    managers.delete(key);
    parts.push(manager.fields);
    folded.set(bucketKey, { bucket, parts });
    count--;
  }
  for (const [key, { bucket, parts }] of folded) managers.set(key, { ...bucket, fields: unionOf(parts) });
}

/** By halves: thousands of sets, one after the other into a large one, would copy that one each time. */
function unionOf(sets: readonly Fields[]): Fields {
  if (sets.length <= 1) return sets[0] ?? NO_FIELDS;
  const middle = sets.length >> 1;
  return union(unionOf(sets.slice(middle)), unionOf(sets.slice(0, middle)));
}

/** A manager's name as a request gives it: fieldManager, else what stands before the first / of the User-Agent, else unknown. */
export function managerName(request: { fieldManager?: string | undefined; userAgent?: string | undefined }): string {
  if (request.fieldManager) return request.fieldManager;
  const prefix = (request.userAgent ?? '').split('/')[0]!.trim().slice(0, 128);
  return prefix === '' ? 'unknown' : prefix;
}
