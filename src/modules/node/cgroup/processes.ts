/** How many threads a control group has. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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
