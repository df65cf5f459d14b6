/** `llmos kubeconfig`: prints the administrator's kubeconfig, for `KUBECONFIG=<(llmos kubeconfig)` or a file. */
import { existsSync, readFileSync } from 'node:fs';
import type { Command } from '../command.ts';
import { kubeconfigFile } from '../control.ts';

export const kubeconfig: Command = {
  usage: '',
  async run({ folders }) {
    const file = kubeconfigFile(folders);
    if (!existsSync(file)) throw new Error(`there is no kubeconfig yet; 'llmos up' makes it`);
    process.stdout.write(readFileSync(file, 'utf8'));
    return 0;
  },
};
