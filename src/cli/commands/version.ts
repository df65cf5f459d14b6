/** `llmos version`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from '../command.ts';

export const version: Command = {
  usage: '',
  async run() {
    const { version: ours } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../../package.json'), 'utf8')) as { version: string };
    console.log(`llmos ${ours} (Node.js ${process.versions.node})`);
    return 0;
  },
};
