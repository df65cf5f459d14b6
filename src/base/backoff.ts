/** Exponential back-off by key, as client-go's flowcontrol.Backoff: doubles from `baseMs` to `maxMs`, forgotten on success. */
export interface Backoff {
  /** The delay before the next try of `key`, in ms; each call counts as a failure. */
  next(key: string): number;
  forget(key: string): void;
  failures(key: string): number;
}

export function exponentialBackoff(options: { baseMs: number; maxMs: number }): Backoff {
  const failures = new Map<string, number>();
  return {
    next(key) {
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      return Math.min(options.maxMs, options.baseMs * 2 ** Math.min(count, 30));
    },
    forget: (key) => void failures.delete(key),
    failures: (key) => failures.get(key) ?? 0,
  };
}
