/**
 * Runs a call many times in batches of 1, 2, 4, 8 ... and stops after the first batch with a failure, so that a request which is
 * refused is refused once and not five hundred times (upstream: slowStartBatch).
 */
export interface SlowStartResult {
  succeeded: number;
  /** The first failure, when there was one. */
  error?: unknown;
  /** Calls that were never made. */
  skipped: number;
}

export async function slowStart(count: number, call: () => Promise<void>): Promise<SlowStartResult> {
  let remaining = count;
  let succeeded = 0;
  for (let size = Math.min(1, remaining); size > 0; size = Math.min(2 * size, remaining)) {
    const results = await Promise.allSettled(Array.from({ length: size }, call));
    remaining -= size;
    const failed = results.find((each) => each.status === 'rejected');
    succeeded += results.filter((each) => each.status === 'fulfilled').length;
    if (failed !== undefined) return { succeeded, error: failed.reason, skipped: remaining };
  }
  return { succeeded, skipped: 0 };
}
