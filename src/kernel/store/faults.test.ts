/** Faults, caused rather than played: a kill in the middle of writes, a damaged file, a torn log; and a backup meanwhile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { isStoreError } from './store.ts';
import { big, burst, inFolder, key, killedInBurst, open } from './testing/in-folder.ts';
import { configMap } from './testing/objects.ts';

describe('store: faults', () => {
  for (const afterMs of [60, 150, 300]) {
    it(`has every acknowledged write, and no half one, after a kill -9 ${afterMs} ms into a burst`, inFolder(async (folder) => {
      const child = burst(folder);
      const exited = once(child, 'exit');
      const acknowledged = new Map<string, number>();
      const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
      lines.on('line', (line) => {
        const [name = '', revision] = line.split(' ');
        acknowledged.set(name, Number(revision));
      });
      await once(lines, 'line');
      setTimeout(() => child.kill('SIGKILL'), afterMs);
      await exited;
      const store = open(folder);
      for (const [name, revision] of acknowledged) assert.equal(store.get(key(name))?.revision, revision, `${name} is lost`);
      const { items } = store.list('/core/configmaps/');
      for (const item of items) assertWhole(item);
      assert.ok(acknowledged.size > 20 && items.length >= acknowledged.size, `${acknowledged.size} acknowledged, ${items.length} there`);
      await store.create(key('after'), configMap('after'));
      await store.close();
    }));
  }
  it('says what to do with a file that is no database, or another one', inFolder(async (folder) => {
    writeFileSync(join(folder, 'store.db'), 'this is not a database, and it is long enough to look at'.repeat(100));
    assert.throws(() => open(folder), (error) => isStoreError(error, 'damaged') && /llmos restore --force/.test(error.message));
  }));

  it('notices damaged pages and changed bytes', inFolder(async (folder) => {
    const store = open(folder);
    for (let index = 0; index < 50; index++) await store.create(key(index), configMap(String(index), { text: 'x'.repeat(1_000) }));
    await store.close();
    const path = join(folder, 'store.db');
    const whole = readFileSync(path);
    overwrite(path, whole.length - 6_000, Buffer.from('y'));
    assert.throws(() => open(folder).list('/'), (error) => isStoreError(error, 'damaged') && /not what was written/.test(error.message));
    writeFileSync(path, whole);
    overwrite(path, 4_096, Buffer.alloc(4_096, 0xff));
    assert.throws(() => open(folder), (error) => isStoreError(error, 'damaged'));
    writeFileSync(path, whole);
    truncateSync(path, whole.length - 20_000);
    assert.throws(() => open(folder), (error) => isStoreError(error, 'damaged'));
    writeFileSync(path, whole);
    const intact = open(folder);
    assert.equal(intact.list('/').items.length, 50);
    await intact.close();
  }));

  it('ignores a torn end of the write-ahead log', inFolder(async (folder) => {
    await killedInBurst(folder);
    const wal = join(folder, 'store.db-wal');
    writeFileSync(wal, Buffer.concat([readFileSync(wal), Buffer.alloc(5_000, 0x55)]));
    const store = open(folder);
    assert.ok(store.list('/').items.length > 0);
    await store.close();
  }));
  it('makes a whole backup while writes go on', inFolder(async (folder) => {
    const store = open(join(folder, 'state'));
    await Promise.all(Array.from({ length: 500 }, (_, index) => store.create(key(index), big(index))));
    const backingUp = store.backup(join(folder, 'copy', 'x.db')).then(() => assert.fail('there is no such folder'), () => store.backup(join(folder, 'copy.db')));
    const more = Array.from({ length: 500 }, (_, index) => 500 + index);
    for (const index of more) await store.create(key(index), big(index));
    await backingUp;
    mkdirSync(join(folder, 'other'));
    writeFileSync(join(folder, 'other', 'store.db'), readFileSync(join(folder, 'copy.db')));
    const other = open(join(folder, 'other'));
    assert.ok(other.list('/').items.length >= 500);
    assert.equal(other.get(key(499))?.bytes.toString(), store.get(key(499))?.bytes.toString());
    await other.close();
    await store.close();
  }));
});

function overwrite(path: string, at: number, bytes: Buffer): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, at);
  closeSync(file);
}

/** Both writes of a name are whole ones: the first has no sum yet. */
function assertWhole(item: { key: string; object: object; bytes: Buffer; revision: number }): void {
  const { data, metadata } = item.object as ReturnType<typeof configMap>;
  assert.equal(metadata.resourceVersion, String(item.revision));
  assert.match(data?.['text'] ?? '', data?.['sum'] === undefined ? /^x{2000}$/ : /^y{1500}$/);
}
