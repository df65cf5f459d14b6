/**
 * Processes move between control groups at once. As kernels come, a move waits until all cpus have passed through a quiet moment, which is some 10 ms of
 * every start of a container, for any runtime; `favordynmods` takes that from moves and gives next to nothing to forks (Linux 6.0, "Control Group v2", Mounting).
 * The option belongs to the machine: any mount of the tree sets it, or takes it back. From Linux 6.18 on the kernel goes on as with it until it is started again.
 */
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
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
  if (!signal.aborted) await once(signal, 'abort');
  if (signal.reason === 'down') await takeBack(mark).catch(tell);
}

async function set(mark: string): Promise<void> {
  if (await mountTree({ favoring: true })) writeFileSync(mark, OURS, { mode: 0o600 });
}

async function takeBack(mark: string): Promise<void> {
  if (textOf(mark) === OURS) await mountTree({ favoring: false });
  rmSync(mark, { force: true });
}

/** In a namespace that ends with the command. Gives whether something was changed. */
async function mountTree(how: { favoring: boolean }): Promise<boolean> {
  const options = treeOptions(textOf('/proc/1/mounts') || textOf('/proc/self/mounts'), how);
  if (options === undefined) return false;
  const { code } = await runAny('unshare', ['--mount', '--propagation', 'private', 'mount', '-t', 'cgroup2', '-o', options, 'none', '/sys/fs/cgroup'], { timeoutMs: 30_000 });
  return code === 0;
}
