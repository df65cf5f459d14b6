import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { rotateFile } from './log-rotation.ts';

test('a log that has grown moves aside, and writing goes on at its beginning', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-log-'));
  const file = join(folder, 'llmos.log');
  const log = openSync(file, 'a+', 0o600);
  try {
    writeSync(log, 'short');
    assert.equal(rotateFile(log, 10), false);
    writeSync(log, ' and then too long');
    assert.equal(rotateFile(log, 10), true);
    writeSync(log, 'anew');
    assert.equal(readFileSync(`${file}.1`, 'utf8'), 'short and then too long');
    assert.equal(readFileSync(file, 'utf8'), 'anew');
    assert.equal(statSync(`${file}.1`).mode & 0o077, 0);
  } finally {
    closeSync(log);
    rmSync(folder, { recursive: true });
  }
});
