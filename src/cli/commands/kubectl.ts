/** `llmos kubectl ARG ...`: the kubectl of the machine, pointed at this llmos. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { start } from '../../base/sys/run.ts';
import type { Command } from '../command.ts';
import { kubeconfigFile } from '../control.ts';

const OWN = resolve(import.meta.dirname, '../../../.cache/kubectl/usr/bin/kubectl');

export const kubectl: Command = {
  usage: 'ARG ...',
  raw: true,
  run({ positionals, folders }) {
    const program = existsSync(OWN) ? OWN : 'kubectl';
    const child = start(program, positionals, { stdio: 'inherit', env: { ...process.env, KUBECONFIG: kubeconfigFile(folders) } });
    return new Promise((resolveCode, reject) => {
      child.once('error', () => reject(new Error("kubectl is not installed; install it, or run 'sh setup/kubectl'")));
      child.once('exit', (code) => resolveCode(code ?? 1));
    });
  },
};
