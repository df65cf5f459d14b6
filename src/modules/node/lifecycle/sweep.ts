/** Takes away what no pod of this node owns any more: folders of pods and containers that went away while llmos, or the machine, was down. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { podCgroups, podsWithCgroups, removePodCgroup } from '../cgroup/layout.ts';
import { removeLogs } from '../logs/folders.ts';
import type { NodeParts } from '../parts.ts';
import { namesIn } from '../read-files.ts';
import { closeProcessNamespace } from '../sandbox/process-namespace.ts';
import { tearDownVolumes } from '../volumes/set-up.ts';

/** What lay there before the first pod was looked at; only such things are swept, since pods begin meanwhile. */
export interface Remains {
  podUids: readonly string[];
  containerIds: readonly string[];
  logs: readonly string[];
}

export function remainsOf(parts: NodeParts): Remains {
  const { paths, pool, hostPorts, users } = parts;
  return { podUids: [...new Set([...namesIn(paths.pods), ...namesIn(paths.podsRun), ...pool.owners(), ...hostPorts.owners(), ...users.owners(), ...parts.claims.owners(), ...podsWithCgroups(groupsOf(parts))])], containerIds: namesIn(paths.containers), logs: namesIn(paths.logs) };
}

/** `owned` tells of the pods that are here, `recorded` of the containers that have a record. */
export async function sweep(parts: NodeParts, remains: Remains, known: { owned: (uid: string) => boolean; recorded: (id: string) => boolean }): Promise<void> {
  const { paths, pool, hostPorts, users, context } = parts;
  for (const uid of remains.podUids) {
    if (known.owned(uid)) continue;
    await parts.claims.release(uid);
    await users.release(uid).catch((error: Error) => context.log.warn('the users of a pod could not be given back', { pod: uid, error }));
    await hostPorts.release(uid).catch((error: Error) => context.log.warn('the ports of the machine could not be given back', { pod: uid, error }));
    await pool.release(uid).catch((error: Error) => context.log.warn('a sandbox could not be removed', { pod: uid, error }));
    for (const path of podCgroups({ ...groupsOf(parts), uid })) await closeProcessNamespace({ version: groupsOf(parts).version, path });
    removePodCgroup({ ...groupsOf(parts), uid });
    await tearDownVolumes({ state: join(paths.pods, uid), run: join(paths.podsRun, uid) }, parts.csi).catch((error: Error) => context.log.warn('the volumes of a pod could not be given back', { pod: uid, error }));
  }
  for (const id of remains.containerIds) if (!known.recorded(id)) rmSync(join(paths.containers, id), { recursive: true, force: true });
  for (const name of remains.logs) if (!known.owned(name.slice(name.lastIndexOf('_') + 1))) removeLogs(paths.logs, name);
}

function groupsOf({ context }: NodeParts): { version: 'v1' | 'v2'; instance: string } {
  return { version: context.machine.cgroupVersion, instance: context.machine.instance };
}
