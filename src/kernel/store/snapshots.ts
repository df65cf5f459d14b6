/** Named snapshots: whole copies of the database in `snapshots/NAME@REVISION.db`, compared with the present and gone back to. */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { backup as copyDatabase, type DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../api/meta.ts';
import { creation, deletion, replacement, type Changing } from './change.ts';
import { databaseError } from './database-error.ts';
import type { LiveObjects } from './live-objects.ts';
import { openRevisionLog, type Row } from './revision-log.ts';
import { StoreError, type SnapshotDifference, type SnapshotInfo, type Snapshots, type Stored } from './store.ts';
import type { StoredObject } from './stored-object.ts';

export interface SnapshotSource extends Changing {
  live: LiveObjects;
  revision(): number;
  copyTo(path: string): Promise<void>;
  stored(row: Row): StoredObject;
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const FILE = /^(?<name>[a-z0-9-]+)@(?<revision>\d+)\.db$/;
const ROWS_PER_TURN = 500;

/** Copies a database while it is in use: whole, on the disk, mode 0600, and never seen half done. */
export async function copyWhole(db: DatabaseSync, path: string): Promise<void> {
  const partial = `${path}.partial`;
  try {
    closeSync(openSync(partial, 'w', 0o600));
    chmodSync(partial, 0o600);
    await copyDatabase(db, partial, { rate: 200 });
    const file = await open(partial, 'r+');
    await file.sync().finally(() => file.close());
    renameSync(partial, path);
    const folder = await open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    rmSync(partial, { force: true });
    const failure = databaseError(error, path);
    throw failure.code === 'failed' ? new StoreError('failed', `the copy ${path} cannot be written (${(error as Error).message}); the store itself is well`, { cause: error }) : failure;
  }
}

export function createSnapshots(folder: string, source: SnapshotSource): Snapshots {
  function list(): SnapshotInfo[] {
    if (!existsSync(folder)) return [];
    return readdirSync(folder).flatMap((file) => infoOf(folder, file)).sort((a, b) => a.revision - b.revision || (a.name < b.name ? -1 : 1));
  }

  function find(name: string): SnapshotInfo {
    const found = list().find((each) => each.name === name);
    if (found === undefined) throw new StoreError('missing', `there is no snapshot ${JSON.stringify(name)}`);
    return found;
  }

  async function create(name: string): Promise<SnapshotInfo> {
    if (!NAME.test(name)) throw new StoreError('invalid', `a snapshot is named by lower-case letters, digits and "-", at most 63, not ${JSON.stringify(name.slice(0, 100))}`);
    if (list().some((each) => each.name === name)) throw new StoreError('exists', `there is a snapshot ${name} already: delete it, or choose another name`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `${name}.new`);
    await source.copyTo(path);
    const revision = revisionIn(path);
    renameSync(path, pathOf(folder, { name, revision }));
    return find(name);
  }

  async function diff(name: string): Promise<SnapshotDifference[]> {
    const before = await readAll(name);
    const differences: SnapshotDifference[] = [];
    for (const range of source.live.ranges('/')) {
      for (const now of range.items.slice(range.from, range.to)) {
        const then = before.get(now.key);
        before.delete(now.key);
        if (then === undefined) differences.push({ key: now.key, type: 'added', now });
        else if (!sameContent(then, now)) differences.push({ key: now.key, type: 'modified', before: then, now });
      }
    }
    for (const then of before.values()) differences.push({ key: then.key, type: 'deleted', before: then });
    return differences.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async function readAll(name: string): Promise<Map<string, StoredObject>> {
    const rows = new Map<string, StoredObject>();
    const revisions = openRevisionLog(pathOf(folder, find(name)));
    try {
      for (const row of revisions.live()) {
        rows.set(row.key, source.stored(row));
        if (rows.size % ROWS_PER_TURN === 0) await nextTurn();
      }
    } finally {
      revisions.close();
    }
    return rows;
  }

  async function restore(name: string): Promise<number> {
    await source.writer.settled();
    const differences = await diff(name);
    // From here on nothing may come between: the writes are made against the newest state in one go.
    await source.writer.submit(differences.flatMap((difference) => backTo(source, difference)));
    return differences.length;
  }

  async function remove(name: string): Promise<void> {
    rmSync(pathOf(folder, find(name)));
  }

  return { create, list, diff, restore, delete: remove };
}

function backTo(source: SnapshotSource, { key, before }: SnapshotDifference) {
  const newest = source.writer.newest(key);
  if (before === undefined) return newest === undefined ? [] : [deletion(source, key, {})];
  return [newest === undefined ? creation(source, key, before.object) : replacement(source, key, before.object, { revision: newest.revision })];
}

function infoOf(folder: string, file: string): SnapshotInfo[] {
  const { name, revision } = FILE.exec(file)?.groups ?? {};
  if (name === undefined) return [];
  const { size, mtimeMs } = statSync(join(folder, file));
  return [{ name, revision: Number(revision), createdMs: Math.round(mtimeMs), sizeBytes: size }];
}

function pathOf(folder: string, info: { name: string; revision: number }): string {
  return join(folder, `${info.name}@${info.revision}.db`);
}

function revisionIn(path: string): number {
  const revisions = openRevisionLog(path);
  const revision = revisions.lastRevision;
  revisions.close();
  return revision;
}

function sameContent(one: Stored, other: Stored): boolean {
  return one.revision === other.revision || isDeepStrictEqual(withoutVersion(one.object), withoutVersion(other.object));
}

function withoutVersion(object: KubeObject): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: undefined } };
}
