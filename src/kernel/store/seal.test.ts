import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { restoreBackup } from './restore.ts';
import { createSeal, isSealed, type Seal, type Sealing, type SealingKey } from './seal.ts';
import { isStoreError, type Store } from './store.ts';
import { inFolder, open } from './testing/in-folder.ts';
import { configMap } from './testing/objects.ts';

const keyOf = (name: string, provider: SealingKey['provider'] = 'aesgcm', fill = name.charCodeAt(0)): SealingKey => ({ provider, name, secret: Buffer.alloc(32, fill) });
/** Secrets alone. */
const sealed = (...sealing: Sealing): { seal: Seal } => ({ seal: createSeal((key) => (key.startsWith('/core/secrets/') ? sealing : undefined)) });
const KEY = '/core/secrets/default/one';
const WORD = 'very-secret-indeed';
const MANY = 200;
const textOf = (store: Store, key = KEY): string => (store.get(key)?.object as { data?: { text?: string } } | undefined)?.data?.text ?? '';
const isDisclosed = (folder: string): boolean => readdirSync(folder, { recursive: true, withFileTypes: true }).some((file) => file.isFile() && readFileSync(join(file.parentPath, file.name)).includes(WORD));
const throwsSealed = (work: () => unknown, words: RegExp): void => assert.throws(work, (error) => isStoreError(error, 'sealed') && words.test((error as Error).message));

describe('what is sealed', () => {
  for (const provider of ['aesgcm', 'aescbc'] as const) it(`stands nowhere on the disk (${provider}), and is read as it was`, inFolder(async (folder) => {
    const how = sealed(keyOf('a', provider));
    let store = open(folder, how);
    await store.create(KEY, configMap('one', { text: WORD }));
    await store.create('/core/configmaps/default/plain', configMap('plain', { text: 'anybody may read this' }));
    const { revision } = store;
    await store.update(KEY, configMap('one', { text: `${WORD}!` }), { revision: store.get(KEY)!.revision });
    await store.close();
    assert.ok(!isDisclosed(folder));
    store = open(folder, how);
    assert.deepEqual([textOf(store), textOf(store, '/core/configmaps/default/plain')], [`${WORD}!`, 'anybody may read this']);
    const past = store.list('/core/secrets/', { revision }).items[0]!.object as { data?: { text?: string } };
    assert.equal(past.data?.text, WORD, 'history too');
    await store.close();
    assert.deepEqual(rowsOf(folder).map(({ value }) => isSealed(value)), [true, true]);
  }));

  it('is written anew with other keys, and plainly where nobody asks for a seal any more', inFolder(async (folder) => {
    let store = open(folder);
    await store.create(KEY, configMap('one', { text: WORD }));
    await store.update(KEY, configMap('one', { text: `${WORD} two` }), { revision: store.get(KEY)!.revision });
    await store.close();
    assert.ok(isDisclosed(folder));
    const read = async (how: { seal?: Seal }): Promise<string> => {
      store = open(folder, how);
      const text = textOf(store);
      await store.close();
      return text;
    };
    assert.equal(await read(sealed(keyOf('a'))), `${WORD} two`);
    assert.ok(!isDisclosed(folder), 'what was plain is gone, history and log included');
    assert.equal(await read(sealed(keyOf('b', 'aescbc'), keyOf('a'))), `${WORD} two`);
    assert.equal(await read(sealed(keyOf('b', 'aescbc'))), `${WORD} two`, 'the older key is needed no more');
    throwsSealed(() => open(folder, sealed(keyOf('a'))), /\/core\/secrets\/default\/one is sealed by the key "b" of aescbc.*no key of that name is configured/);
    throwsSealed(() => open(folder), /sealed by the key "b" of aescbc/);
    throwsSealed(() => open(folder, sealed(keyOf('b', 'aescbc', 7), keyOf('a'))), /the key of that name is another one/);
    assert.equal(await read(sealed(undefined, keyOf('b', 'aescbc'))), `${WORD} two`);
    assert.equal(await read({}), `${WORD} two`);
  }));

  it('leaves nothing of what was plain: not what was deleted before, nor what stood beside it', inFolder(async (folder) => {
    let store = open(folder);
    await fill(store);
    for (let index = 0; index < MANY; index += 3) await store.delete(`/core/secrets/default/${index}`);
    await store.compact();
    await store.close();
    assert.ok(isDisclosed(folder));
    store = open(folder, sealed(keyOf('a')));
    assert.equal(store.list('/core/secrets/').items.length, MANY - Math.ceil(MANY / 3));
    await store.close();
    assert.ok(!isDisclosed(folder));
  }));

  it('is wiped by the next start where a process was killed before it had done so', inFolder(async (folder) => {
    const how = sealed(keyOf('a'));
    let store = open(folder);
    await fill(store);
    for (let index = 0; index < MANY; index += 1) await store.delete(`/core/secrets/default/${index}`);
    await store.compact();
    await store.close();
    // As it stands once all is written anew and nothing is wiped.
    const db = new DatabaseSync(join(folder, 'store.db'));
    db.exec("INSERT INTO facts VALUES ('unwiped', 1)");
    db.close();
    assert.ok(isDisclosed(folder));
    store = open(folder, how);
    await store.create(KEY, configMap('one', { text: WORD }));
    await store.close();
    assert.ok(!isDisclosed(folder));
    assert.equal(textOf(open(folder, how)), WORD);
  }));

  it('is as it was where there is no room to write it anew, or something is damaged', inFolder(async (folder) => {
    const path = join(folder, 'store.db');
    let store = open(folder);
    await fill(store);
    await store.close();
    const how = sealed(keyOf('a'));
    // Each value grows by the name of the key.
    assert.throws(() => open(folder, { ...sealed(keyOf('k'.repeat(300))), maxDiskBytes: statSync(path).size }), (error) => isStoreError(error, 'full'));
    const db = new DatabaseSync(path);
    const [last] = db.prepare('SELECT revision, value FROM revisions ORDER BY revision DESC LIMIT 1').all() as { revision: number; value: Uint8Array }[];
    db.prepare('UPDATE revisions SET value = ? WHERE revision = ?').run(Buffer.from(last!.value).fill('x', 10, 11), last!.revision);
    assert.throws(() => open(folder, how), (error) => isStoreError(error, 'locked'));
    db.close();
    assert.throws(() => open(folder, how), (error) => isStoreError(error, 'damaged'));
    const again = new DatabaseSync(path);
    again.prepare('UPDATE revisions SET value = ? WHERE revision = ?').run(last!.value, last!.revision);
    again.close();
    store = open(folder);
    assert.equal(store.list('/core/secrets/').items.length, MANY, 'none was sealed');
    assert.equal(textOf(store, '/core/secrets/default/7'), `${WORD} 7 ${'x'.repeat(500)}`);
  }));

  it('cannot be put in the place of another, or changed', inFolder(async (folder) => {
    const how = sealed(keyOf('a'));
    const store = open(folder, how);
    await store.create(KEY, configMap('one', { text: WORD }));
    await store.create('/core/secrets/default/two', configMap('two', { text: 'mine' }));
    await store.close();
    const db = new DatabaseSync(join(folder, 'store.db'));
    const [one] = db.prepare('SELECT value FROM revisions WHERE key = ?').all(KEY) as { value: Uint8Array }[];
    db.prepare('UPDATE revisions SET value = ?, sum = ? WHERE key = ?').run(one!.value, crc32(one!.value), '/core/secrets/default/two');
    db.close();
    throwsSealed(() => open(folder, how), /\/core\/secrets\/default\/two is sealed by the key "a" of aesgcm, and cannot be opened: .*the value was changed/);
  }));

  it('stays so in snapshots and backups, which can be put back without the keys', inFolder(async (folder) => {
    const how = sealed(keyOf('a'));
    let store = open(folder, how);
    await store.create(KEY, configMap('one', { text: WORD }));
    await store.snapshots.create('before');
    mkdirSync(join(folder, 'copies'));
    await store.backup(join(folder, 'copies/store.copy'));
    await store.delete(KEY);
    assert.deepEqual((await store.snapshots.diff('before')).map(({ key, type }) => [key, type]), [[KEY, 'deleted']]);
    assert.equal(await store.snapshots.restore('before'), 1);
    assert.equal(textOf(store), WORD);
    await store.close();
    assert.ok(!isDisclosed(folder));
    assert.equal(restoreBackup({ from: join(folder, 'copies/store.copy'), folder, overwrite: true }).objects, 1);
    throwsSealed(() => open(folder), /sealed by the key "a"/);
    store = open(folder, how);
    assert.equal(textOf(store), WORD);
  }));
});

async function fill(store: Store): Promise<void> {
  await Promise.all(Array.from({ length: MANY }, (_each, index) => store.create(`/core/secrets/default/${index}`, configMap(String(index), { text: `${WORD} ${index} ${'x'.repeat(500)}` }))));
}

function rowsOf(folder: string): { value: Uint8Array }[] {
  const db = new DatabaseSync(join(folder, 'store.db'));
  try {
    return db.prepare('SELECT value FROM revisions WHERE key = ?').all(KEY) as { value: Uint8Array }[];
  } finally {
    db.close();
  }
}
