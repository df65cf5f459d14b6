import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { containerMounts } from './container-mounts.ts';

const volume = realpathSync(mkdtempSync(join(tmpdir(), 'volume-')));
after(() => rmSync(volume, { recursive: true }));

const sourceOf = (subPathExpr: string): string | undefined => containerMounts({ name: 'c', volumeMounts: [{ name: 'v', mountPath: '/v', subPathExpr }] }, new Map([['v', volume]]), new Map([['POD', 'web'], ['EMPTY', '']]))[0]?.source;

test('a path is made of variables that have values', () => {
  assert.equal(sourceOf('logs/$(POD)'), join(volume, 'logs/web'));
  assert.equal(sourceOf('$$(POD)'), join(volume, '$(POD)'));
});

test('and of no others', () => {
  for (const [path, missing] of [['$(NONE)/x', 'NONE'], ['$(POD)/$(NONE)/$(EMPTY)', 'EMPTY, NONE']] as const) assert.throws(() => sourceOf(path), { message: `missing value for ${missing}` });
  assert.throws(() => sourceOf('$(POD)/../..'), /must stay within its volume/);
});
