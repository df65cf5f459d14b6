/** How many threads a control group has, and whether it has any process. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { textOf } from '../read-files.ts';
import { CGROUP_ROOT } from './layout.ts';

/** 0 when the group is gone. */
export function processCount(options: { version: 'v1' | 'v2'; path: string; root?: string }): number {
  const root = options.root ?? CGROUP_ROOT;
  try {
    return Number(readFileSync(join(options.version === 'v1' ? join(root, 'pids', options.path) : join(root, options.path), 'pids.current'), 'utf8'));
  } catch {
    return 0;
  }
}

/** Whether a process is in the group, or in one below it, of any controller. A group that is gone has none. */
export function hasProcesses(options: Group): boolean {
  return processesIn(options).length > 0;
}

/** Sends SIGKILL to every process of the group and of those below. */
export function killAll(options: Group): void {
  for (const pid of processesIn(options)) {
    try { process.kill(pid, 'SIGKILL'); } catch { /* it ended by itself */ }
  }
}

interface Group { version: 'v1' | 'v2'; path: string; root?: string }

/** Every process is in every tree of v1: one of them is enough. */
export function processesIn(options: Group): number[] {
  const root = options.root ?? CGROUP_ROOT;
  const folder = options.version === 'v1' ? join(root, 'cpu', options.path) : join(root, options.path);
  return [folder, ...foldersBelow(folder)].flatMap((each) => textOf(join(each, 'cgroup.procs')).split('\n').filter(Boolean).map(Number)).filter((pid) => pid > 0);
}

function foldersBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isDirectory()).map((each) => join(each.parentPath, each.name));
  } catch {
    return [];
  }
}
