/** Restore: puts a backup in the place of a store that is not running. */
import { chmodSync, closeSync, copyFileSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { databaseError } from './database-error.ts';
import { openRevisionLog } from './revision-log.ts';
import { isStoreError, StoreError } from './store.ts';

export interface RestoreOptions {
  /** A file that `backup()` made. */
  from: string;
  /** The folder of the store; it must not be open. */
  folder: string;
  /** Raises the revision, so that clients that saw later ones than the backup has are told to list again; default 1,000,000. */
  raiseRevisionBy?: number;
  /** Takes the place of a store that is there; without it that is refused with `exists`. */
  overwrite?: boolean;
}

/**
 * Checks the backup in whole, then swaps it in. What was there before is kept beside it as `store.db.replaced` until the next restore.
 * The revision is above every one that the backup or the replaced store ever gave. Gives the number of objects and the revision.
 * Throws `missing`, `exists`, `damaged` (nothing was changed), `locked`, `full`.
 */
export function restoreBackup({ from, folder, raiseRevisionBy = 1_000_000, overwrite = false }: RestoreOptions): { objects: number; revision: number } {
  if (!existsSync(from)) throw new StoreError('missing', `there is no backup ${from}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'store.db');
  if (!overwrite && existsSync(path)) throw new StoreError('exists', `there is a store in ${folder} already; it is replaced only when that is asked for, and kept beside the new one`);
  const fresh = `${path}.restoring`;
  try {
    copyFileSync(from, fresh);
    // A copied state folder has one; a backup has not.
    if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${fresh}-wal`);
    for (const file of [fresh, `${fresh}-wal`]) if (existsSync(file)) chmodSync(file, 0o600);
    const replacedRevision = lastRevisionOf(path);
    const restored = checkAndRaise(fresh, raiseRevisionBy, replacedRevision);
    setAside(path);
    renameSync(fresh, path);
    syncFolder(folder);
    return restored;
  } catch (error) {
    throw databaseError(error, path);
  } finally {
    for (const file of [fresh, `${fresh}-wal`]) rmSync(file, { force: true });
  }
}

function checkAndRaise(path: string, by: number, above: number): { objects: number; revision: number } {
  const revisions = openRevisionLog(path);
  try {
    const objects = revisions.live().reduce((count) => count + 1, 0);
    const revision = Math.max(revisions.lastRevision, above) + by;
    revisions.forget(revision);
    return { objects, revision };
  } finally {
    revisions.close();
  }
}

/** The newest revision of the store that is to be replaced; 0 when there is none, or none that can be read. Throws `locked`. */
function lastRevisionOf(path: string): number {
  if (!existsSync(path)) return 0;
  try {
    const revisions = openRevisionLog(path);
    revisions.close();
    return revisions.lastRevision;
  } catch (error) {
    if (isStoreError(error, 'damaged')) return 0;
    throw error;
  }
}

/** A name in a folder is on the disk when the folder is. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

function setAside(path: string): void {
  if (!existsSync(path)) return;
  for (const end of ['', '-wal']) {
    rmSync(`${path}.replaced${end}`, { force: true });
    if (existsSync(`${path}${end}`)) renameSync(`${path}${end}`, `${path}.replaced${end}`);
  }
}
