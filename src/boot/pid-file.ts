/** The pid file `<run>/llmos.pid`: which process is this instance, safe against pids that were given to another process. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

function pidFileOf(runFolder: string): string {
  return join(runFolder, 'llmos.pid');
}

/** Writes pid and start time of this process. */
export function writePidFile(runFolder: string): void {
  writeFileSync(pidFileOf(runFolder), `${process.pid} ${startTimeOf(process.pid)}\n`, { mode: 0o600 });
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
  return startTimeOf(Number(pid)) === startTime ? Number(pid) : undefined;
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot; undefined for a process that is gone or dead. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
