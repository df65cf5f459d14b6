/** The process of an HAProxy that a module runs: its files, in a folder of its own, and the way to find and end it. It outlives llmos, so the files are all that is known of it. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const END_TRIES = 100;
const END_PAUSE_MS = 20;

export function haproxyFiles(folder: string): { configuration: string; socket: string; pid: string } {
  return { configuration: join(folder, 'haproxy.cfg'), socket: join(folder, 'haproxy.sock'), pid: join(folder, 'haproxy.pid') };
}

/** The process of the pid file, if it is alive and runs the configuration of this folder. */
export function haproxyPid(folder: string): number | undefined {
  const files = haproxyFiles(folder);
  try {
    const pid = Number(readFileSync(files.pid, 'utf8').trim().split('\n').at(-1));
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(files.configuration) ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Ends it, by force after 2 s, and removes its folder; safe when there is none. */
export async function endHaproxy(folder: string): Promise<void> {
  const pid = haproxyPid(folder);
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    for (let tries = 0; tries < END_TRIES && haproxyPid(folder) !== undefined; tries += 1) await new Promise((resolve) => setTimeout(resolve, END_PAUSE_MS));
    if (haproxyPid(folder) !== undefined) process.kill(pid, 'SIGKILL');
  }
  rmSync(folder, { recursive: true, force: true });
}
