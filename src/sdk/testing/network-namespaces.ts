/** Network namespaces for a test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, runAny } from '../../base/sys/run.ts';
import { whenToldToEnd } from './told-to-end.ts';

/** Makes them, and a folder for temporary files; takes all of it back when `work` has settled, with what still runs in the namespaces. */
export async function inNetworkNamespaces(names: readonly string[], work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-netns-'));
  const remove = async (): Promise<void> => {
    for (const name of names) await removeNamespace(name);
    rmSync(folder, { recursive: true, force: true });
  };
  const forget = whenToldToEnd(remove);
  try {
    for (const name of names) await run('ip', ['netns', 'add', name]);
    await work(folder);
  } finally {
    await remove();
    forget();
  }
}

async function removeNamespace(name: string): Promise<void> {
  for (const pid of (await runAny('ip', ['netns', 'pids', name])).stdout.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
  await runAny('ip', ['netns', 'del', name]);
}
