/** Restore: puts a backup in the place of a store that is not running. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openRevisionLog } from './revision-log.ts';
import { isStoreError, StoreError } from './store.ts';

export interface RestoreOptions {
  /** A file that `backup()` made. */
  from: string;
  /** The folder of the store; it must not be open. */
  folder: string;
  /** Raises the revision, so that clients that saw later ones than the backup has are told to list again; default 1,000,000. */
  raiseRevisionBy?: number;
}

/**
 * Checks the backup in whole, then swaps it in. What was there before is kept beside it as `store.db.replaced` until the next restore.
 * Gives the number of objects and the revision. Throws `missing`, `damaged` (nothing was changed), `locked`, `full`.
 */
export function restoreBackup({ from, folder, raiseRevisionBy = 1_000_000 }: RestoreOptions): { objects: number; revision: number } {
  if (!existsSync(from)) throw new StoreError('missing', `there is no backup ${from}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'store.db');
  const fresh = `${path}.restoring`;
  try {
    copyFileSync(from, fresh);
    chmodSync(fresh, 0o600);
    const restored = checkAndRaise(fresh, raiseRevisionBy);
    setAside(path);
    renameSync(fresh, path);
    return restored;
  } finally {
    for (const file of [fresh, `${fresh}-wal`]) rmSync(file, { force: true });
  }
}

function checkAndRaise(path: string, by: number): { objects: number; revision: number } {
  const revisions = openRevisionLog(path);
  try {
    const objects = revisions.live().reduce((count) => count + 1, 0);
    const revision = revisions.lastRevision + by;
    revisions.forget(revision);
    return { objects, revision };
  } finally {
    revisions.close();
  }
}

function setAside(path: string): void {
  if (!existsSync(path)) return;
  try {
    openRevisionLog(path).close();
  } catch (error) {
    if (!isStoreError(error, 'damaged')) throw error;
  }
  for (const end of ['', '-wal']) {
    rmSync(`${path}.replaced${end}`, { force: true });
    if (existsSync(`${path}${end}`)) renameSync(`${path}${end}`, `${path}.replaced${end}`);
  }
}
