/**
 * Memory against time, from the moment that boot is over. The heap may grow by half between two collections of the old generation, where V8 would
 * double and more: under a load of writes that is a quarter less memory, for some more cpu. And what only boot needed is given back: a quiet llmos would
 * keep 10 to 20 MiB of boot's garbage for minutes, so it is collected once, a while after boot, in a pause of some 20 ms.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const AFTER_MS = 15_000;
const GROWTH_PERCENT = 50;

export function settleMemory(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  setTimeout(() => {
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
  }, AFTER_MS).unref();
}
