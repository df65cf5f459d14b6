import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const PROGRAM = `
  import { createLog } from '${join(import.meta.dirname, '../base/log.ts')}';
  import { tellUnheard } from '${join(import.meta.dirname, 'unheard.ts')}';
  tellUnheard(createLog({ level: 'info' }));
  void Promise.reject(new Error('odd'));
  setTimeout(() => console.log('goes on'), 10);
`;

test('what fails while nobody waits for it is told, and ends nothing', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', PROGRAM]);
  assert.match(stdout + stderr, /error .*something failed that nobody waited for error="Error: odd/);
  assert.match(stdout, /^goes on$/m);
});
