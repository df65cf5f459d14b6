/**
 * The process namespace that the containers of a pod share (core/v1 shareProcessNamespace). It lives as long as its first process, which is nobody's container: it waits, and what
 * loses its parents is given to it and forgotten. It is found again by its control group, below that of the pod, so that nothing must be written down.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from '../../../base/sys/run.ts';
import { CGROUP_ROOT } from '../cgroup/layout.ts';
import { killAll, processesIn } from '../cgroup/processes.ts';

interface PodGroup { version: 'v1' | 'v2'; path: string }

const GROUP = 'process-namespace';
const TIMEOUT_MS = 30_000;
const END_MS = 5_000;
const LOOK_MS = 2;

/**
 * What only the machine's root may do comes first: the control groups, which are the last arguments, and the score. Then the namespace is made, as a child of the user namespace that
 * the first argument names where it is not empty: only who owns it may mount what shows it. Ended children whose signal is ignored are forgotten by the kernel; ignored signals stay so over exec.
 */
const FIRST_PROCESS = `users=$1; shift
for group; do echo $$ > "$group/cgroup.procs" || exit 1; done
{ echo -998 > /proc/self/oom_score_adj; } 2> /dev/null
cd /; exec \${users:+nsenter --user="$users"} unshare --pid sh -c 'env --ignore-signal=CHLD,HUP,INT,QUIT,TERM sleep infinity < /dev/null > /dev/null 2>&1 & :'`;

/** The namespace's file in /proc; undefined when there is none. */
export function processNamespace({ version, path }: PodGroup): string | undefined {
  const [pid] = processesIn({ version, path: join(path, GROUP) });
  return pid === undefined ? undefined : `/proc/${pid}/ns/pid`;
}

/** As {@link processNamespace}; made when there is none. The pod's group is there. `users` is the file of the pod's own user namespace. */
export async function openProcessNamespace(group: PodGroup, users = ''): Promise<string> {
  const found = processNamespace(group);
  if (found !== undefined) return found;
  const groups = foldersOf(group);
  for (const folder of groups) mkdirSync(folder, { recursive: true });
  await run('sh', ['-c', FIRST_PROCESS, 'sh', users, ...groups], { timeoutMs: TIMEOUT_MS, env: { PATH: process.env['PATH'], LC_ALL: 'C' } });
  const made = processNamespace(group);
  if (made === undefined) throw new Error('the process namespace of the pod ended as soon as it was made');
  return made;
}

/** Settles when its first process, and with it every other one within, has ended. */
export async function closeProcessNamespace({ version, path }: PodGroup): Promise<void> {
  const group = { version, path: join(path, GROUP) };
  for (const untilMs = performance.now() + END_MS; processesIn(group).length > 0 && performance.now() < untilMs; await delay(LOOK_MS)) killAll(group);
}

/** In each tree that has the pod's group. */
function foldersOf({ version, path }: PodGroup): string[] {
  const trees = version === 'v2' ? [CGROUP_ROOT] : readdirSync(CGROUP_ROOT).filter((name) => name !== 'unified').map((name) => join(CGROUP_ROOT, name));
  return trees.map((tree) => join(tree, path)).filter((folder) => readable(folder)).map((folder) => join(folder, GROUP));
}

function readable(folder: string): boolean {
  try { return readdirSync(folder).includes('cgroup.procs'); } catch { return false; }
}
