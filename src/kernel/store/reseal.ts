/** What is on the disk in another way than it would be written today (keys that were changed, resources that were named) is written anew, history included. */
import type { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { damaged } from './database-error.ts';
import type { Seal } from './seal.ts';
import { transaction } from './transaction.ts';

interface Row { revision: number; sum: number; key: string; value: Uint8Array }

/** Stands among the facts from when values were written anew until nothing of what they were is left in the files. */
const UNWIPED = 'unwiped';

/** Gives how many values were written anew. All of them are, or none. Throws `sealed`, `damaged`, `full`, `failed`. */
export function reseal(db: DatabaseSync, path: string, seal: Seal): number {
  const behind = revisionsBehind(db, seal);
  if (behind.length > 0) transaction(db, path, () => writeAnew(db, path, { seal, revisions: behind }));
  // Also what a process left which was killed in between, or found no room.
  if (db.prepare('SELECT 1 FROM facts WHERE name = ?').get(UNWIPED) !== undefined) wipe(db);
  return behind.length;
}

function revisionsBehind(db: DatabaseSync, seal: Seal): number[] {
  const revisions: number[] = [];
  for (const { revision, key, value } of db.prepare('SELECT revision, key, value FROM revisions').iterate() as unknown as Iterable<Row>) if (!seal.isCurrent(key, value)) revisions.push(revision);
  return revisions;
}

function writeAnew(db: DatabaseSync, path: string, { seal, revisions }: { seal: Seal; revisions: readonly number[] }): void {
  const read = db.prepare('SELECT revision, sum, key, value FROM revisions WHERE revision = ?');
  const write = db.prepare('UPDATE revisions SET sum = ?, value = ? WHERE revision = ?');
  for (const each of revisions) {
    const { revision, sum, key, value } = read.get(each) as unknown as Row;
    // A new sum would make what is damaged look well.
    if (crc32(value) !== sum) throw damaged(path, `revision ${revision}, ${key}, is not what was written`);
    const sealed = seal.close(key, seal.open(key, value));
    write.run(crc32(sealed), sealed, revision);
  }
  db.prepare('INSERT OR REPLACE INTO facts VALUES (?, 1)').run(UNWIPED);
}

/** Old values stand in pages that nothing uses, between the rows of those that are used, and in the write-ahead log: the file is made anew of its rows, and the log is emptied. */
function wipe(db: DatabaseSync): void {
  db.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
  db.prepare('DELETE FROM facts WHERE name = ?').run(UNWIPED);
}
