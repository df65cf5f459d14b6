/** All that is done in one transaction is done, or nothing of it. */
import type { DatabaseSync } from 'node:sqlite';
import { databaseError } from './database-error.ts';

/** Throws what `work` throws as a StoreError. */
export function transaction(db: DatabaseSync, path: string, work: () => void): void {
  try {
    db.exec('BEGIN IMMEDIATE');
    work();
    db.exec('COMMIT');
  } catch (error) {
    rollback(db);
    throw databaseError(error, path);
  }
}

function rollback(db: DatabaseSync): void {
  try {
    if (db.isTransaction) db.exec('ROLLBACK');
  } catch {
    // SQLite has rolled back by itself, or will when the database is opened again; the first error says more.
  }
}
