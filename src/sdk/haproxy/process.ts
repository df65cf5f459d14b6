/** The process of an HAProxy that a module runs: its files, in a folder of its own, and the way to find and end it. It outlives llmos, so the files are all that is known of it. */
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../base/sys/run.ts';
import { askHaproxy, HaproxySilentError } from './commands.ts';

const END_TRIES = 100;
const END_PAUSE_MS = 20;
/** One that gives way is asked so often, for so long each: it may have been busy, or the machine. */
const SILENT_TRIES = 2;
const SILENT_MS = 5_000;

export function haproxyFiles(folder: string): { configuration: string; socket: string; pid: string; peers: string } {
  return { configuration: join(folder, 'haproxy.cfg'), socket: join(folder, 'haproxy.sock'), pid: join(folder, 'haproxy.pid'), peers: join(folder, 'peers.sock') };
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

/** Arguments by which the next process takes over from the one that runs (management guide, section 3): that one hands over its listeners, where its socket is still there to ask for them, and serves its connections to their end. */
export function takeOver(folder: string): string[] {
  const pid = haproxyPid(folder);
  const { socket } = haproxyFiles(folder);
  return pid === undefined ? [] : [...(existsSync(socket) ? ['-x', socket] : []), '-sf', String(pid)];
}

/** Whether the one that runs takes connections for commands and says nothing for `answerMs`: it was stopped, or frozen. */
export async function isSilent(folder: string, answerMs: number): Promise<boolean> {
  return askHaproxy(haproxyFiles(folder).socket, 'show info', { answerMs }).then(() => false, (error: unknown) => error instanceof HaproxySilentError);
}

/** Before a takeover: one that says nothing would hand over nothing, so it is killed. Safe when there is none. */
export async function endSilent(folder: string): Promise<void> {
  const pid = haproxyPid(folder);
  if (pid === undefined) return;
  for (let tries = 0; tries < SILENT_TRIES; tries += 1) if (!(await isSilent(folder, SILENT_MS))) return;
  kill([pid], 'SIGKILL');
  for (let tries = 0; tries < END_TRIES && haproxyPid(folder) === pid; tries += 1) await new Promise((resolve) => setTimeout(resolve, END_PAUSE_MS));
}

/**
 * Starts the one that {@link takeOver} gave these arguments for. One that ends or is stopped in the midst of handing over takes the next one with it (management
 * guide, section 3: `-x` fails), so then the next one begins without it. Rejects where it does not start within `timeoutMs`.
 */
export async function startHaproxy(program: string, folder: string, { passing, fds, timeoutMs }: { passing: readonly string[]; fds: readonly number[]; timeoutMs: number }): Promise<void> {
  const { configuration, pid } = haproxyFiles(folder);
  const begin = (more: readonly string[]): Promise<string> => run(program, ['-D', '-f', configuration, '-p', pid, ...more], { timeoutMs, fds });
  try {
    await begin(passing);
  } catch (error) {
    if (passing.length > 0) await endSilent(folder);
    if (passing.length === 0 || haproxyPid(folder) !== undefined) throw error;
    await begin([]);
  }
}

/** All that run the configuration of this folder, in this network: with those that were told to end and still have connections. */
export function haproxyPids(folder: string): number[] {
  const { configuration } = haproxyFiles(folder);
  const network = readlinkSync('/proc/self/ns/net');
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((name) => {
    try {
      // A container of the machine may have the same folder, and an editor the file.
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').includes(configuration) && readFileSync(`/proc/${name}/comm`, 'utf8') === 'haproxy\n' && readlinkSync(`/proc/${name}/ns/net`) === network;
    } catch {
      return false;
    }
  }).map(Number);
}

/** Tells it to end with the connections that it has, in an hour at the latest, and removes its folder: from then on it is none. Safe when there is none. */
export function retireHaproxy(folder: string): void {
  const pid = haproxyPid(folder);
  if (pid !== undefined) kill([pid], 'SIGUSR1');
  rmSync(folder, { recursive: true, force: true });
}

/** Ends it and those that were told to end before, by force after 2 s, and removes its folder; safe when there is none. */
export async function endHaproxy(folder: string): Promise<void> {
  kill(haproxyPids(folder), 'SIGTERM');
  for (let tries = 0; tries < END_TRIES && haproxyPids(folder).length > 0; tries += 1) await new Promise((resolve) => setTimeout(resolve, END_PAUSE_MS));
  kill(haproxyPids(folder), 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

/** Sends a signal to those that are still there. */
export function kill(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {} // it has ended meanwhile
  }
}
