/** Autoscalers are looked at each by itself: one whose metrics do not answer holds up no other. */
import type { Clock } from '../../base/clock.ts';

/** At once; more would only wait for each other. */
const MOST = 16;
/** Who takes longer waits for somebody else, and so gives its place to the next. */
const PATIENCE_MS = 500;

export interface Apart {
  /** Does the work of each key whose work of before has ended. Settles when all have been begun and each has ended or waits; never rejects, and neither may the work. */
  round(works: ReadonlyMap<string, () => Promise<void>>): Promise<void>;
  /** Settles when nothing is under way. */
  settled(): Promise<void>;
}

export function apart(clock: Clock, signal: AbortSignal): Apart {
  const busy = new Map<string, Promise<void>>();

  async function begin(key: string, work: () => Promise<void>): Promise<void> {
    const done = work().finally(() => busy.delete(key));
    busy.set(key, done);
    const waited = new AbortController();
    await Promise.race([done, clock.sleep(PATIENCE_MS, waited.signal)]);
    waited.abort();
  }

  return {
    async round(works) {
      const line = [...works].filter(([key]) => !busy.has(key))[Symbol.iterator]();
      await Promise.all(Array.from({ length: MOST }, async () => {
        for (const [key, work] of line) {
          if (signal.aborted) return;
          await begin(key, work);
        }
      }));
    },
    settled: async () => void (await Promise.all(busy.values())),
  };
}
