/** `llmos restore FILE`: puts a backup in the place of the store of a stopped llmos; the old store is kept beside it. */
import { copyFileSync, existsSync, mkdirSync, openSync, readSync, closeSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { runningPid } from '../../boot/pid-file.ts';
import { UsageError, type Command } from '../command.ts';

export const restore: Command = {
  usage: 'FILE',
  async run({ positionals, folders }) {
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) throw new UsageError('usage: llmos restore FILE');
    if (runningPid(folders.run) !== undefined) throw new Error("llmos is running; stop it with 'llmos down', restore, and start it again");
    if (!isDatabase(file)) throw new Error(`${file} is no backup made by 'llmos backup'`);
    const store = join(folders.state, 'store');
    const aside = `${store}.before-restore-${new Date().toISOString().replaceAll(':', '')}`;
    if (existsSync(store)) renameSync(store, aside);
    mkdirSync(store, { recursive: true, mode: 0o700 });
    copyFileSync(file, join(store, 'store.db'));
    console.log(`restored; ${existsSync(aside) ? `the old store is kept in ${aside}; ` : ''}'llmos up' boots with it`);
    return 0;
  },
};

function isDatabase(file: string): boolean {
  if (!existsSync(file)) return false;
  const head = Buffer.alloc(16);
  const handle = openSync(file, 'r');
  readSync(handle, head, 0, 16, 0);
  closeSync(handle);
  return head.toString('latin1') === 'SQLite format 3\0';
}
