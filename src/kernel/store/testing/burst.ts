/** A process that writes as fast as it can, 16 at a time, and says each acknowledged write on standard output. Argument: the folder. */
import { writeSync } from 'node:fs';
import { realClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { openStore } from '../open-store.ts';

const store = openStore({ folder: process.argv[2] as string, clock: realClock, log: silentLog });
let next = 0;

async function writer(): Promise<never> {
  for (;;) {
    const name = `w${next++}`;
    const key = `/core/configmaps/default/${name}`;
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } };
    let state = await store.create(key, { ...object, data: { text: 'x'.repeat(2_000) } });
    state = await store.update(key, { ...object, data: { text: 'y'.repeat(1_500), sum: name } }, { revision: state.revision });
    // At once, so that nothing acknowledged is lost in a buffer.
    writeSync(1, `${name} ${state.revision}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, writer));
