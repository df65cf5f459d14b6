/** Turns, one after the other, of somebody who is poked, or wakes by himself. */
import { LONGEST_TIMER_MS } from '../../../base/clock.ts';
import { RETRY_MS } from './pod-run.ts';

export interface Turns {
  poke(): void;
  wakeAt(timeMs: number): void;
  changed(): Promise<void>;
  /** No turn begins after this; settles when the last one has ended. */
  close(): Promise<void>;
}

/** One at a poke, another when poked meanwhile, one at the earliest time asked for. One that fails is tried again. */
export function turnLoop(options: { turn: () => Promise<void>; failed: (error: Error) => void; nowMs: () => number }): Turns {
  let turning: Promise<void> | undefined;
  let again = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let wakeAtMs = Infinity;
  let changed = Promise.withResolvers<void>();
  const wakeAt = (timeMs: number): void => { wakeAtMs = Math.min(wakeAtMs, timeMs); };

  async function once(): Promise<void> {
    again = false;
    wakeAtMs = Infinity;
    await options.turn().catch((error: Error) => {
      options.failed(error);
      wakeAt(options.nowMs() + RETRY_MS);
    });
  }

  function after(): void {
    turning = undefined;
    if (closed) return;
    if (again) return begin();
    clearTimeout(timer);
    if (wakeAtMs === Infinity) return;
    timer = setTimeout(poke, Math.min(Math.max(0, wakeAtMs - options.nowMs()), LONGEST_TIMER_MS));
    timer.unref();
  }

  function begin(): void {
    turning = once().finally(after);
  }

  function poke(): void {
    changed.resolve();
    changed = Promise.withResolvers();
    if (closed) return;
    if (turning === undefined) begin();
    else again = true;
  }

  return {
    poke, wakeAt,
    changed: () => changed.promise,
    async close() {
      closed = true;
      clearTimeout(timer);
      await turning;
    },
  };
}
