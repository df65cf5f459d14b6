/**
 * Pods with users of their own (hostUsers: false): root in them is nobody on the machine. Each such pod has 65,536 ids of the machine, a user namespace that all
 * its containers join, and mounts that show images and volumes with shifted owners. All of it lies in a folder that is only ever unmounted and emptied
 * by name, never removed as a tree, since images and volumes are mounted there. It is there only while such pods are.
 */
import { chmodSync, existsSync, mkdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { run, runAny } from '../../../base/sys/run.ts';
import { namesIn, textOf } from '../read-files.ts';
import { isMounted } from '../volumes/mounts.ts';
import { mapOwners } from './id-map.ts';

export interface UserNamespace {
  /** To join. */
  path: string;
  /** The id of the machine that is 0 within; ids up to {@link IDS} follow. */
  base: number;
  /** containers/storage, as the pod's users see it. */
  imageFolder: string;
  /** File systems of the pod's own network and message queues, which its users may not mount. */
  sys: string;
  mqueue: string;
  /** Where the root of a container is mounted, so that the pod's users can come there. */
  rootOf(containerId: string): string;
  /** The same file or folder with shifted owners; mounted when it is not yet. */
  show(sources: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

export interface UserNamespaces {
  /** Safe to call again. Rejects where the kernel or a file system cannot. */
  open(pod: Pod, options: { images: string; network: string; ipc: string; uts: string }): Promise<UserNamespace>;
  /** Safe to call for any pod. */
  release(uid: string): Promise<void>;
  owners(): readonly string[];
}

const IDS = 65_536;
/** Ids below are the machine's own, and those of /etc/subuid as tools hand them out. */
const FIRST_SLOT = 64;
const LAST_SLOT = 32_767;

export function wantsOwnUsers({ spec }: Pod): boolean {
  return spec?.hostUsers === false;
}

/** `root` and the folders above it must let everybody pass: the users of a pod go through it. */
export function userNamespaces(root: string): UserNamespaces {
  function slotOf(uid: string): number {
    const known = Number(textOf(join(root, uid, 'slot')));
    if (known >= FIRST_SLOT) return known;
    const taken = new Set(namesIn(root).map((each) => Number(textOf(join(root, each, 'slot')))));
    let slot = FIRST_SLOT;
    while (taken.has(slot)) slot++;
    if (slot > LAST_SLOT) throw new Error('no ids of this machine are left for the users of pods');
    return slot;
  }

  return {
    async open(pod, options) {
      const folder = join(root, pod.metadata.uid ?? '');
      const slot = slotOf(pod.metadata.uid ?? '');
      makeFolder(root);
      for (const name of ['', 'images', 'sys', 'mqueue', 'roots', 'shown']) makeFolder(join(folder, name));
      writeFileSync(join(folder, 'slot'), String(slot));
      const base = slot * IDS;
      const keep = join(folder, 'users');
      if (!existsSync(keep)) writeFileSync(keep, '');
      const show = async (pairs: readonly { source: string; target: string }[]): Promise<void> => {
        const due = pairs.filter(({ target }) => !isMounted(target));
        if (due.length > 0 || !isMounted(keep)) await mapOwners({ keep, base, size: IDS, pairs: due });
      };
      await show([{ source: options.images, target: join(folder, 'images') }]);
      await mountOfPod(pod, folder, options);
      return {
        path: keep, base, imageFolder: join(folder, 'images'), sys: join(folder, 'sys'), mqueue: join(folder, 'mqueue'), rootOf: (id) => join(folder, 'roots', id),
        async show(sources) {
          const pairs = [...new Set(sources)].map((source) => ({ source, target: join(folder, 'shown', Buffer.from(source).toString('base64url').slice(-200)) }));
          for (const { source, target } of pairs) if (!existsSync(target)) makeLike(source, target);
          await show(pairs);
          return new Map(pairs.map(({ source, target }) => [source, target]));
        },
      };
    },
    async release(uid) {
      const folder = join(root, uid);
      if (uid === '' || !existsSync(folder)) return;
      const inner = ['images', 'sys', 'mqueue', 'users'].map((name) => join(folder, name));
      const lists = ['shown', 'roots'].map((name) => join(folder, name));
      for (const target of [...lists.flatMap((list) => namesIn(list).map((name) => join(list, name))), ...inner]) if (isMounted(target)) await runAny('umount', ['-l', target], { timeoutMs: 30_000 });
      for (const list of lists) for (const name of namesIn(list)) removeEmpty(join(list, name));
      for (const target of [...inner, ...lists, join(folder, 'slot'), folder]) removeEmpty(target);
      if (namesIn(root).length === 0) removeEmpty(root);
    },
    owners: () => namesIn(root),
  };
}

/** Mounted from without, in the namespaces of the pod: sysfs of its network, its message queues; and the sysctls that its users may not set. Ports below 1024 are theirs. */
async function mountOfPod(pod: Pod, folder: string, { network, ipc, uts }: { network: string; ipc: string; uts: string }): Promise<void> {
  if (isMounted(join(folder, 'sys')) && isMounted(join(folder, 'mqueue'))) return;
  const sysctls = [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }, ...(pod.spec?.securityContext?.sysctls ?? [])];
  const script = 'set -e; mount -t sysfs sysfs "$1"; mount -t mqueue mqueue "$2"; shift 2; while [ $# -gt 0 ]; do printf %s "$2" > "/proc/sys/$1"; shift 2; done';
  await run('nsenter', [`--net=${network}`, `--ipc=${ipc}`, `--uts=${uts}`, 'sh', '-c', script, 'sh', join(folder, 'sys'), join(folder, 'mqueue'), ...sysctls.flatMap(({ name, value }) => [name.replaceAll('.', '/'), value])], { timeoutMs: 30_000 });
}

function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o711); // whatever the umask
}

function makeLike(source: string, target: string): void {
  if (statSync(source).isDirectory()) makeFolder(target);
  else writeFileSync(target, '');
}

function removeEmpty(path: string): void {
  try {
    if (isMounted(path)) return;
    if (statSync(path).isDirectory()) rmdirSync(path); // refuses what is not empty
    else rmSync(path);
  } catch { /* stays until the next sweep */ }
}
