import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { openStore } from './open-store.ts';
import { storeConformance } from './store.conformance.ts';

storeConformance('store on SQLite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-store-'));
  const open = () => openStore({ folder, clock: realClock, log: silentLog });
  let store = open();
  return {
    store,
    async reopen() {
      await store.close();
      store = open();
      return store;
    },
    async dispose() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
});
