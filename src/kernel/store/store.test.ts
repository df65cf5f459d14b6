import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { openStore } from './open-store.ts';
import { createSeal, type SealingKey } from './seal.ts';
import { storeConformance } from './testing/conformance/conformance.ts';

const secret = (fill: number): SealingKey => ({ provider: 'aesgcm', name: 'first', secret: Buffer.alloc(32, fill) });

for (const [what, more] of [['store on SQLite', {}], ['sealed store on SQLite', { seal: createSeal(() => [secret(1)]) }]] as const) storeConformance(what, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-store-'));
  const open = () => openStore({ folder, clock: realClock, log: silentLog, ...more });
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

it('keeps no parsed object of what was deleted when its watches have heard of it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-store-'));
  const store = openStore({ folder, clock: realClock, log: silentLog });
  const ending = new AbortController();
  const seen: WeakRef<object>[] = [];
  store.watch('/core/configmaps/', { signal: ending.signal }, { event: ({ stored }) => void seen.push(new WeakRef(stored.object)), error() {} });
  await sleep(20);
  await store.create('/core/configmaps/default/a', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' } });
  await store.delete('/core/configmaps/default/a');
  await sleep(20);
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let tries = 0; tries < 20 && seen.some((each) => each.deref() !== undefined); tries += 1) {
    await sleep(20);
    gc();
  }
  const left = seen.filter((each) => each.deref() !== undefined).length;
  ending.abort();
  await store.close();
  rmSync(folder, { recursive: true });
  assert.deepEqual([seen.length, left], [2, 0]);
});
