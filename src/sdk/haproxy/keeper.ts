/**
 * Keeps an HAProxy running: what changes it goes step by step, its end is heard at once, by a line to it that stays open, and one that ended is started
 * again, the first time at once, then with back-off. One whose end was not heard, of an earlier llmos for instance, is missed within half a second. One that lives
 * and answers nothing (stopped, frozen) is asked three times and then killed, within 25 s: connections wait at its sockets for the next one. One whose socket for
 * commands somebody removed is replaced.
 */
import { existsSync } from 'node:fs';
import { exponentialBackoff } from '../../base/backoff.ts';
import type { Log } from '../../base/log.ts';
import { HaproxySilentError } from './commands.ts';
import { openLine, type Line } from './line.ts';
import { haproxyFiles, haproxyPid, isSilent, kill } from './process.ts';

export interface KeeperInput {
  /** Its files are here. */
  folder: string;
  /** For the log: `HAProxy of the gateways`. */
  name: string;
  /** Starts it again with what it carried. */
  start(): Promise<void>;
  /** Twice a second while it runs, between the steps. May reject: a silence is one of those for which it is killed. */
  look?(): Promise<void>;
  log: Log;
  /** Its abort lets go of HAProxy, which runs on. */
  signal: AbortSignal;
}

export interface Keeper {
  /** To the process that runs, if it was heard of. */
  readonly line: Line | undefined;
  /** Does a step when those before it are done, whether they failed or not. One that HAProxy did not answer is the first of the silences for which it is killed. */
  enqueue<T>(step: () => Promise<T>): Promise<T>;
  /** A process was started: its end is listened for. */
  attend(): void;
  /** From now on one is to run. */
  keep(): void;
  /** None is to run any more. */
  leave(): void;
  /** Settles when no step is under way. */
  settled(): Promise<void>;
}

const LOOK_MS = 500;
/** Who ran so long starts at once again. */
const FORGIVE_MS = 60_000;
/** How often it is asked for a sign of life, in looks, and how long that may take. */
const ASK_EVERY = 4;
const SIGN_MS = 5_000;
/** Signs that may fail to come, one after the other: llmos itself may have been stopped during one. */
const MOST_SILENT = 3;

export function createKeeper({ folder, name, start, look, log, signal }: KeeperInput): Keeper {
  const backoff = exponentialBackoff({ baseMs: 200, maxMs: 30_000 });
  let working: Promise<unknown> = Promise.resolve();
  let looking: NodeJS.Timeout | undefined;
  let line: Line | undefined;
  let isKept = false;
  let notBeforeMs = 0;
  let looks = 0;
  let silent = 0;

  function enqueue<T>(step: () => Promise<T>): Promise<T> {
    const done = working.then(step);
    working = done.catch((error: unknown) => {
      if (error instanceof HaproxySilentError) silent = Math.max(silent, 1);
    });
    return done;
  }

  function attend(): void {
    silent = 0;
    const opened = openLine(haproxyFiles(folder).socket, () => {
      if (line !== opened || signal.aborted) return;
      line = undefined;
      void enqueue(check);
    });
    line = opened;
  }

  function checkIn(delayMs: number): void {
    clearTimeout(looking);
    if (signal.aborted) return;
    looking = setTimeout(() => void enqueue(check), delayMs);
    looking.unref();
  }

  async function check(): Promise<void> {
    if (!isKept || signal.aborted) return;
    const pid = haproxyPid(folder);
    if (pid !== undefined && existsSync(haproxyFiles(folder).socket)) {
      await listen(pid);
      if (silent === 0) await look?.().catch((error: unknown) => void (silent = error instanceof HaproxySilentError ? 1 : 0));
      return checkIn(silent === 0 ? LOOK_MS : 0);
    }
    const waitMs = notBeforeMs - performance.now();
    if (waitMs > 0) return checkIn(waitMs);
    const delayMs = backoff.next('');
    notBeforeMs = performance.now() + delayMs;
    log.warn(pid === undefined ? `${name} ended and is started again` : `the socket of ${name} was removed; another one takes its place`);
    try {
      await start();
      setTimeout(() => backoff.forget(''), FORGIVE_MS).unref();
      checkIn(LOOK_MS);
    } catch (error) {
      log.error(`${name} could not be started`, { error });
      checkIn(delayMs);
    }
  }

  async function listen(pid: number): Promise<void> {
    looks++;
    if (silent === 0 && looks % ASK_EVERY !== 0) return;
    // In one step: others between them would each wait in vain for as long again.
    do silent = (await isSilent(folder, SIGN_MS)) ? silent + 1 : 0; while (silent > 0 && silent < MOST_SILENT && !signal.aborted);
    if (silent < MOST_SILENT || signal.aborted || haproxyPid(folder) !== pid) return;
    log.warn(`${name} does not answer and is killed`, { pid });
    silent = 0;
    kill([pid], 'SIGKILL');
  }

  function release(): void {
    clearTimeout(looking);
    line?.close();
    line = undefined;
  }

  signal.addEventListener('abort', release, { once: true });
  return {
    get line() { return line; },
    enqueue,
    attend,
    keep() {
      isKept = true;
      checkIn(LOOK_MS);
    },
    leave() {
      isKept = false;
      release();
    },
    settled: async () => void (await working),
  };
}
