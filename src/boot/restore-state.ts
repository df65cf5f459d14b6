/** Puts a backup in the place of the store of a stopped llmos. */
import { join } from 'node:path';
import { restoreBackup } from '../kernel/store/index.ts';
import type { Folders } from './config.ts';
import { runningPid } from './pid-file.ts';

/** Where the replaced store is kept until the next restore. */
export function replacedStoreOf(folders: Folders): string {
  return join(folders.state, 'store', 'store.db.replaced');
}

/** Throws while llmos runs, and a StoreError: `missing`, `damaged`, `exists` (there is a store and `overwrite` is not said), `full`. */
export function restoreState(folders: Folders, file: string, options: { overwrite: boolean }): { objects: number; revision: number } {
  if (runningPid(folders.run) !== undefined) throw new Error("llmos is running; stop it with 'llmos down', restore, and start it again");
  return restoreBackup({ from: file, folder: join(folders.state, 'store'), overwrite: options.overwrite });
}
