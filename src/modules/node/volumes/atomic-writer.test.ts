import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writePayload } from './atomic-writer.ts';
import type { Payload } from './payload.ts';

const payload = (files: Record<string, string>): Payload => new Map(Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode: 0o644 }]));

test('writes once, changes at once, takes away what is gone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'payload-'));
  try {
    assert.equal(writePayload(folder, payload({ a: '1', 'sub/b': '2' })), true);
    const before = readlinkSync(join(folder, '..data'));
    assert.equal(writePayload(folder, payload({ a: '1', 'sub/b': '2' })), false);
    assert.equal(readFileSync(join(folder, 'sub/b'), 'utf8'), '2');
    assert.equal(writePayload(folder, payload({ a: '9' }), { group: 1234 }), true);
    assert.notEqual(readlinkSync(join(folder, '..data')), before);
    assert.deepEqual(readdirSync(folder).filter((name) => !name.startsWith('..')), ['a']);
    assert.equal(readFileSync(join(folder, 'a'), 'utf8'), '9');
    assert.equal(statSync(join(folder, 'a')).gid, 1234);
    assert.equal(readdirSync(folder).filter((name) => name.startsWith('..2')).length, 1);
    assert.equal(writePayload(folder, payload({ 'sub/deep/b': '2' }), { group: 1234 }), true);
    for (const path of ['.', '..data/', 'sub', 'sub/deep']) assert.deepEqual([statSync(join(folder, path)).gid, statSync(join(folder, path)).mode & 0o2050], [1234, 0o2050], `${path} is the group's`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('goes on where a writer was killed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'payload-'));
  try {
    mkdirSync(join(folder, '..2half'));
    symlinkSync('..2half', join(folder, '..data_tmp'));
    assert.equal(writePayload(folder, payload({ a: '1' })), true, 'before the rename');
    rmSync(join(folder, 'a'));
    assert.equal(writePayload(folder, payload({ a: '1' })), false, 'after the rename, before the links of the names');
    assert.equal(readFileSync(join(folder, 'a'), 'utf8'), '1');
    assert.deepEqual(readdirSync(folder).filter((name) => name === '..2half' || name === '..data_tmp'), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
