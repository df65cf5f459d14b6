/** Snapshots of the store as the command line shows them. */
import { isJsonObject } from '../api/json.ts';
import type { KubeObject } from '../api/meta.ts';
import type { SnapshotDifference, SnapshotInfo, Store } from '../kernel/store/index.ts';
import type { SnapshotControls } from './control-routes.ts';

export type SnapshotView = SnapshotInfo;

/** One object that differs, seen from the snapshot to the present: 'added' exists now only. */
export interface SnapshotChange {
  type: SnapshotDifference['type'];
  /** `deployments.apps` */
  resource: string;
  namespace?: string;
  name: string;
  /** The fields that differ, as `spec.replicas`; of a modified object only. */
  fields: string[];
}

/** More fields than these are said by their parents. */
const MOST_FIELDS = 8;

export function snapshotControls({ snapshots }: Store): SnapshotControls {
  return {
    list: () => snapshots.list(),
    take: (name) => snapshots.create(name),
    delete: (name) => snapshots.delete(name),
    diff: async (name) => (await snapshots.diff(name)).map(changeOf),
    restore: (name) => snapshots.restore(name),
  };
}

function changeOf({ key, type, before, now }: SnapshotDifference): SnapshotChange {
  const [, group = '', plural = '', ...rest] = key.split('/');
  const name = rest.at(-1) ?? '';
  const resource = group === 'core' ? plural : `${plural}.${group}`;
  const fields = before === undefined || now === undefined ? [] : changedFields(before.object, now.object);
  return { type, resource, ...(rest.length > 1 ? { namespace: rest[0] } : {}), name, fields };
}

/** The paths at which two objects differ; what the server itself counts and keeps is left out. */
export function changedFields(before: KubeObject, now: KubeObject): string[] {
  for (let depth = 6; depth > 1; depth--) {
    const fields = [...new Set(pathsOf(plain(before), plain(now), '', depth))];
    if (fields.length <= MOST_FIELDS) return fields;
  }
  return pathsOf(plain(before), plain(now), '', 1);
}

function plain({ metadata, ...rest }: KubeObject): unknown {
  const { resourceVersion: _version, managedFields: _managers, generation: _generation, ...others } = metadata;
  return { metadata: others, ...rest };
}

function pathsOf(before: unknown, now: unknown, path: string, depth: number): string[] {
  if (JSON.stringify(before) === JSON.stringify(now)) return [];
  if (depth === 0 || !isJsonObject(before) || !isJsonObject(now)) return [path];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
  return keys.flatMap((key) => pathsOf(before[key], now[key], path === '' ? key : `${path}${/^[\w-]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`}`, depth - 1));
}
