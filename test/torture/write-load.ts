/**
 * A process that writes to a store as fast as it can and says, a line each, what it is about to do and what was acknowledged:
 *
 *   open REVISION OLDEST     the store is open
 *   try KEY N                the write number N of this key is sent; even numbers divisible by 4 delete
 *   ack KEY N REVISION
 *
 * Each key has one writer, whose numbers go up. Every object holds its number and a text that follows from it, so a half one shows.
 * Arguments: the folder, and how many writes to do (none: until it is killed). With LLMOS_LOAD_COMPACT=1 the history is compacted meanwhile.
 */
import { writeSync } from 'node:fs';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { openStore } from '../../src/kernel/store/index.ts';
import { isDeletion, KEYS, keyOf, numberOf, objectOf } from './write-load-object.ts';

const store = openStore({ folder: process.argv[2] as string, clock: realClock, log: silentLog });
let left = Number(process.argv[3] ?? Infinity);
/** At once, so that nothing acknowledged is lost in a buffer. */
const say = (line: string): void => void writeSync(1, `${line}\n`);

async function writer(index: number): Promise<void> {
  const key = keyOf(index);
  let state = store.get(key);
  // A deletion leaves no number behind: the past has it.
  let number = state === undefined ? Number(process.env[`LLMOS_LOAD_${index}`] ?? 0) : numberOf(state.object);
  while (left-- > 0) {
    number += 1;
    say(`try ${index} ${number}`);
    const object = objectOf(index, number);
    if (state !== undefined && isDeletion(number)) {
      const { revision } = await store.delete(key, number % 8 === 0 ? { object } : {});
      state = undefined;
      say(`ack ${index} ${number} ${revision}`);
    } else {
      state = state === undefined ? await store.create(key, object) : await store.update(key, object, { revision: state.revision });
      say(`ack ${index} ${number} ${state.revision}`);
    }
  }
}

say(`open ${store.revision} ${store.compactedRevision}`);
const compacting = setInterval(() => process.env['LLMOS_LOAD_COMPACT'] === '1' && void store.compact(Math.max(store.compactedRevision, store.revision - 200)).catch(() => {}), 20);
await Promise.all(Array.from({ length: KEYS }, (_, index) => writer(index)));
clearInterval(compacting);
if (process.argv[4] === 'stay') {
  say('done');
  setInterval(() => {}, 1_000);
} else await store.close();
