/**
 * The revision log: one SQLite table, a row a revision, never changed (but sealed in another way, when that is asked for) and only ever added to at its end.
 *
 * SQLite runs with synchronous=NORMAL, which does not wait for the disk at a commit; `sync()` does, off the event loop. Together
 * they are what synchronous=FULL does (docs/adr/0002-store.md). A checkpoint likewise writes first and then waits off the loop, and
 * nobody may append until it is done. The log never opens the database file a second time and closes its own descriptors last: closing
 * any descriptor of a file gives up this process's locks on it (fcntl(2)).
 */
import { chmodSync, closeSync, existsSync, fdatasync, fstatSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';
import { damaged, databaseError } from './database-error.ts';
import { fileRoom } from './file-room.ts';
import { reseal } from './reseal.ts';
import type { Seal } from './seal.ts';
import { StoreError } from './store.ts';
import { transaction } from './transaction.ts';
import { findWalDamage } from './wal-damage.ts';

export const ADDED = 0;
export const MODIFIED = 1;
export const DELETED = 2;
export type ChangeType = typeof ADDED | typeof MODIFIED | typeof DELETED;

export interface Change {
  revision: number;
  type: ChangeType;
  /** The revision of the state before; 0 for ADDED. */
  previous: number;
  key: string;
}

export interface Row extends Change {
  createRevision: number;
  /** Empty for a deletion whose last state is that of `previous`. */
  bytes: Buffer;
}

/** Rows with `after` < revision <= `upTo`, and with `from` <= key < `to` when given. */
export interface Span {
  after: number;
  upTo: number;
  from?: string;
  to?: string;
}

export interface RevisionLog {
  readonly db: DatabaseSync;
  readonly path: string;
  /** The newest revision that was ever given, also if its row was forgotten since; at least 1. */
  readonly lastRevision: number;
  readonly compactedRevision: number;
  /** How many rows were written anew when it was opened. */
  readonly resealed: number;
  /** Adds rows in one transaction; throws `full`, `failed`. They are safe after `sync()`. */
  append(rows: readonly Row[]): void;
  sync(): Promise<void>;
  /** About how much of the write-ahead log waits for a checkpoint. */
  readonly unwrittenBytes: number;
  /** `around` may run the step that needs room more than once. */
  checkpoint(around?: (fold: () => void) => void): Promise<void>;
  /** All live rows, in the order of revisions; throws `damaged`. */
  live(): Generator<Row>;
  rowAt(revision: number): Row | undefined;
  rows(span: Span, limit: number): Row[];
  changes(span: Span): Change[];
  /** Forgets what the revisions up to `upTo` have replaced: one step of a compaction. */
  forget(upTo: number): void;
  diskBytes(): number;
  close(): void;
}

const FORMAT = 1;
/** "llms": tells file(1) and us whose database it is. */
const APPLICATION_ID = 0x6c6c6d73;

const SCHEMA = `
  CREATE TABLE revisions (
    revision INTEGER PRIMARY KEY, type INTEGER NOT NULL, previous INTEGER NOT NULL, created INTEGER NOT NULL,
    sum INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL) STRICT;
  CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO facts VALUES ('compacted', 0);`;

const ROW = 'revision, type, previous, created, sum, key, value';
type RowArray = [number, ChangeType, number, number, number, string, Uint8Array];

const fdatasyncOf = promisify(fdatasync);

export interface RevisionLogOptions {
  maxDiskBytes?: number;
  /** Without one values are taken and given as they stand on the disk, sealed or not. */
  seal?: Seal;
  /** Writes anew what the seal would write in another way today. */
  reseals?: boolean;
}

/** Opens or makes the log at `path`. Throws `locked`, `sealed`, `damaged`, `full`, `failed`. */
export function openRevisionLog(path: string, options: RevisionLogOptions = {}): RevisionLog {
  let db: DatabaseSync | undefined;
  try {
    prepareFile(path);
    checkWal(path);
    db = new DatabaseSync(path, { timeout: 0 });
    prepareDatabase(db, path, options.maxDiskBytes);
    const resealed = options.seal !== undefined && options.reseals === true ? reseal(db, path, options.seal) : 0;
    return logOver(db, path, { seal: options.seal, resealed });
  } catch (error) {
    try {
      db?.close();
    } catch {
      // The first error says more.
    }
    throw databaseError(error, path);
  }
}

/** Plainly first: with `recursive` a read-only disk is called a missing folder. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
}

function prepareFile(path: string): void {
  makeFolder(dirname(path));
  if (existsSync(path)) chmodSync(path, 0o600);
  else closeSync(openSync(path, 'ax', 0o600));
}

/** Before SQLite sees it: it would take what is damaged for the end, and write over what is behind. */
function checkWal(path: string): void {
  const damage = findWalDamage(`${path}-wal`);
  if (damage === undefined) return;
  const what = `its write-ahead log is bad at byte ${damage.byte}, with ${damage.transactions} good transactions behind, which would be lost`;
  throw damaged(path, what);
}

function prepareDatabase(db: DatabaseSync, path: string, maxDiskBytes: number | undefined): void {
  db.exec('PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY');
  const format = numberOf(db, 'PRAGMA user_version');
  const application = numberOf(db, 'PRAGMA application_id');
  const tables = numberOf(db, 'SELECT count(*) FROM sqlite_schema');
  if (tables > 0 && application !== APPLICATION_ID) throw damaged(path, 'it is a database of another program');
  if (format > FORMAT) throw new StoreError('damaged', `${path} was written by a newer llmos (format ${format}, this one knows ${FORMAT}): use that version, or restore a backup that this one made; docs/reference/recovery.md says how`);
  if (tables === 0) db.exec(`BEGIN IMMEDIATE; PRAGMA application_id=${APPLICATION_ID}; PRAGMA user_version=${FORMAT}; ${SCHEMA} COMMIT`);
  if (maxDiskBytes !== undefined) db.exec(`PRAGMA max_page_count=${Math.ceil(maxDiskBytes / numberOf(db, 'PRAGMA page_size'))}`);
}

function logOver(db: DatabaseSync, path: string, { seal, resealed }: { seal: Seal | undefined; resealed: number }): RevisionLog {
  const walFile = openSync(`${path}-wal`, 'r+');
  const databaseFile = openSync(path, 'r+');
  const folder = openSync(dirname(path), 'r');
  fsyncSync(walFile);
  fsyncSync(folder);
  closeSync(folder);
  const room = fileRoom({ db, path, walFile, databaseFile });
  const insert = db.prepare('INSERT INTO revisions VALUES (?, ?, ?, ?, ?, ?, ?)');
  const byRevision = arrays(db.prepare(`SELECT ${ROW} FROM revisions WHERE revision = ?`));
  const inSpan = arrays(db.prepare(`SELECT ${ROW} FROM revisions WHERE revision > ? AND revision <= ? AND key >= ? AND key < ? ORDER BY revision LIMIT ?`));
  const changesInSpan = db.prepare('SELECT revision, type, previous, key FROM revisions WHERE revision > ? AND revision <= ? AND key >= ? AND key < ? ORDER BY revision');
  let compacted = numberOf(db, "SELECT value FROM facts WHERE name = 'compacted'");
  const last = Math.max(1, compacted, numberOf(db, 'SELECT coalesce(max(revision), 0) FROM revisions'));
  let unwrittenBytes = 0;

  function decode(row: unknown): Row {
    const [revision, type, previous, createRevision, sum, key, value] = row as RowArray;
    if (crc32(value) !== sum) throw damaged(path, `revision ${revision}, ${key}, is not what was written`);
    const bytes = seal === undefined ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : seal.open(key, value);
    return { revision, type, previous, createRevision, key, bytes };
  }

  function append(plain: readonly Row[]): void {
    const rows = seal === undefined ? plain : plain.map((row) => closed(row, seal));
    room.forRows(rows);
    transaction(db, path, () => {
      for (const row of rows) {
        insert.run(row.revision, row.type, row.previous, row.createRevision, crc32(row.bytes), row.key, row.bytes);
        unwrittenBytes += row.bytes.length + 4_096;
      }
      unwrittenBytes += 8_192;
    });
  }

  function forget(upTo: number): void {
    transaction(db, path, () => {
      db.prepare('DELETE FROM revisions WHERE revision IN (SELECT previous FROM revisions WHERE revision > ? AND revision <= ? AND previous > 0)').run(compacted, upTo);
      db.prepare('DELETE FROM revisions WHERE revision > ? AND revision <= ? AND type = ?').run(compacted, upTo, DELETED);
      db.prepare("UPDATE facts SET value = ? WHERE name = 'compacted'").run(upTo);
      unwrittenBytes += (upTo - compacted) * 4_096;
    });
    compacted = upTo;
  }

  function fold(): void {
    try {
      db.exec('PRAGMA synchronous=OFF; PRAGMA wal_checkpoint(PASSIVE)');
    } catch (error) {
      throw databaseError(error, path);
    }
  }

  async function checkpoint(around = (work: () => void): void => work()): Promise<void> {
    try {
      // Everything in the write-ahead log is on the disk: sync() comes first. So only the database file is to be waited for.
      await fdatasyncOf(walFile);
      around(fold);
      await fdatasyncOf(databaseFile);
      unwrittenBytes = 0;
      room.folded();
    } catch (error) {
      unwrittenBytes /= 2;
      throw databaseError(error, path);
    } finally {
      db.exec('PRAGMA synchronous=NORMAL');
    }
  }

  async function sync(): Promise<void> {
    try {
      await fdatasyncOf(walFile);
    } catch (error) {
      // What the kernel could not write it may have dropped: a second try would seem to work and prove nothing.
      throw new StoreError('failed', `${path} could not be brought to the disk (${(error as Error).message}): the store only reads from now on; look at the disk, then restart llmos`, { cause: error });
    }
  }

  function* live(): Generator<Row> {
    try {
      const statement = arrays(db.prepare(`SELECT ${ROW} FROM revisions WHERE type <> ? AND revision NOT IN (SELECT previous FROM revisions WHERE previous > 0) ORDER BY revision`));
      for (const row of statement.iterate(DELETED)) yield decode(row);
    } catch (error) {
      throw databaseError(error, path);
    }
  }

  return {
    db, path, resealed, append, sync, checkpoint, live, forget,
    lastRevision: last,
    get compactedRevision() { return compacted; },
    get unwrittenBytes() { return unwrittenBytes; },
    rowAt(revision) {
      const row = byRevision.get(revision);
      return row === undefined ? undefined : decode(row);
    },
    rows: (span, limit) => inSpan.all(span.after, span.upTo, span.from ?? '', span.to ?? '\u{10ffff}', limit).map(decode),
    changes: (span) => changesInSpan.all(span.after, span.upTo, span.from ?? '', span.to ?? '\u{10ffff}') as unknown as Change[],
    diskBytes: () => fstatSync(databaseFile).size + fstatSync(walFile).size,
    close() {
      const pages = room.pages();
      db.close();
      room.giveBack(pages);
      closeSync(walFile);
      closeSync(databaseFile);
    },
  };
}

/** The row itself where its value stands plainly. */
function closed(row: Row, seal: Seal): Row {
  const bytes = seal.close(row.key, row.bytes);
  return bytes === row.bytes ? row : { ...row, bytes };
}

function arrays(statement: StatementSync): StatementSync {
  statement.setReturnArrays(true);
  return statement;
}

function numberOf(db: DatabaseSync, sql: string): number {
  return Number(Object.values(db.prepare(sql).get() ?? {})[0] ?? 0);
}
