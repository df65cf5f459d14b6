/** What keeps a store from being opened, and what it says then; who may read it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { isStoreError } from './store.ts';
import { burst, inFolder, key, killedInBurst, open } from './testing/in-folder.ts';
import { configMap } from './testing/objects.ts';

describe('store: opening', () => {
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
});
