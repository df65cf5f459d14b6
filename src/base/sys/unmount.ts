/** Unmounts lazily. Many at a time become one process: what is asked for while another such process is about to start, or runs, goes with the next. */
import { runAny } from './run.ts';

const TIMEOUT_MS = 30_000;
/** Far below what a command line may be long. */
const MOST_AT_ONCE = 256;

let waiting: string[] = [];
let next: Promise<void> | undefined;
let last: Promise<void> = Promise.resolve();

/** Settles when the kernel has done what it would; what was mounted no more is no error, as nothing is said of each. */
export function unmountLazily(paths: readonly string[]): Promise<void> {
  waiting.push(...paths);
  next ??= last.then(() => new Promise((soon) => setImmediate(soon))).then(() => {
    next = undefined;
    return (last = unmountWaiting());
  });
  return next;
}

async function unmountWaiting(): Promise<void> {
  const paths = waiting;
  waiting = [];
  for (let from = 0; from < paths.length; from += MOST_AT_ONCE) {
    await runAny('umount', ['-l', ...paths.slice(from, from + MOST_AT_ONCE)], { timeoutMs: TIMEOUT_MS }).catch(() => {});
  }
}
