/** What SQLite and the disk say, in the words of the store. */
import { readFileSync, statSync } from 'node:fs';
import { StoreError } from './store.ts';

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

/** A StoreError for anything that was thrown while the database at `path` was used. */
export function databaseError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const { errcode, code, message } = error as { errcode?: number; code?: string; message?: string };
  const primary = errcode === undefined ? undefined : errcode & 0xff;
  if (primary === SQLITE_FULL || code === 'ENOSPC' || code === 'EDQUOT')
    return new StoreError('full', `no room left on the disk for ${path}: nothing was lost and nothing was written; free some space and try again`, { cause: error });
  if (primary === SQLITE_BUSY) return new StoreError('locked', `${path} is in use by ${lockHolder(path)}: stop that one first, or choose another state folder`, { cause: error });
  if (primary === SQLITE_CORRUPT || primary === SQLITE_NOTADB) return damaged(path, message ?? 'it cannot be read', error);
  return new StoreError('failed', `the disk failed under ${path} (${message ?? String(error)}): the store only reads from now on; look at the disk, then restart llmos`, { cause: error });
}

export function damaged(path: string, what: string, cause?: unknown): StoreError {
  return new StoreError('damaged',
    `the store ${path} is damaged (${what}). Nothing was changed. Put a backup in its place, or move ${path} and ${path}-wal away to begin with an empty cluster`, { cause });
}

/** Who holds the lock, as the kernel says it (proc_locks(5)). */
function lockHolder(path: string): string {
  try {
    const inode = `:${statSync(path).ino} `;
    const line = readFileSync('/proc/locks', 'utf8').split('\n').find((each) => each.includes(inode) && each.includes('POSIX'));
    const pid = line?.split(/\s+/)[4];
    return pid === undefined ? 'another process' : `another process (pid ${pid})`;
  } catch {
    return 'another process';
  }
}
