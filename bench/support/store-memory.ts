/** Opens the store in a folder (the argument) in a fresh process, and prints what an object takes beside its JSON, in bytes: `{"heap": .., "resident": ..}`. */
import { readFileSync } from 'node:fs';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { openStore } from '../../src/kernel/store/index.ts';

const residentBytes = (): number => Number(/^Pss:\s+(\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1]) * 1_024;
const heapBytes = (): number => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

const before = { heap: heapBytes(), resident: residentBytes() };
const store = openStore({ folder: process.argv[2] as string, clock: realClock, log: silentLog });
const { objects, objectBytes } = store.stats();
const each = (after: number, start: number): number => (after - start - objectBytes) / objects;
console.log(JSON.stringify({ heap: each(heapBytes(), before.heap), resident: each(residentBytes(), before.resident) }));
await store.close();
