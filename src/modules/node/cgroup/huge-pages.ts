/** Limits of huge pages on a hybrid machine, whose controller of them lies in the tree of cgroup v2 while all others are of v1: that tree is mounted a second time, beside the others. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runAny } from '../../../base/sys/run.ts';
import type { Container } from '../../../api/generated/core-v1.ts';
import { namesIn, textOf } from '../read-files.ts';
import { CGROUP_ROOT } from './layout.ts';
import { hugePageLimits } from './resources.ts';

const NAME = 'hugetlb';
const SIZES = '/sys/kernel/mm/hugepages';

/** On machines that have huge pages; safe to call again. The mount is of llmos' own mount namespace. Gives whether limits can be kept. */
export async function openHugePages(root = CGROUP_ROOT): Promise<boolean> {
  const tree = join(root, NAME);
  if (existsSync(join(tree, 'cgroup.procs'))) return true; // of v1, or open already
  if (!namesIn(SIZES).some((name) => Number(textOf(join(SIZES, name, 'nr_hugepages'))) > 0)) return false;
  mkdirSync(tree, { recursive: true }); // it stays: another llmos may have its own mount there
  const { code } = await runAny('mount', ['-t', 'cgroup2', 'none', tree]);
  if (code === 0 && textOf(join(tree, 'cgroup.controllers')).split(/\s+/).includes(NAME)) return true;
  if (code === 0) await runAny('umount', [tree]);
  return false;
}

/** Whether the tree is open. */
export function hugePagesApart(root = CGROUP_ROOT): boolean {
  return existsSync(join(root, NAME, 'cgroup.controllers'));
}

/** The same command within the limits of a container that was made before: what it starts there is born into the group. */
export function withinHugePages(path: string | undefined, { file, args }: { file: string; args: string[] }, root = CGROUP_ROOT): { file: string; args: string[] } {
  const procs = join(root, NAME, path ?? '', 'cgroup.procs');
  if (path === undefined || !hugePagesApart(root) || !existsSync(procs)) return { file, args };
  return { file: '/bin/sh', args: ['-c', '{ echo $$ > "$0"; } 2> /dev/null; exec "$@"', procs, file, ...args] };
}

/** Puts the first process of a container, before it runs, into a group with its limits: none that it did not ask for. */
export function limitHugePages(path: string, pid: number, container: Container, root = CGROUP_ROOT): void {
  let folder = join(root, NAME);
  for (const part of path.split('/').filter((each) => each !== '')) {
    writeFileSync(join(folder, 'cgroup.subtree_control'), `+${NAME}`);
    folder = join(folder, part);
    mkdirSync(folder, { recursive: true });
  }
  const limits = new Map(hugePageLimits(container).map(({ pageSize, limit }) => [pageSize, limit]));
  for (const file of readdirSync(folder)) {
    const size = /^hugetlb\.(\w+)\.(?:rsvd\.)?max$/.exec(file)?.[1];
    if (size !== undefined) writeFileSync(join(folder, file), String(limits.get(size) ?? 0));
  }
  writeFileSync(join(folder, 'cgroup.procs'), String(pid));
}
