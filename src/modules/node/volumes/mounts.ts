/** Mounts of volumes in the mount namespace of llmos: what is mounted beneath a folder, and folders whose mounts containers share. */
import { readFileSync } from 'node:fs';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { run, runAny } from '../../../base/sys/run.ts';

interface Mount { path: string; isShared: boolean }

/** proc(5), mountinfo: the fifth field is the mount point, with blanks in octal; optional fields follow the sixth. */
export function mountsOf(mountinfo: string): Mount[] {
  return mountinfo.split('\n').filter((line) => line !== '').map((line) => {
    const fields = line.split(' ');
    return { path: (fields[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))), isShared: fields.slice(6, fields.indexOf('-')).some((each) => each.startsWith('shared:')) };
  });
}

const mounts = (): Mount[] => mountsOf(readFileSync('/proc/self/mountinfo', 'utf8'));

/** Whether something is mounted exactly there. */
export function isMounted(path: string): boolean {
  return mounts().some((each) => each.path === path);
}

/** Unmounts all at and beneath a folder, the innermost first. Rejects when something stays mounted: then nothing beneath may be deleted, it may belong to somebody else. */
export async function unmountBeneath(folder: string): Promise<void> {
  const beneath = (): string[] => mounts().map((each) => each.path).filter((path) => path === folder || path.startsWith(`${folder}/`));
  const found = beneath();
  if (found.length === 0) return;
  await runAny('umount', ['-l', ...found.reverse()], { timeoutMs: 30_000 });
  const left = beneath();
  if (left.length > 0) throw new Error(`${left[0]} could not be unmounted`);
}

/** How the mounts that appear in a volume spread (core/v1 MountPropagationMode); undefined when no container of the pod asks. */
export function propagationOf(pod: Pod, volumeName: string): 'HostToContainer' | 'Bidirectional' | undefined {
  const modes = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].flatMap((each) => each.volumeMounts ?? []).filter((each) => each.name === volumeName).map((each) => each.mountPropagation);
  return modes.includes('Bidirectional') ? 'Bidirectional' : modes.includes('HostToContainer') ? 'HostToContainer' : undefined;
}

/** Makes the folder a mount of its own whose mounts its copies see too. Safe to call again. */
export async function shareMounts(folder: string): Promise<void> {
  const there = mounts().findLast((each) => each.path === folder);
  if (there?.isShared === true) return;
  if (there === undefined) await run('mount', ['--rbind', folder, folder]);
  await run('mount', ['--make-rshared', folder]);
}
