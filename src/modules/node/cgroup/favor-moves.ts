/**
 * Processes move between control groups at once. As kernels come, a move waits until all cpus have passed through a quiet moment, which is some 10 ms of
 * every start of a container, for any runtime; `favordynmods` takes that from moves and gives next to nothing to forks (Linux 6.0, "Control Group v2", Mounting).
 * The option belongs to the machine: any mount of the tree sets it, or takes it back. From Linux 6.18 on the kernel goes on as with it until it is started again.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { aborted } from '../../../base/aborted.ts';
import type { Log } from '../../../base/log.ts';
import { runAny } from '../../../base/sys/run.ts';
import { textOf } from '../read-files.ts';

const FAVORING = 'favordynmods';
/** What the tree is told with every mount, and forgets when it is not told again. */
const OF_THE_TREE = /^(nsdelegate|(memory|pids)_[a-z_]+)$/;

/**
 * The options to mount the tree of cgroup v2 with, with favordynmods or without; undefined when nobody has mounted it, or it is so already. `mounts` is the
 * text of /proc/PID/mounts.
 */
export function treeOptions(mounts: string, { favoring }: { favoring: boolean }): string | undefined {
  const options = mounts.split('\n').map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[3]?.split(',');
  if (options === undefined || options.includes(FAVORING) === favoring) return undefined;
  return ['rw', ...options.filter((option) => OF_THE_TREE.test(option)), ...(favoring ? [FAVORING] : [])].join(',');
}

export interface Favoring {
  /** A file that is there as long as llmos is up: empty, unless it is by llmos that the option is set. Gone when the machine starts anew, as the option. */
  mark: string;
  log: Log;
  signal: AbortSignal;
}

/** What the mark says when the option is by llmos. Beside another that has set it, it may become so with a later start. */
const OURS = 'set';

/** Settles after the signal aborted; when llmos goes down, the option is taken back, be it from a process before this one. An older kernel refuses, and all stays as it was. */
export async function favorMoves({ mark, log, signal }: Favoring): Promise<void> {
  const tell = (error: unknown): void => log.warn('the option favordynmods of cgroup v2 could not be changed', { error });
  if (!signal.aborted) await set(mark).catch(tell);
  await aborted(signal);
  if (signal.reason === 'down') await takeBack(mark).catch(tell);
}

/** Marked before it is done: who is killed in between finds his mark, and takes back what may be there. */
async function set(mark: string): Promise<void> {
  const options = optionsNow({ favoring: true });
  if (options === undefined) return;
  writeFileSync(mark, OURS, { mode: 0o600 });
  if (!(await mountTree(options))) writeFileSync(mark, '', { mode: 0o600 });
}

async function takeBack(mark: string): Promise<void> {
  const options = textOf(mark) === OURS ? optionsNow({ favoring: false }) : undefined;
  if (options !== undefined) await mountTree(options);
  rmSync(mark, { force: true });
}

function optionsNow(how: { favoring: boolean }): string | undefined {
  return treeOptions(textOf('/proc/1/mounts') || textOf('/proc/self/mounts'), how);
}

/**
 * In a namespace that ends with the command. Gives whether the kernel took them. Where the tree is not mounted itself: upon itself the kernel refuses it, after it took the options.
 */
async function mountTree(options: string): Promise<boolean> {
  const { code } = await runAny('unshare', ['--mount', '--propagation', 'private', 'mount', '-t', 'cgroup2', '-o', options, 'none', '/sys/fs'], { timeoutMs: 30_000 });
  return code === 0;
}
