/**
 * WorkQueue: keys to work on, in order, each once. A key that is added while it is worked on comes again afterwards, never at the
 * same time (client-go's workqueue, without its threads).
 */
import { exponentialBackoff } from '../base/backoff.ts';

export interface WorkQueue {
  add(key: string): void;
  /** Adds later; an earlier delayed add of the same key is kept. */
  addAfter(key: string, delayMs: number): void;
  /** Adds after a delay that doubles with each failure of the key: 5 ms to 1,000 s, as client-go. */
  addRateLimited(key: string): void;
  /** Adds now what {@link WorkQueue.addAfter} was to add later: the time of the day that it was reckoned from has changed. */
  hasten(): void;
  /** Ends the count of failures. */
  forget(key: string): void;
  readonly length: number;
  /** Works until the signal aborts, and settles when the last work under way has settled. */
  drain(options: { concurrency: number; signal: AbortSignal }, work: (key: string) => Promise<void>): Promise<void>;
}

export function createWorkQueue(): WorkQueue {
  const waiting = new Set<string>(); // a Set keeps the order of insertion
  const active = new Set<string>();
  const again = new Set<string>();
  const delayed = new Map<string, { timer: NodeJS.Timeout; dueMs: number }>();
  const backoff = exponentialBackoff({ baseMs: 5, maxMs: 1_000_000 });
  let wake: () => void = () => {};
  let stopped = false;

  const add = (key: string): void => {
    if (active.has(key)) again.add(key);
    else {
      waiting.add(key);
      wake();
    }
  };

  const addAfter = (key: string, delayMs: number): void => {
    if (stopped) return; // work that ended after the abort must leave no timer behind
    if (delayMs <= 0) return add(key);
    const dueMs = performance.now() + delayMs; // as timers run: a clock that is set changes no order
    const earlier = delayed.get(key);
    if (earlier !== undefined && earlier.dueMs <= dueMs) return;
    if (earlier !== undefined) clearTimeout(earlier.timer);
    const timer = setTimeout(() => {
      delayed.delete(key);
      add(key);
    }, Math.min(delayMs, 0x7fffffff));
    delayed.set(key, { timer, dueMs });
  };

  return {
    add,
    addAfter,
    addRateLimited: (key) => addAfter(key, backoff.next(key)),
    hasten() {
      for (const [key, { timer }] of delayed) {
        clearTimeout(timer);
        add(key);
      }
      delayed.clear();
    },
    forget: (key) => backoff.forget(key),
    get length() {
      return waiting.size;
    },
    drain({ concurrency, signal }, work) {
      return new Promise((resolve) => {
        const finish = (key: string): void => {
          active.delete(key);
          if (again.delete(key)) waiting.add(key);
          step();
        };
        const step = (): void => {
          if (signal.aborted) {
            if (active.size === 0) resolve();
            return;
          }
          for (const key of waiting) {
            if (active.size >= concurrency) return;
            waiting.delete(key);
            active.add(key);
            void work(key).then(() => finish(key), () => finish(key));
          }
        };
        wake = step;
        const stop = (): void => {
          stopped = true;
          for (const { timer } of delayed.values()) clearTimeout(timer);
          delayed.clear();
          step();
        };
        if (signal.aborted) return stop();
        signal.addEventListener('abort', stop, { once: true });
        step();
      });
    },
  };
}
