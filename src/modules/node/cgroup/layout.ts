/** Where pods lie in the cgroup tree, what is set on the pod's own group, and what can be read after the end: v1 (also hybrid) and v2. */
import { existsSync, mkdirSync, readdirSync, rmSync, rmdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { qosClassOf } from '../../../api/core/pod-qos.ts';
import { namesIn, textOf } from '../read-files.ts';
import { CPU_PERIOD_US, cpuWeight, type CgroupLimits } from './resources.ts';

const TMPFS = 0x0102_1994;
export const CGROUP_ROOT = '/sys/fs/cgroup';

const LOWER_CLASSES = ['burstable', 'besteffort'] as const;

type QosClass = ReturnType<typeof qosClassOf>;

/** `/llmos/burstable/pod<uid>`; guaranteed pods lie at the top. */
export function podCgroup(instance: string, qos: QosClass, uid: string): string {
  return qos === 'Guaranteed' ? `/${instance}/pod${uid}` : `/${instance}/${qos.toLowerCase()}/pod${uid}`;
}

/** The uids of the pods that have groups, in whatever class. */
export function podsWithCgroups(options: { version: 'v1' | 'v2'; instance: string; root?: string }): string[] {
  const top = join(options.root ?? CGROUP_ROOT, options.version === 'v1' ? 'cpu' : '', options.instance);
  return [top, ...LOWER_CLASSES.map((name) => join(top, name))].flatMap((folder) => namesIn(folder).flatMap((name) => /^pod(.+)$/.exec(name)?.[1] ?? []));
}

/** Where the group of a pod may be whose class nobody knows any more. */
export function podCgroups({ instance, uid }: { instance: string; uid: string }): string[] {
  return ['', ...LOWER_CLASSES].map((name) => join('/', instance, name, `pod${uid}`));
}

/** Removes the groups of a pod, whatever its class. Gives whether they are gone. */
export function removePodCgroup(options: { version: 'v1' | 'v2'; instance: string; uid: string; root?: string }): boolean {
  return podCgroups(options).map((path) => removeCgroup({ ...options, path })).every((gone) => gone);
}

interface LimitFile { controller: 'cpu' | 'memory' | 'pids'; file: string; text: string }

/** File name and text for each limit of a pod's group. */
export function podCgroupFiles(version: 'v1' | 'v2', limits: CgroupLimits): readonly LimitFile[] {
  const files: LimitFile[] = [];
  const add = (controller: LimitFile['controller'], file: string, text: string | number): void => void files.push({ controller, file, text: String(text) });
  if (version === 'v1') {
    add('cpu', 'cpu.shares', limits.cpuShares);
    if (limits.cpuQuotaUs !== undefined) add('cpu', 'cpu.cfs_quota_us', limits.cpuQuotaUs);
    if (limits.memoryBytes !== undefined) add('memory', 'memory.limit_in_bytes', limits.memoryBytes);
  } else {
    add('cpu', 'cpu.weight', cpuWeight(limits.cpuShares));
    if (limits.cpuQuotaUs !== undefined) add('cpu', 'cpu.max', `${limits.cpuQuotaUs} ${CPU_PERIOD_US}`);
    if (limits.memoryBytes !== undefined) add('memory', 'memory.max', limits.memoryBytes);
  }
  if (limits.pids !== undefined) add('pids', 'pids.max', limits.pids);
  return files;
}

/** Makes the pod's group and sets its limits; the runtime makes those of the containers below it. */
export function makePodCgroup(options: { version: 'v1' | 'v2'; path: string; limits: CgroupLimits; root?: string }): void {
  const root = options.root ?? CGROUP_ROOT;
  if (options.version === 'v2') enableControllers(root, options.path);
  for (const { controller, file, text } of podCgroupFiles(options.version, options.limits)) {
    if (controller === 'pids' && !countsPids(options.version, root)) continue;
    const hierarchy = options.version === 'v1' ? join(root, controller) : root;
    // Node.js would try without end to make folders below one that the kernel does not let be.
    if (!existsSync(hierarchy)) throw new Error(`${hierarchy} is not there: mount the cgroup hierarchies (a command run by 'ip netns exec' does not see them; use nsenter --net)`);
    const folder = join(hierarchy, options.path);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, file), text);
  }
}

/** A kernel may be without; cpu and memory are always there. */
function countsPids(version: 'v1' | 'v2', root: string): boolean {
  return version === 'v1' ? existsSync(join(root, 'pids')) : textOf(join(root, 'cgroup.controllers')).split(/\s+/).includes('pids');
}

/**
 * What a container's own group gets on cgroup v2 beside its limits, as kubelet has it, as far as the kernel has the files: a container that runs out
 * of memory is killed as a whole, and its limit is no invitation to swap. `pod` is the pod's group, which is there already.
 */
export function unifiedSettings(options: { version: 'v1' | 'v2'; pod: string; root?: string }): Readonly<Record<string, string>> {
  if (options.version === 'v1') return {};
  const wanted = { 'memory.oom.group': '1', 'memory.swap.max': '0' };
  return Object.fromEntries(Object.entries(wanted).filter(([file]) => existsSync(join(options.root ?? CGROUP_ROOT, options.pod, file))));
}

/** Changes the limits of a pod's or container's group that is there; a limit that is left out is lifted. Throws what the kernel says. */
export function setCgroupLimits(options: { version: 'v1' | 'v2'; path: string; limits: CgroupLimits; root?: string }): void {
  const root = options.root ?? CGROUP_ROOT;
  for (const { controller, file, text } of [...liftedLimits(options.version, options.limits), ...podCgroupFiles(options.version, options.limits)]) {
    writeFileSync(options.version === 'v1' ? join(root, controller, options.path, file) : join(root, options.path, file), text);
  }
}

/** What takes a limit away that `limits` does not name. */
function liftedLimits(version: 'v1' | 'v2', limits: CgroupLimits): readonly LimitFile[] {
  const lifted: LimitFile[] = [];
  if (limits.cpuQuotaUs === undefined) lifted.push(version === 'v1' ? { controller: 'cpu', file: 'cpu.cfs_quota_us', text: '-1' } : { controller: 'cpu', file: 'cpu.max', text: `max ${CPU_PERIOD_US}` });
  if (limits.memoryBytes === undefined) lifted.push(version === 'v1' ? { controller: 'memory', file: 'memory.limit_in_bytes', text: '-1' } : { controller: 'memory', file: 'memory.max', text: 'max' });
  return lifted;
}

/** Removes an empty group, and its empty groups below, of all controllers. Gives whether it is gone everywhere. */
export function removeCgroup(options: { version: 'v1' | 'v2'; path: string; root?: string }): boolean {
  const root = options.root ?? CGROUP_ROOT;
  if (!existsSync(root)) return true;
  const folders = options.version === 'v2' ? [join(root, options.path)] : readdirSync(root).map((controller) => join(root, controller, options.path));
  return folders.map(removeTree).every((gone) => gone);
}

/** Whether the kernel killed a process of this container's group for want of memory. */
export function wasOomKilled(options: { version: 'v1' | 'v2'; path: string; root?: string }): boolean {
  const root = options.root ?? CGROUP_ROOT;
  const file = options.version === 'v1' ? join(root, 'memory', options.path, 'memory.oom_control') : join(root, options.path, 'memory.events');
  return oomKills(textOf(file)) > 0;
}

/** The `oom_kill N` line of memory.oom_control (v1) and memory.events (v2). */
export function oomKills(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}

function enableControllers(root: string, path: string): void {
  let folder = root;
  for (const part of ['', ...path.split('/').filter((each) => each !== '')]) {
    folder = join(folder, part);
    mkdirSync(folder, { recursive: true });
    const offered = textOf(join(folder, 'cgroup.controllers')).split(/\s+/);
    const wanted = ['cpuset', 'cpu', 'memory', 'pids', 'hugetlb'].filter((name) => offered.includes(name));
    if (wanted.length > 0) handDown(folder, wanted);
  }
}

/** Below a group with processes of its own there are no controllers, but for the machine's topmost group: so it is when llmos runs in a container. */
function handDown(folder: string, controllers: readonly string[]): void {
  try {
    writeFileSync(join(folder, 'cgroup.subtree_control'), controllers.map((name) => `+${name}`).join(' '));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    throw new Error(`processes run in ${folder} itself, so cgroup v2 allows no limits below it; move them into a group of their own: `
      + `mkdir -p ${folder}/others && for pid in $(cat ${folder}/cgroup.procs); do echo $pid > ${folder}/others/cgroup.procs; done`, { cause: error });
  }
}

function removeTree(folder: string): boolean {
  try {
    // Where v2 was taken away from a hybrid machine, runtimes leave plain files in its place.
    if (statfsSync(folder).type === TMPFS) rmSync(folder, { recursive: true });
    for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) removeTree(join(folder, entry.name));
    rmdirSync(folder);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR';
  }
}
