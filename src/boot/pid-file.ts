/** The pid file `<run>/llmos.pid`: which process is this instance, safe against pids that were given to another process. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTicks } from '../base/sys/is-running.ts';

function pidFileOf(runFolder: string): string {
  return join(runFolder, 'llmos.pid');
}

/** Writes pid and start time of this process. */
export function writePidFile(runFolder: string): void {
  writeFileSync(pidFileOf(runFolder), `${process.pid} ${startTicks(process.pid)}\n`, { mode: 0o600 });
}

export function removePidFile(runFolder: string): void {
  if (runningPid(runFolder) === process.pid) rmSync(pidFileOf(runFolder), { force: true });
}

/** The pid of the running instance, or undefined when none runs. */
export function runningPid(runFolder: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(pidFileOf(runFolder), 'utf8');
  } catch {
    return undefined;
  }
  const [pid = '', startTime] = text.trim().split(' ');
  return String(startTicks(Number(pid))) === startTime ? Number(pid) : undefined;
}
