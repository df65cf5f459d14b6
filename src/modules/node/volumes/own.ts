/** Gives a volume to the group of a pod (core/v1 PodSecurityContext.fsGroup). */
import { statSync } from 'node:fs';
import { run } from '../../../base/sys/run.ts';

/** What is in it too; nothing is done when the folder itself is the group's already. */
export async function ownByGroup(path: string, group: number): Promise<void> {
  const { gid, mode } = statSync(path);
  if (gid === group && (mode & 0o2070) === 0o2070) return;
  await run('chown', ['-hR', `:${group}`, path]);
  await run('chmod', ['-R', 'ug+rwX', path]);
  await run('find', [path, '-type', 'd', '-exec', 'chmod', 'g+s', '{}', '+']);
}
