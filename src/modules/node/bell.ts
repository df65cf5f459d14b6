/** Wakes what sleeps until its next round, since something changed that it tells of. */
import type { Clock } from '../../base/clock.ts';

export interface Bell {
  ring(): void;
  /** Settles after the time, at a ring, or when the signal aborts. A ring that came since the last sleep counts. */
  sleep(delayMs: number, signal: AbortSignal): Promise<void>;
}

export function bell(clock: Clock): Bell {
  let rung = Promise.withResolvers<void>();
  return {
    ring: () => rung.resolve(),
    async sleep(delayMs, signal) {
      const over = new AbortController();
      await Promise.race([rung.promise, clock.sleep(delayMs, AbortSignal.any([signal, over.signal]))]);
      over.abort();
      rung = Promise.withResolvers();
    },
  };
}
