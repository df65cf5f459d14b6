/** Faults, caused rather than played: a kill in the middle of writes, a full disk, a damaged file, a second process. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { openStore } from './open-store.ts';
import { configMap, rejects } from './store.conformance.ts';
import { isStoreError, type Store, type StoreOptions } from './store.ts';

const BURST = join(import.meta.dirname, 'testing', 'burst.ts');
const opened: Store[] = [];
const key = (name: string | number): string => `/core/configmaps/default/${name}`;
const big = (name: string | number) => configMap(String(name), { text: 'x'.repeat(8_000) });

function open(folder: string, options: Partial<StoreOptions> = {}): Store {
  const store = openStore({ folder, clock: realClock, log: silentLog, ...options });
  opened.push(store);
  return store;
}

function inFolder(body: (folder: string) => Promise<void>) {
  return async (): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-store-'));
    try {
      await body(folder);
    } finally {
      for (const store of opened.splice(0)) await store.close();
      rmSync(folder, { recursive: true });
    }
  };
}

function burst(folder: string): ChildProcess {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', BURST, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Leaves what a process leaves that is killed while it writes. */
async function killedInBurst(folder: string): Promise<void> {
  const child = burst(folder);
  const exited = once(child, 'exit');
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  child.kill('SIGKILL');
  await exited;
}

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
      for (const each of opened) await each.close();
      execFileSync('umount', [disk]);
    }
  }));

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

  it('is opened by one process only, and says by which', inFolder(async (folder) => {
    const child = burst(folder);
    const exited = once(child, 'exit');
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    assert.throws(() => open(folder), (error) => isStoreError(error, 'locked') && error.message.includes(`pid ${child.pid}`));
    child.kill('SIGKILL');
    await exited;
    const store = open(folder);
    assert.throws(() => open(folder), (error) => isStoreError(error, 'locked'));
    await store.create(key('still'), configMap('still'));
    await store.close();
  }));

  it('says that its disk is read-only, and opens when it is not', { skip: process.getuid?.() === 0 ? false : 'mounting needs root' }, inFolder(async (folder) => {
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
    try {
      const store = open(join(disk, 'state'));
      await store.create(key('one'), configMap('one'));
      await store.close();
      execFileSync('mount', ['-o', 'remount,ro', disk]);
      assert.throws(() => open(join(disk, 'state')), (error) => isStoreError(error, 'failed') && /mounted read-only/.test(error.message));
      assert.throws(() => open(join(disk, 'other')), (error) => isStoreError(error, 'failed') && /mounted read-only/.test(error.message));
      execFileSync('mount', ['-o', 'remount,rw', disk]);
      const again = open(join(disk, 'state'));
      assert.equal(again.list('/').items.length, 1);
      await again.close();
    } finally {
      execFileSync('umount', [disk]);
    }
  }));

  it('says whose it must be when it may not be opened', { skip: process.getuid?.() === 0 ? false : 'being another user needs root' }, inFolder(async (folder) => {
    const store = open(folder);
    await store.create(key('one'), configMap('one'));
    await store.close();
    // The process that opens it is another user, for a moment.
    process.seteuid?.(65_534);
    try {
      assert.throws(() => open(folder), (error) => isStoreError(error, 'failed') && /chown/.test(error.message));
    } finally {
      process.seteuid?.(0);
    }
    assert.equal(open(folder).list('/').items.length, 1);
  }));

  it('leaves the store of a newer llmos alone', inFolder(async (folder) => {
    await open(folder).close();
    const db = new DatabaseSync(join(folder, 'store.db'));
    db.exec('PRAGMA user_version=99');
    db.close();
    assert.throws(() => open(folder), (error) => isStoreError(error, 'damaged') && /newer llmos \(format 99, this one knows 1\)/.test(error.message));
  }));

  it('says what is in its way', inFolder(async (folder) => {
    mkdirSync(join(folder, 'a', 'store.db'), { recursive: true });
    writeFileSync(join(folder, 'b'), 'no folder');
    for (const name of ['a', 'b']) assert.throws(() => open(join(folder, name)), (error) => isStoreError(error, 'failed') && /is in the way|may not be opened/.test(error.message));
  }));

  it('needs no shared memory file, and minds none that lies there', inFolder(async (folder) => {
    await killedInBurst(folder);
    assert.throws(() => statSync(join(folder, 'store.db-shm')), { code: 'ENOENT' });
    writeFileSync(join(folder, 'store.db-shm'), Buffer.alloc(32_768, 0x55));
    assert.ok(open(folder).list('/').items.length > 0);
  }));

  it('lets only its owner read', inFolder(async (folder) => {
    const state = join(folder, 'state');
    const store = open(state);
    await store.create(key('one'), configMap('one'));
    await store.backup(join(folder, 'copy.db'));
    const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    assert.deepEqual([state, join(state, 'store.db'), join(state, 'store.db-wal'), join(folder, 'copy.db')].map(mode), ['700', '600', '600', '600']);
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
