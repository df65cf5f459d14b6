/** The one idiom for lifetime: an AbortSignal goes in. Here is how to wait for it. */

/** Settles when the signal has aborted: at once where it has already. It never rejects. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Settles as the promise does, or when the signal has aborted, whichever is first: who comes second is not heard. */
export async function untilAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) {
    promise.catch(() => {});
    return;
  }
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([promise, over]);
  } finally {
    // The signal may live as long as llmos does.
    signal.removeEventListener('abort', onAbort);
  }
}
