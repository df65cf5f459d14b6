/** The clock: real time by default, virtual time in the simulator and in tests. All times are ms since the epoch. */
export interface Clock {
  nowMs(): number;
  /** Settles after `delayMs`, some 24 days at most, or at once when the signal aborts (it never rejects). */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** The longest that a timer of Node's lasts, some 24 days: one of more fires at once (nodejs.org/api/timers.html). */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const realClock: Clock = {
  nowMs: () => Date.now(),
  sleep(delayMs, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(delayMs, LONGEST_TIMER_MS));
      signal?.addEventListener('abort', done, { once: true });
    });
  },
};

/** RFC 3339 in seconds, as meta/v1 Time: `2026-11-21T22:00:00Z`. */
export function rfc3339(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 in microseconds, as meta/v1 MicroTime. */
export function rfc3339Micro(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 23)}000Z`;
}
