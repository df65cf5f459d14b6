/** `llmos kubectl ARG ...`: kubectl, pointed at this llmos; fetched on first use where the machine has none. */
import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { run, start } from '../../base/sys/run.ts';
import type { Command } from '../command.ts';
import { kubeconfigFile } from '../control.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const OWN = join(ROOT, '.cache/kubectl/usr/bin/kubectl');

export const kubectl: Command = {
  usage: 'ARG ...',
  raw: true,
  async run({ positionals, folders }) {
    const child = start(await findKubectl(), positionals, { stdio: 'inherit', env: { ...process.env, KUBECONFIG: kubeconfigFile(folders) } });
    return new Promise((resolveCode, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolveCode(code ?? (signal === null ? 1 : 130)));
    });
  },
};

/** The one that was fetched, else the machine's, else one that is fetched now. */
async function findKubectl(): Promise<string> {
  const machines = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'kubectl'));
  const found = [OWN, ...machines].find((file) => existsSync(file));
  if (found !== undefined) return found;
  console.error('llmos: this machine has no kubectl; fetching one from the package mirror');
  return (await run('sh', [join(ROOT, 'setup/kubectl')])).trim();
}
