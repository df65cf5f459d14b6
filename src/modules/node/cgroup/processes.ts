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
export function hasProcesses(options: { version: 'v1' | 'v2'; path: string; root?: string }): boolean {
  const root = options.root ?? CGROUP_ROOT;
  // Every process is in every tree; the freezer's and systemd's need not be looked through as well.
  const folder = options.version === 'v1' ? join(root, 'cpu', options.path) : join(root, options.path);
  return [folder, ...foldersBelow(folder)].some((each) => textOf(join(each, 'cgroup.procs')).trim() !== '');
}

function foldersBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isDirectory()).map((each) => join(each.parentPath, each.name));
  } catch {
    return [];
  }
}
