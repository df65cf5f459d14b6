/** `llmos up`: starts `llmos run` in the background and shows its phases until it is ready. */
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { start } from '../../base/sys/run.ts';
import type { Folders } from '../../boot/config.ts';
import { runningPid } from '../../boot/pid-file.ts';
import { READY_LINE } from '../../boot/ready-line.ts';
import type { Command } from '../command.ts';

const LAUNCHER = resolve(import.meta.dirname, '../../../llmos');
const READY_TIMEOUT_MS = 60_000;

export const up: Command = {
  usage: '[--nodes COUNT] [--state FOLDER] [--run FOLDER] [--config FILE]',
  flags: { nodes: { type: 'string' } },
  async run({ folders, flags }) {
    if (typeof flags['nodes'] === 'string') process.env['LLMOS_NODES'] = flags['nodes'];
    const pid = runningPid(folders.run);
    if (pid !== undefined && flags['nodes'] !== undefined) throw new Error("llmos is running already; the number of nodes is that of its start: 'llmos down' first");
    if (pid !== undefined) console.log(`llmos is running already (pid ${pid}); 'llmos status' tells more`);
    else await bootInBackground(folders, (line) => console.log(line));
    return 0;
  },
};

/** The log file of the background process. */
function logFileOf(folders: Folders): string {
  return join(folders.state, 'llmos.log');
}

/** Settles when llmos is ready. Rejects with the end of its log when it ends before. */
export async function bootInBackground(folders: Folders, onLine: (line: string) => void): Promise<void> {
  const logFile = logFileOf(folders);
  const log = openLog(folders, logFile);
  const from = fstatSync(log).size;
  let offset = from;
  const env = { ...process.env, LLMOS_STATE: folders.state, LLMOS_RUN: folders.run, LLMOS_CONFIG: folders.config };
  const child = start(LAUNCHER, ['run'], { detached: true, stdio: ['ignore', log, log], env });
  let ended: number | string | undefined;
  child.once('exit', (code, signal) => (ended = code ?? signal ?? 'unknown'));
  child.once('error', (error) => (ended = error.message));
  child.unref();
  const deadlineMs = Date.now() + READY_TIMEOUT_MS;
  let rest = '';
  try {
    for (;;) {
      const hadEnded = ended; // read before the log, so that the last lines are seen
      const chunk = Buffer.alloc(Math.max(0, fstatSync(log).size - offset));
      offset += readSync(log, chunk, 0, chunk.length, offset);
      const lines = (rest + chunk.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('[') || line.startsWith(READY_LINE)) onLine(line);
      if (lines.some((line) => line.startsWith(READY_LINE))) return;
      if (hadEnded !== undefined) throw new Error(`llmos ended before it was ready (${hadEnded}). ${toldBy(logFile, from)}`);
      if (Date.now() > deadlineMs) throw new Error(`llmos was not ready after ${READY_TIMEOUT_MS / 1_000} s; its log is ${logFile}`);
      await sleep(15);
    }
  } finally {
    closeSync(log);
  }
}

function openLog(folders: Folders, logFile: string): number {
  try {
    mkdirSync(folders.state, { recursive: true, mode: 0o700 });
    return openSync(logFile, 'a+', 0o600);
  } catch (error) {
    throw new Error(`${logFile} cannot be written (${(error as Error).message}): the state folder needs a disk that is mounted writable and has room; docs/reference/recovery.md says what else to look at`, { cause: error });
  }
}

/** A disk without room has none for the log either. */
function toldBy(logFile: string, from: number): string {
  const end = endOf(logFile, from);
  return end === '' ? `It could write nothing to ${logFile}: look whether its disk is full; './llmos run' shows what it says` : `The end of ${logFile}:\n${end}`;
}

/** The last lines that were written after the byte `from`: what earlier runs wrote is not this one's fault. */
function endOf(file: string, from: number): string {
  return readFileSync(file).subarray(from).toString('utf8').trimEnd().split('\n').slice(-8).join('\n');
}
