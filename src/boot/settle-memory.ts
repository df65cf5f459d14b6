/**
 * Gives back what only boot needed. V8 collects the old generation when it must; a quiet llmos would keep 10 to 20 MiB of boot's garbage for
 * minutes. So it is collected once, a while after boot, in a pause of some 20 ms.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const AFTER_MS = 15_000;

export function settleMemory(): void {
  setTimeout(() => {
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
  }, AFTER_MS).unref();
}
