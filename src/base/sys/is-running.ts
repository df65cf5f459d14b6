import { readFileSync } from 'node:fs';

/**
 * When a process began, in clock ticks since boot (proc_pid_stat(5), field 22): with its pid it names a process, as pids are given again. undefined when it
 * is over, though it stays in /proc until its parent looks, and some init never does. It is over with the last of its threads: one whose first thread
 * ended, or which was killed and still has one that ends, is shown as a zombie too, and has its memory and all its files.
 */
export function startTicks(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 20); // from field 3 on
    const [state, threads, ticks] = [fields[0], Number(fields[17]), Number(fields[19])];
    return state === 'X' || (state === 'Z' && threads <= 1) ? undefined : ticks;
  } catch {
    return undefined;
  }
}

export function isRunning(pid: number): boolean {
  return startTicks(pid) !== undefined;
}
