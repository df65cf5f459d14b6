/** A run of tests that is ended from outside leaves nothing on the machine: no process, container, mount, control group or folder. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bootInstance, eventually } from '../fixtures/instance.ts';
import { differences, holdingsOf } from '../fixtures/leaks.ts';
import { PATIENCE } from '../fixtures/patience.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** What is there without an instance. */
const NOTHING = holdingsOf({ name: 'none', state: '/none/state', run: '/none/run' });

describe('a run that is told to end', { concurrency: true }, () => {
  let folder: string;
  before(() => { folder = mkdtempSync(join(tmpdir(), 'llmos-told-')); });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** The killed one can do nothing more by itself. */
  for (const [signal, code] of [['SIGTERM', 143], ['SIGKILL', null]] as const) it(`by ${signal}`, async () => {
    const tell = join(folder, signal);
    const { LLMOS_ISOLATED: _isolated, NODE_TEST_CONTEXT: _context, ...env } = process.env;
    const runner = spawn(process.execPath, [join(ROOT, 'test/run.ts'), join(ROOT, 'test/fixtures/endless.ts')], { env: { ...env, LLMOS_TEST_TELL: tell }, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    runner.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    const ended = new Promise<number | null>((settled) => runner.once('exit', settled));
    try {
      const [name = '', state = '', run = ''] = await eventually(async () => existsSync(tell) && /\n$/.test(readFileSync(tell, 'utf8')) && readFileSync(tell, 'utf8').split('\n'), { timeoutMs: 120_000, what: 'its pod' });
      const isGone = (): boolean => differences(NOTHING, holdingsOf({ name, state, run })).length === 0 && !existsSync(dirname(state));
      assert.ok(!isGone());
      runner.kill(signal);
      assert.equal(await ended, code);
      if (signal === 'SIGTERM') assert.match(said, /^0 passed, 1 failed, 0 skipped$/m);
      else await eventually(async () => isGone(), { timeoutMs: 120_000, what: 'the end of all that it made' });
      assert.deepEqual([differences(NOTHING, holdingsOf({ name, state, run })), existsSync(dirname(state))], [[], false]);
    } finally {
      runner.kill('SIGKILL');
    }
  });
});

it('an instance that is taken down while it boots leaves no process, and boots no more', { timeout: 120_000 * PATIENCE }, async () => {
  const llmos = await bootInstance();
  await llmos.kill();
  const booting = llmos.boot().then(() => 'up', () => 'not up');
  const { pid } = llmos;
  await llmos.destroy();
  await booting;
  assert.throws(() => process.kill(pid, 0), /ESRCH/);
  await assert.rejects(llmos.boot(), /has been taken down/);
});
