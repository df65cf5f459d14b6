/** Gives a volume to the group of a pod (core/v1 PodSecurityContext.fsGroup and fsGroupChangePolicy; upstream: pkg/volume/volume_linux.go). */
import { statSync } from 'node:fs';
import { run } from '../../../base/sys/run.ts';

const TIMEOUT_MS = 10 * 60_000;

/** What is in it too: links keep what they lead to. With `OnRootMismatch` nothing is done when the folder itself is the group's already. */
export async function ownByGroup(path: string, group: number, policy: 'Always' | 'OnRootMismatch'): Promise<void> {
  const { gid, mode } = statSync(path);
  if (policy === 'OnRootMismatch' && gid === group && (mode & 0o2070) === 0o2070) return;
  // Changing the owner may take the bit of the group away, so that comes first.
  await run('chown', ['-hR', `:${group}`, path], { timeoutMs: TIMEOUT_MS });
  await run('find', [path, '-type', 'd', '-exec', 'chmod', 'ug+rwx,g+s', '{}', '+', '-o', '-type', 'f', '-exec', 'chmod', 'ug+rw', '{}', '+'], { timeoutMs: TIMEOUT_MS });
}
