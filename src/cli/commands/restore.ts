/** `llmos restore FILE`: puts a backup in the place of the store of a stopped llmos; the old store is kept beside it. */
import { existsSync } from 'node:fs';
import { UsageError, type Command } from '../command.ts';

export const restore: Command = {
  usage: '[--force] FILE',
  flags: { force: { type: 'boolean' } },
  async run({ positionals, flags, folders }) {
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) throw new UsageError(`usage: llmos restore ${restore.usage}`);
    const { replacedStoreOf, restoreState } = await import('../../boot/restore-state.ts');
    const replaces = existsSync(`${folders.state}/store/store.db`);
    if (replaces && flags['force'] !== true) throw new Error(`there is a store in ${folders.state} already; 'llmos restore --force ${file}' replaces it, and keeps it as ${replacedStoreOf(folders)}`);
    const { objects, revision } = restoreState(folders, file, { overwrite: flags['force'] === true });
    console.log(`restored ${objects} objects at revision ${revision}; ${replaces ? `the old store is kept as ${replacedStoreOf(folders)}; ` : ''}'llmos up' boots with it`);
    return 0;
  },
};
