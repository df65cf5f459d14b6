/**
 * Room on the disk for what SQLite will write, had before it is needed: the write-ahead log is as long as it gets between two checkpoints, and the
 * database file has the pages that stand in the log only so far. So a commit within them, and the checkpoint after it, find room whoever fills the
 * disk meanwhile. Both files end in zeros then, which SQLite takes for no frames and no pages (https://www.sqlite.org/fileformat2.html, 1.3.7 and 4.1).
 */
import { existsSync, fstatSync, ftruncateSync, writeSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { databaseError } from './database-error.ts';

export interface FileRoom {
  /** Has room in the database file for rows of so many bytes; throws `full`. */
  forRows(rows: readonly { key: string; bytes: Buffer }[]): void;
  /** A checkpoint is done: SQLite has cut the file to its pages. */
  folded(): void;
  /** How many pages the database has. */
  pages(): number;
  /** After the database was closed: cuts off what was not used, unless the log was left behind. */
  giveBack(pages: number): void;
}

/** A checkpoint is due at 2 MiB; a group of writes and a step of a compaction may come on top. */
const LOG_BYTES = 3 * 1_024 * 1_024;
const AHEAD_BYTES = 256 * 1_024;
const ZEROS = Buffer.alloc(64 * 1_024);
/** What a row takes beside its key and value, with a page's header shared out. */
const ROW_BYTES = 96;
/** Pages of the tree above the rows. */
const TREE_PAGES = 4;

export function fileRoom({ db, path, walFile, databaseFile }: { db: DatabaseSync; path: string; walFile: number; databaseFile: number }): FileRoom {
  const pageBytes = numberOf(db, 'page_size');
  const count = db.prepare('PRAGMA page_count');
  const free = db.prepare('PRAGMA freelist_count');
  count.setReturnArrays(true);
  free.setReturnArrays(true);
  const value = (statement: typeof count): number => (statement.get() as unknown as [number])[0];
  let fileBytes = fstatSync(databaseFile).size;

  extend(walFile, fstatSync(walFile).size, LOG_BYTES);

  function forRows(rows: readonly { key: string; bytes: Buffer }[]): void {
    let bytes = 0;
    let pages = TREE_PAGES;
    for (const row of rows) {
      bytes += ROW_BYTES + row.key.length + Math.min(row.bytes.length, pageBytes);
      pages += Math.floor(row.bytes.length / (pageBytes - 4));
    }
    pages += Math.ceil((2 * bytes) / pageBytes); // a page may be left half empty by rows that do not fit
    const neededBytes = (value(count) + Math.max(0, pages - value(free))) * pageBytes;
    if (neededBytes <= fileBytes) return;
    fileBytes = extend(databaseFile, fileBytes, neededBytes + AHEAD_BYTES);
    if (fileBytes < neededBytes) throw databaseError({ code: 'ENOSPC' }, path);
  }

  return {
    forRows,
    folded: () => void (fileBytes = fstatSync(databaseFile).size),
    pages: () => value(count),
    giveBack(pages) {
      if (!existsSync(`${path}-wal`)) ftruncateSync(databaseFile, pages * pageBytes);
    },
  };
}

/** Gives how long the file is then; shorter than wanted where the disk has no room. */
function extend(file: number, fromBytes: number, toBytes: number): number {
  let bytes = fromBytes;
  try {
    while (bytes < toBytes) bytes += writeSync(file, ZEROS, 0, Math.min(ZEROS.length, toBytes - bytes), bytes);
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  return bytes;
}

function numberOf(db: DatabaseSync, pragma: string): number {
  return Number(Object.values(db.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
}
