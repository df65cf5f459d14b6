import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, it } from 'node:test';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { openStore } from './open-store.ts';
import { restoreBackup } from './restore.ts';
import { collect, configMap } from './testing/objects.ts';
import { isStoreError, type Store, type StoreErrorCode } from './store.ts';

let folder: string;
let store: Store;
const open = (): Store => (store = openStore({ folder, clock: realClock, log: silentLog }));
const backup = (): string => join(folder, 'copy.db');
const throws = (work: () => unknown, code: StoreErrorCode): void => assert.throws(work, (error) => isStoreError(error, code));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'llmos-store-'));
  await open().create('/core/configmaps/default/old', configMap('old'));
  await store.backup(backup());
  await store.create('/core/configmaps/default/new', configMap('new'));
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

it('brings a backup back, and tells clients that saw more to list again', async () => {
  const seen = store.revision;
  throws(() => restoreBackup({ from: backup(), folder, overwrite: true }), 'locked');
  await store.close();
  throws(() => restoreBackup({ from: backup(), folder }), 'exists');
  const restored = restoreBackup({ from: backup(), folder, overwrite: true });
  open();
  assert.deepEqual(store.list('/').items.map((each) => each.key), ['/core/configmaps/default/old']);
  assert.deepEqual(restored, { objects: 1, revision: store.revision });
  assert.ok(store.revision > seen);
  throws(() => collect(store, '/core/configmaps/', { fromRevision: seen }), 'compacted');
  assert.ok((await store.create('/core/configmaps/default/next', configMap('next'))).revision > restored.revision);
  assert.ok(existsSync(join(folder, 'store.db.replaced')));
});

it('takes the place of a damaged store, but never puts a damaged backup there', async () => {
  await store.close();
  throws(() => restoreBackup({ from: join(folder, 'none'), folder }), 'missing');
  writeFileSync(join(folder, 'bad.db'), 'x'.repeat(10_000));
  throws(() => restoreBackup({ from: join(folder, 'bad.db'), folder, overwrite: true }), 'damaged');
  open();
  assert.equal(store.list('/').items.length, 2);
  await store.close();
  truncateSync(join(folder, 'store.db'), 5_000);
  throws(open, 'damaged');
  assert.equal(restoreBackup({ from: backup(), folder, overwrite: true }).objects, 1);
  assert.equal(open().list('/').items.length, 1);
});
