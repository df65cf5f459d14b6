import assert from 'node:assert/strict';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { hybridComplaint } from './machine.ts';

test('two hierarchies of control groups at once are complained of where the second is mounted, not where its folder is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unified-'));
  assert.equal(hybridComplaint(folder), undefined);
  rmdirSync(folder);
  assert.equal(hybridComplaint(folder), undefined);
  assert.match(hybridComplaint('/proc') ?? '', /start llmos with \.\/llmos/);
});
