/** The setting is played by a file. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../testing/eventually.ts';
import { createMigration } from './migration.ts';

test('the setting is on for a moment, for all who want it, and off again also when llmos is killed meanwhile', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'llmos-migration-'));
  try {
    const [setting, one, other] = ['setting', 'one', 'other'].map((name) => join(folder, name)) as [string, string, string];
    for (const each of [one, other]) mkdirSync(each);
    const is = (): string => readFileSync(setting, 'utf8').trim();
    writeFileSync(setting, '0\n');
    const brief = createMigration({ setting, migrateMs: 50 });
    brief.begin(one);
    assert.equal(is(), '1');
    brief.begin(other);
    assert.deepEqual([one, other].map((each) => existsSync(join(each, 'migrating'))), [true, true]);
    await eventually(async () => is() === '0', { what: 'it is put back' });
    assert.deepEqual([one, other].map((each) => existsSync(join(each, 'migrating'))), [false, false]);

    brief.begin(one);
    writeFileSync(join(other, 'migrating'), '');
    brief.resume(other);
    assert.equal(is(), '1', 'one still needs it');
    await eventually(async () => is() === '0', { what: 'it is put back' });
    assert.deepEqual([one, other].map((each) => existsSync(join(each, 'migrating'))), [false, false], 'nobody puts it back once more');

    createMigration({ setting, migrateMs: 600_000 }).begin(one);
    const next = createMigration({ setting });
    next.resume(other);
    assert.equal(is(), '1', 'there is no note');
    next.resume(one);
    assert.deepEqual([is(), existsSync(join(one, 'migrating'))], ['0', false]);

    writeFileSync(setting, '1\n');
    next.begin(one);
    next.resume(one);
    assert.deepEqual([is(), existsSync(join(one, 'migrating'))], ['1', false], 'somebody else wants it');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
