/** `llmos backup FILE`: copies the store of the running llmos to a file, mode 0600, while it works on. */
import { resolve } from 'node:path';
import { UsageError, type Command } from '../command.ts';
import { control } from '../control.ts';

export const backup: Command = {
  usage: 'FILE',
  async run({ positionals, folders }) {
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) throw new UsageError('usage: llmos backup FILE');
    await control(folders, 'POST', '/llmos/v1/backup', { body: { file: resolve(file) }, timeoutMs: 600_000 });
    console.log(`the store was copied to ${resolve(file)}; with llmos stopped, 'llmos restore --force ${file}' puts it back`);
    return 0;
  },
};
