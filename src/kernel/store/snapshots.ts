/** Named snapshots: whole copies of the database in `snapshots/NAME@REVISION.db`, compared with the present and gone back to. */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { backup as copyDatabase, type DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../api/meta.ts';
import { creation, deletion, replacement, type Changing } from './change.ts';
import { databaseError } from './database-error.ts';
import type { LiveObjects } from './live-objects.ts';
import { openRevisionLog, type Row } from './revision-log.ts';
import type { Seal } from './seal.ts';
import { StoreError, type SnapshotDifference, type SnapshotInfo, type Snapshots, type Stored } from './store.ts';
import type { StoredObject } from './stored-object.ts';

export interface SnapshotSource extends Changing {
  live: LiveObjects;
  revision(): number;
  copyTo(path: string): Promise<void>;
  seal: Seal;
  stored(row: Row): StoredObject;
}

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const FILE = /^(?<name>[a-z0-9-]+)@(?<revision>\d+)\.db$/;
const ROWS_PER_TURN = 500;
const PAGES_A_STEP = 200;
const MOST_ATTEMPTS = 20;
const RETRY_MS = 5;

/** Copies a database while it is in use: whole, on the disk, mode 0600, and never seen half done. */
export async function copyWhole(db: DatabaseSync, path: string): Promise<void> {
  const partial = `${path}.partial`;
  try {
    closeSync(openSync(partial, 'w', 0o600));
    chmodSync(partial, 0o600);
    await copyPages(db, partial);
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

/**
 * A step that meets a commit of the same connection may fail without an error of its own, and Node.js then gives the whole copy up with SQLite's words for
 * none: it is begun again.
 */
async function copyPages(db: DatabaseSync, partial: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await copyDatabase(db, partial, { rate: PAGES_A_STEP });
      return;
    } catch (error) {
      if (attempt === MOST_ATTEMPTS || (error as Error).message !== 'not an error') throw error;
      closeSync(openSync(partial, 'w', 0o600));
      await pause(attempt * RETRY_MS);
    }
  }
}

export function createSnapshots(folder: string, source: SnapshotSource): Snapshots {
  removeUnfinished(folder);
  let last: Promise<unknown> = Promise.resolve();

  /** One after the other: two of one name, or two readers of one file, would be in each other's way. */
  function inTurn<A extends unknown[], T>(work: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return (...args) => {
      const mine = last.then(() => work(...args));
      last = mine.catch(() => {});
      return mine;
    };
  }

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
    return differencesOf(before, liveNow());
  }

  function* liveNow(): Generator<StoredObject> {
    for (const range of source.live.ranges('/')) yield* range.items.slice(range.from, range.to);
  }

  /** What lives when all writes under way have come through. */
  function* newest(): Generator<StoredObject> {
    const pending = new Set(source.writer.pendingKeys());
    for (const now of liveNow()) if (!pending.has(now.key)) yield now;
    for (const key of pending) {
      const stored = source.writer.newest(key);
      if (stored !== undefined) yield stored;
    }
  }

  async function readAll(name: string): Promise<Map<string, StoredObject>> {
    const rows = new Map<string, StoredObject>();
    const revisions = openRevisionLog(pathOf(folder, find(name)), { seal: source.seal });
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
    const before = await readAll(name);
    // From here on nothing may come between: the writes are made in one go, against the newest state with the writes under way.
    const differences = differencesOf(before, newest());
    await source.writer.submit(differences.flatMap((difference) => backTo(source, difference)));
    return differences.length;
  }

  async function remove(name: string): Promise<void> {
    rmSync(pathOf(folder, find(name)));
  }

  return { create: inTurn(create), list, diff: inTurn(diff), restore: inTurn(restore), delete: inTurn(remove) };
}

/** What a process that was killed had begun. */
function removeUnfinished(folder: string): void {
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder)) if (/\.new(\.partial)?(-wal|-journal)?$/.test(file)) rmSync(join(folder, file), { force: true });
}

function differencesOf(before: ReadonlyMap<string, StoredObject>, present: Iterable<StoredObject>): SnapshotDifference[] {
  const gone = new Map(before);
  const differences: SnapshotDifference[] = [];
  for (const now of present) {
    const then = before.get(now.key);
    gone.delete(now.key);
    if (then === undefined) differences.push({ key: now.key, type: 'added', now });
    else if (!sameContent(then, now)) differences.push({ key: now.key, type: 'modified', before: then, now });
  }
  for (const then of gone.values()) differences.push({ key: then.key, type: 'deleted', before: then });
  return differences.sort((a, b) => (a.key < b.key ? -1 : 1));
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
