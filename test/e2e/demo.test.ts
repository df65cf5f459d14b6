/** What `npm start` runs, from the boot to the answers of three pods; twice in a row. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { hasWebImage, useWebImage } from '../fixtures/web-image.ts';

const exec = promisify(execFile);
const LAUNCHER = resolve(import.meta.dirname, '../../llmos');

test('the demo shows the web example working, twice in a row', { timeout: 300_000, skip: hasWebImage() ? false : 'the package mirror could not be reached' }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-demo-'));
  const env = { ...process.env, LLMOS_STATE: join(folder, 'state'), LLMOS_RUN: join(folder, 'run'), LLMOS_CONFIG: join(folder, 'config.yaml') };
  writeFileSync(env.LLMOS_CONFIG, 'instance: demo\n');
  useWebImage(env.LLMOS_STATE);
  try {
    const { stdout: first } = await exec(LAUNCHER, ['demo'], { env });
    for (const phase of ['load', 'probe', 'core', 'modules', 'init']) assert.match(first, new RegExp(`\\] ${phase} +\\d+\\.\\d ms`));
    assert.match(first, /step 2 of \d+: RUN apt-get update && apt-get install -y nginx/);
    const { stdout: second } = await exec(LAUNCHER, ['demo'], { env });
    for (const output of [first, second]) {
      assert.deepEqual([...output.matchAll(/^web-\S+ +10\.244\.\S+ +(\d+)$/gm)].map((match) => match[1]), ['10', '10', '10'], output);
      assert.match(output, /The service: +http:\/\/10\.97\.0\.\d+\//);
      assert.match(output, /Three things to try next:\n( {2}\.\/llmos .*\n){2} {2}\.\/llmos /);
    }
    const { stdout: page } = await exec('curl', ['-sf', 'http://127.0.0.1/']);
    assert.match(page, /It runs\./);
  } finally {
    await exec(LAUNCHER, ['down', '--purge'], { env });
    rmSync(folder, { recursive: true, force: true });
  }
});
