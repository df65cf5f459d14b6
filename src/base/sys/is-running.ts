import { readFileSync } from 'node:fs';

/** Whether a process is there and no zombie: one that ended stays in /proc until its parent looks, and some init never does. */
export function isRunning(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}
