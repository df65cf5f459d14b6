/**
 * Jumps of the machine's clock. Timers run by another clock than the one that they are often set for: what waits for a time of the day must look again when the
 * clock was set, or when the machine slept. One timer for all who want to know, and none while nobody does.
 */
const LOOK_MS = 5_000;
const JUMP_MS = 10_000;

const listeners = new Set<() => void>();
let timer: NodeJS.Timeout | undefined;
let aheadMs = 0;

/** By how much the clock is ahead of the one that only goes on. */
const ahead = (): number => Date.now() - performance.now();

/** Calls `jumped` after each jump of more than ten seconds, at most five seconds later, until the function that it gives is called. */
export function onClockJump(jumped: () => void): () => void {
  listeners.add(jumped);
  if (timer === undefined) {
    aheadMs = ahead();
    timer = setInterval(look, LOOK_MS);
    timer.unref();
  }
  return () => {
    if (!listeners.delete(jumped) || listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function look(): void {
  const beforeMs = aheadMs;
  aheadMs = ahead();
  if (Math.abs(aheadMs - beforeMs) > JUMP_MS) for (const jumped of [...listeners]) jumped();
}
