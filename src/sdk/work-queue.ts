/**
 * WorkQueue: keys to work on, in order, each once. A key that is added while it is worked on comes again afterwards, never at the
 * same time (client-go's workqueue, without its threads).
 */
import { exponentialBackoff } from '../base/backoff.ts';
import { LONGEST_TIMER_MS } from '../base/clock.ts';
import { countQueue } from './queue-metrics.ts';

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

/** @param name by which /metrics tells of it; the queues of controllers have theirs */
export function createWorkQueue(name: string): WorkQueue {
  // When each was added, and when the work on it began; a Map keeps the order of insertion.
  const waiting = new Map<string, number>();
  const active = new Map<string, number>();
  const again = new Map<string, number>();
  const delayed = new Map<string, { timer: NodeJS.Timeout; dueMs: number }>();
  const backoff = exponentialBackoff({ baseMs: 5, maxMs: 1_000_000 });
  const counts = countQueue(name, { get depth() { return waiting.size + again.size; }, begunMs: () => active.values() });
  let wake: () => void = () => {};
  let stopped = false;

  const add = (key: string): void => {
    const isActive = active.has(key);
    const line = isActive ? again : waiting;
    if (!line.has(key)) line.set(key, counts.added());
    if (!isActive) wake();
  };

  const addAfter = (key: string, delayMs: number): void => {
    counts.retried();
    if (stopped) return; // work that ended after the abort must leave no timer behind
    if (delayMs <= 0) return add(key);
    const dueMs = performance.now() + delayMs; // as timers run: a clock that is set changes no order
    const earlier = delayed.get(key);
    if (earlier !== undefined && earlier.dueMs <= dueMs) return;
    if (earlier !== undefined) clearTimeout(earlier.timer);
    const timer = setTimeout(() => {
      delayed.delete(key);
      add(key);
    }, Math.min(delayMs, LONGEST_TIMER_MS));
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
          counts.done(active.get(key)!);
          active.delete(key);
          const addedMs = again.get(key);
          if (again.delete(key)) waiting.set(key, addedMs!);
          step();
        };
        const end = (): void => {
          counts.stop();
          resolve();
        };
        const step = (): void => {
          if (signal.aborted) {
            if (active.size === 0) end();
            return;
          }
          for (const [key, addedMs] of waiting) {
            if (active.size >= concurrency) return;
            waiting.delete(key);
            active.set(key, counts.begun(addedMs));
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
