/**
 * The mount namespace of an instance, as `setup/in-namespace` makes it: kept by a bind mount in the run folder, which lies in the namespace of
 * whoever started llmos. A boot that failed and made it leaves it as little as it leaves anything else.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runAny } from '../base/sys/run.ts';
import type { Folders } from './config.ts';

/** What the launcher says when this start made the namespace; otherwise an earlier one did. */
const MADE_NOW = 'made';

/** Mount points at or below the folders, the deepest first, as the process `pid` sees them. */
export function mountsUnder(folders: readonly string[], pid: number | 'self' = 'self'): string[] {
  const targets = readFileSync(`/proc/${pid}/mounts`, 'utf8').split('\n').map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '));
  return targets.filter((target) => folders.some((folder) => target === folder || target.startsWith(`${folder}/`))).reverse();
}

/** Lets go of the namespace that this start made, unless containers of it are there. Never rejects: the failed boot is what is to be told. */
export async function dropOwnNamespace(folders: Folders): Promise<void> {
  if (process.env['LLMOS_INSIDE'] !== MADE_NOW || hasContainers(folders)) return;
  const outside = process.ppid;
  try {
    for (const target of mountsUnder([folders.run, join(folders.state, 'images')], outside)) await runAny('nsenter', [`--mount=/proc/${outside}/ns/mnt`, 'umount', '-l', target], { timeoutMs: 5_000 });
  } catch {
    // The one who started llmos is gone: `llmos down` takes it away.
  }
}

function hasContainers({ run }: Folders): boolean {
  return [join(run, 'node'), ...(existsSync(join(run, 'nodes')) ? readdirSync(join(run, 'nodes')).map((name) => join(run, 'nodes', name)) : [])]
    .some((folder) => existsSync(join(folder, 'bundles')) && readdirSync(join(folder, 'bundles')).length > 0);
}
