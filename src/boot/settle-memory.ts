/**
 * Memory against time, from the moment that boot is over. The heap may grow by half between two collections of the old generation, where V8 would
 * double and more: under a load of writes that is a quarter less memory, for some more cpu. And what only boot needed is given back: a quiet llmos would
 * keep 10 to 20 MiB of boot's garbage for minutes, so it is collected once, a while after boot, in a pause of some 20 ms.
 */
import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const AFTER_MS = 15_000;
const GROWTH_PERCENT = 50;
const LOOK_EVERY_MS = 1_000;
/** So much less than the heap had before is worth a slow collection. */
const KEPT_BYTES = 12 * 1_024 * 1_024;
/** Without a collection for so long little is allocated, and the program goes on at its full speed. */
const PATIENCE_MS = 10_000;

export function settleMemory(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  setTimeout(() => {
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
  }, AFTER_MS).unref();
  giveBackPages();
}

/**
 * V8 keeps the pages of a heap that has become smaller until a collection that is to save memory, which it starts by itself only where hardly anything
 * is allocated. So when much is kept, the next collection is made one of that sort; it is slower than others, so not all are.
 */
function giveBackPages(): void {
  let mostBytes = 0;
  let collections = 0;
  let patience: NodeJS.Timeout | undefined;
  const asBefore = (): void => {
    clearTimeout(patience);
    setFlagsFromString('--no-optimize-for-size');
    observer.disconnect();
    mostBytes = collections = 0;
    look.refresh();
  };
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().filter(isOfAll).length;
    // The first may have begun before it was told.
    if (collections >= 2) asBefore();
  });
  const look = setTimeout(() => {
    const { total_heap_size: totalBytes } = getHeapStatistics();
    mostBytes = Math.max(mostBytes, totalBytes);
    if (mostBytes - totalBytes < KEPT_BYTES) return void look.refresh();
    setFlagsFromString('--optimize-for-size');
    observer.observe({ entryTypes: ['gc'] });
    patience = setTimeout(asBefore, PATIENCE_MS).unref();
  }, LOOK_EVERY_MS).unref();
}

function isOfAll(entry: PerformanceEntry): boolean {
  return (entry as PerformanceEntry & { detail: { kind: number } }).detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}
