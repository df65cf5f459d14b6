/**
 * Keeps an HAProxy running: what changes it goes step by step, its end is heard at once, by a line to it that stays open, and one that ended is started
 * again, the first time at once, then with back-off. One whose end was not heard, of an earlier llmos for instance, is missed within half a second.
 */
import { exponentialBackoff } from '../../base/backoff.ts';
import type { Log } from '../../base/log.ts';
import { openLine, type Line } from './line.ts';
import { haproxyFiles, haproxyPid } from './process.ts';

export interface KeeperInput {
  /** Its files are here. */
  folder: string;
  /** For the log: `HAProxy of the gateways`. */
  name: string;
  /** Starts it again with what it carried. */
  start(): Promise<void>;
  /** Twice a second while it runs, between the steps. */
  look?(): Promise<void>;
  log: Log;
  /** Its abort lets go of HAProxy, which runs on. */
  signal: AbortSignal;
}

export interface Keeper {
  /** To the process that runs, if it was heard of. */
  readonly line: Line | undefined;
  /** Does a step when those before it are done, whether they failed or not. */
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

export function createKeeper({ folder, name, start, look, log, signal }: KeeperInput): Keeper {
  const backoff = exponentialBackoff({ baseMs: 200, maxMs: 30_000 });
  let working: Promise<unknown> = Promise.resolve();
  let looking: NodeJS.Timeout | undefined;
  let line: Line | undefined;
  let isKept = false;
  let notBeforeMs = 0;

  function enqueue<T>(step: () => Promise<T>): Promise<T> {
    const done = working.then(step);
    working = done.catch(() => {});
    return done;
  }

  function attend(): void {
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
    if (haproxyPid(folder) !== undefined) {
      await look?.();
      return checkIn(LOOK_MS);
    }
    const waitMs = notBeforeMs - performance.now();
    if (waitMs > 0) return checkIn(waitMs);
    const delayMs = backoff.next('');
    notBeforeMs = performance.now() + delayMs;
    log.warn(`${name} ended and is started again`);
    try {
      await start();
      setTimeout(() => backoff.forget(''), FORGIVE_MS).unref();
      checkIn(LOOK_MS);
    } catch (error) {
      log.error(`${name} could not be started`, { error });
      checkIn(delayMs);
    }
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
