/** What SQLite and the disk say, in the words of the store. */
import { readFileSync, statSync } from 'node:fs';
import { StoreError } from './store.ts';

const SQLITE_PERM = 3;
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
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
  if (code === 'EROFS' || primary === SQLITE_READONLY) return new StoreError('failed', `${path} cannot be written: its disk is mounted read-only (${message}). Mount it writable, or check the disk if the kernel did that by itself; then start llmos again. Nothing was lost`, { cause: error });
  if (code === 'EACCES' || code === 'EPERM' || primary === SQLITE_PERM || primary === SQLITE_CANTOPEN)
    return new StoreError('failed', `${path} may not be opened by user ${process.getuid?.()} (${message}): give the state folder and all in it back to the user that runs llmos (chown -R), with mode 0700. Nothing was lost`, { cause: error });
  if (code === 'ENOTDIR' || code === 'EISDIR' || code === 'EEXIST') return new StoreError('failed', `${path} is in the way (${message}): the store is a file in a folder of its own; move away what is there`, { cause: error });
  return new StoreError('failed', `the disk failed under ${path} (${message ?? String(error)}): the store only reads from now on; look at the disk, then restart llmos`, { cause: error });
}

export function damaged(path: string, what: string, cause?: unknown): StoreError {
  return new StoreError('damaged',
    `the store ${path} is damaged (${what}). Nothing was changed. 'llmos restore --force FILE' puts a backup in its place; docs/reference/recovery.md says what else can be done`, { cause });
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
