/** A full disk, real and played by a bound: what is refused, what is kept, and how room is made. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isStoreError, type Store } from './store.ts';
import { big, closeAll, inFolder, key, open } from './testing/in-folder.ts';
import { configMap, rejects } from './testing/objects.ts';

/** Creates until the store is full; gives the names that were acknowledged. */
async function fill(store: Store): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let index = 0; index < 2_000; index++) {
    try {
      await store.create(key(index), big(index));
      acknowledged.push(String(index));
    } catch (error) {
      assert.ok(isStoreError(error, 'full'), String(error));
      return acknowledged;
    }
  }
  return assert.fail('it never became full');
}

describe('store: a full disk', () => {
  it('says when it is full, keeps what it has, and writes again when there is room', inFolder(async (folder) => {
    const store = open(folder, { maxDiskBytes: 400_000 });
    const acknowledged = await fill(store);
    assert.ok(acknowledged.length > 10);
    await rejects(store.create(key('more'), big('more')), 'full');
    assert.equal(store.list('/').items.length, acknowledged.length);
    for (const name of acknowledged.slice(0, 10)) await store.delete(key(name));
    await store.compact();
    for (let index = 0; index < 5; index++) await store.create(key(`later-${index}`), big(index));
    const before = store.list('/').items.map((each) => each.bytes.toString());
    await store.close();
    assert.deepEqual(open(folder).list('/').items.map((each) => each.bytes.toString()), before);
  }));

  it('makes room by itself when history fills it', inFolder(async (folder) => {
    const store = open(folder, { maxDiskBytes: 400_000 });
    let { revision } = await store.create(key('one'), big('one'));
    let full = 0;
    for (let index = 0; index < 200; index++) {
      try {
        ({ revision } = await store.update(key('one'), big('one'), { revision }));
      } catch (error) {
        assert.ok(isStoreError(error, 'full'), String(error));
        full += 1;
        await store.compact();
      }
    }
    assert.ok(full > 0 && full < 20, `${full} times full`);
    await store.close();
  }));

  it('outlives a disk that is really full', { skip: process.getuid?.() === 0 ? false : 'mounting needs root' }, inFolder(async (folder) => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    try {
      const ballast = join(disk, 'ballast');
      writeFileSync(ballast, Buffer.alloc(300_000));
      const store = open(join(disk, 'state'));
      const acknowledged = await fill(store);
      await rejects(store.create(key('more'), big('more')), 'full');
      assert.ok(acknowledged.every((name) => store.get(key(name)) !== undefined));
      truncateSync(ballast, 0);
      await store.create(key('more'), big('more'));
      await store.close();
      const again = open(join(disk, 'state'));
      assert.equal(again.list('/').items.length, acknowledged.length + 1);
      await again.close();
    } finally {
      execFileSync('umount', [disk]);
    }
  }));

  it('deletes on a disk that others fill to the last byte again and again, refuses what grows, and has its reserve back when there is room', { skip: process.getuid?.() === 0 ? false : 'mounting needs root' }, inFolder(async (folder) => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk]);
    const filler = openSync(join(disk, 'filler'), 'a');
    writeSync(filler, Buffer.alloc(4_000_000, 1));
    try {
      const takeAll = (): void => {
        for (const bytes of [65_536, 4_096, 1]) for (let full = false; !full;) try { writeSync(filler, Buffer.alloc(bytes, 1)); } catch { full = true; }
      };
      const reserved = (): number => statSync(join(disk, 'state', 'store.reserve')).size;
      const store = open(join(disk, 'state'));
      const whole = reserved();
      const acknowledged = await fill(store);
      takeAll();
      const [updated = '', deleting = '', ...others] = acknowledged;
      const going = others.splice(0, Math.floor(others.length / 2));
      for (const name of going) {
        await store.delete(key(name));
        takeAll();
        await rejects(store.create(key('more'), big('more')), 'full');
      }
      let { revision } = store.get(key(updated)) as { revision: number };
      ({ revision } = await store.update(key(updated), big(updated), { revision }));
      await rejects(store.update(key(updated), configMap(updated, { text: 'x'.repeat(20_000) }), { revision }), 'full');
      const marked = { ...big(deleting), metadata: { ...big(deleting).metadata, deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['a.b/c'] } };
      await store.update(key(deleting), marked, { revision: (store.get(key(deleting)) as { revision: number }).revision });
      takeAll();
      await store.delete(key(deleting), { object: marked });
      const left = store.list('/').items.map((each) => each.bytes.toString());
      assert.deepEqual(left.length, others.length + 1);
      await store.close();
      // It is opened on the full disk as well.
      const again = open(join(disk, 'state'));
      assert.deepEqual(again.list('/').items.map((each) => each.bytes.toString()), left);
      takeAll();
      await again.delete(key(updated));
      await rejects(again.create(key('more'), big('more')), 'full');
      truncateSync(join(disk, 'filler'), 0);
      await again.create(key('more'), big('more'));
      assert.equal(reserved(), whole);
      await again.close();
    } finally {
      closeSync(filler);
      await closeAll();
      execFileSync('umount', [disk]);
    }
  }));
});
