/**
 * The file of an audit log: lines are written together, off the way of requests, and the file is changed for a new one when it is full
 * (upstream: the log backend with lumberjack). Old ones are called `audit-2026-11-22T01-02-03.456.log`, and removed by age and number.
 */
import { chmodSync, closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, renameSync, rmSync, write, writeSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';

export interface LogFileOptions {
  path: string;
  /** The size at which a new one is begun. */
  maxSizeBytes: number;
  /** How long an old one is kept; 0 is for ever. */
  maxAgeDays: number;
  /** How many old ones are kept; 0 is all. */
  maxBackups: number;
  clock: Clock;
  log: Log;
}

export interface LogFile {
  /** False when it was dropped: the disk does not keep up, or cannot be written. */
  append(line: string): boolean;
  /** Writes what waits, and closes. */
  close(): Promise<void>;
}

const TOGETHER_MS = 100;
/** More than this waiting for the disk is dropped. */
const MOST_WAITING_BYTES = 32 * 1024 * 1024;
const DAY_MS = 86_400_000;

/** Throws an Error when the file cannot be opened. Files are for their owner only. */
export function openLogFile(options: LogFileOptions): LogFile {
  const { path, log } = options;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let file = open(path);
  endTorn(path, file);
  let size = fstatSync(file).size;
  let waiting: string[] = [];
  let waitingBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let dropped = 0;
  removeOld(options);

  const rotate = (): void => {
    const old = join(dirname(path), `${stem(path)}-${new Date(options.clock.nowMs()).toISOString().replaceAll(':', '-').replace('Z', '')}${extname(path)}`);
    renameSync(path, old);
    const next = open(path);
    closeSync(file);
    file = next;
    size = 0;
    removeOld(options);
  };
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const bytes = Buffer.from(waiting.join(''));
      waiting = [];
      try {
        if (size > 0 && size + bytes.length > options.maxSizeBytes) rotate();
        await writeAll(file, bytes);
        size += bytes.length;
      } catch (error) {
        log.error('the audit log cannot be written: what was to be told is lost', { path, error });
      }
      waitingBytes -= bytes.length;
    }
    if (dropped > 0) log.error('the disk does not keep up with the audit log: events were dropped', { path, dropped });
    dropped = 0;
  };
  const begin = (): void => {
    timer = undefined;
    writing ??= flush().finally(() => {
      writing = undefined;
      if (waiting.length > 0) timer ??= setTimeout(begin, TOGETHER_MS);
    });
  };
  return {
    append(line) {
      const bytes = Buffer.byteLength(line);
      if (waitingBytes + bytes > MOST_WAITING_BYTES) {
        dropped++;
        return false;
      }
      waiting.push(line);
      waitingBytes += bytes;
      if (writing === undefined) timer ??= setTimeout(begin, TOGETHER_MS);
      return true;
    },
    async close() {
      clearTimeout(timer);
      await writing;
      await flush();
      closeSync(file);
    },
  };
}

function open(path: string): number {
  const file = openSync(path, 'a', 0o600);
  chmodSync(path, 0o600); // it may have been there with wider rights
  return file;
}

/** Of a line within which llmos was killed only a piece is there: the next one is not to follow on it. */
function endTorn(path: string, file: number): void {
  const { size } = fstatSync(file);
  if (size === 0) return;
  const reading = openSync(path, 'r');
  const last = Buffer.alloc(1);
  readSync(reading, last, 0, 1, size - 1);
  closeSync(reading);
  if (last.toString() !== '\n') writeSync(file, '\n');
}

function stem(path: string): string {
  return basename(path, extname(path));
}

async function writeAll(file: number, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += await new Promise<number>((settle, fail) => {
      write(file, bytes, at, bytes.length - at, null, (error, count) => (error === null ? settle(count) : fail(error)));
    });
  }
}

function removeOld({ path, maxAgeDays, maxBackups, clock, log }: LogFileOptions): void {
  const pattern = new RegExp(`^${stem(path).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}-(\\d{4}-\\d\\d-\\d\\d)T(\\d\\d)-(\\d\\d)-(\\d\\d\\.\\d{3})${extname(path).replace('.', '\\.')}$`);
  const old = readdirSync(dirname(path)).map((name) => pattern.exec(name)).filter((match) => match !== null).sort((a, b) => (a[0] < b[0] ? 1 : -1));
  for (const [index, [name, day, hour, minute, second]] of old.entries()) {
    const tooOld = maxAgeDays > 0 && clock.nowMs() - Date.parse(`${day}T${hour}:${minute}:${second}Z`) > maxAgeDays * DAY_MS;
    const tooMany = maxBackups > 0 && index >= maxBackups;
    if (!tooOld && !tooMany) continue;
    try {
      rmSync(join(dirname(path), name));
    } catch (error) {
      log.warn('an old audit log cannot be removed', { name, error });
    }
  }
}
