/** What tests wait for, they look for until it is there: the limits are generous, for machines that are busy or emulated. */
import { realClock } from '../../base/clock.ts';

/** How much longer than usual tests wait: `LLMOS_TEST_PATIENCE` times; for machines that are emulated. */
export const PATIENCE = Math.max(1, Number(process.env['LLMOS_TEST_PATIENCE'] ?? 1) || 1);

/** Tries, every 50 ms for a minute at most, until `check` gives a value other than undefined and false, which it gives; or throws what `check` last threw. */
export async function eventually<T>(check: () => Promise<T | undefined | false>, options: { timeoutMs?: number; everyMs?: number; what?: string } = {}): Promise<T> {
  const deadlineMs = Date.now() + (options.timeoutMs ?? 60_000) * PATIENCE;
  let last: unknown;
  for (;;) {
    try {
      const value = await check();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadlineMs) throw last ?? new Error(`never came true: ${options.what ?? check.toString()}`);
    await realClock.sleep(options.everyMs ?? 50);
  }
}
