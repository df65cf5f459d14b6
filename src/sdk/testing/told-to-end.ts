/** What a test has made on the machine is taken back also when the test is told to end: by its runner, or from the keyboard. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const cleaners = new Set<() => Promise<unknown>>();
let told = false;

/** Whether it is: nothing is to be made any more. */
export const isToldToEnd = (): boolean => told;

/** Calls `clean` when the process is told to end, which it then does. Gives what to call when that is not wanted any more. */
export function whenToldToEnd(clean: () => Promise<unknown>): () => void {
  if (cleaners.size === 0) for (const signal of SIGNALS) process.on(signal, end);
  cleaners.add(clean);
  return () => {
    cleaners.delete(clean);
    if (cleaners.size === 0 && !told) for (const signal of SIGNALS) process.off(signal, end);
  };
}

function end(signal: (typeof SIGNALS)[number]): void {
  if (told) return;
  told = true;
  void Promise.allSettled([...cleaners].map((clean) => clean())).then(() => process.exit(128 + constants.signals[signal]));
}
