/** What is on the disk in another way than it would be written today (keys that were changed, resources that were named) is written anew, history included. */
import type { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import type { Seal } from './seal.ts';

const ROWS_A_STEP = 500;

/** Gives how many values were written anew. All of them are, or none. What they were is overwritten, in the write-ahead log too. Throws `sealed`. */
export function reseal(db: DatabaseSync, seal: Seal): number {
  const { secure_delete: deletes } = db.prepare('PRAGMA secure_delete').get() as { secure_delete: number };
  db.exec('PRAGMA secure_delete=ON');
  const read = db.prepare('SELECT revision, key, value FROM revisions WHERE revision > ? ORDER BY revision LIMIT ?');
  const write = db.prepare('UPDATE revisions SET sum = ?, value = ? WHERE revision = ?');
  let count = 0;
  db.exec('BEGIN IMMEDIATE');
  try {
    for (let after = 0; ;) {
      const rows = read.all(after, ROWS_A_STEP) as unknown as { revision: number; key: string; value: Uint8Array }[];
      for (const { revision, key, value } of rows) {
        if (seal.isCurrent(key, value)) continue;
        const sealed = seal.close(key, seal.open(key, value));
        write.run(crc32(sealed), sealed, revision);
        count += 1;
      }
      if (rows.length < ROWS_A_STEP) break;
      after = rows.at(-1)!.revision;
    }
    db.exec('COMMIT');
  } catch (error) {
    db.exec('ROLLBACK');
    throw error;
  }
  // Else they would stand in the log until others take their place; also those that a process left which was killed here.
  db.exec(`PRAGMA wal_checkpoint(TRUNCATE); PRAGMA secure_delete=${['OFF', 'ON', 'FAST'][deletes] ?? 'ON'}`);
  return count;
}
