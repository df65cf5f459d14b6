/** The build: every floor type-checks, and the compiler refuses an import of a floor that is not referenced (TypeScript project references). */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');

test('all floors type-check', { timeout: 300_000 }, () => {
  let output = '';
  try {
    execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b'], { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    output = (error as { stdout?: string }).stdout || (error as Error).message;
  }
  assert.equal(output, '');
});

test('the linter finds no error', { timeout: 120_000 }, () => {
  execFileSync(process.execPath, [join(ROOT, 'node_modules/oxlint/bin/oxlint'), '--quiet'], { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' });
});
