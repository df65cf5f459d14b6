/** A real HAProxy that is stopped for a while: what is taken for silence, and when it is killed for it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { isRunning } from '../../base/sys/is-running.ts';
import { eventually } from '../testing/eventually.ts';
import { stopProcess } from '../testing/stop-process.ts';
import { askHaproxy, HaproxySilentError } from './commands.ts';
import { createKeeper } from './keeper.ts';
import { endHaproxy, endSilent, haproxyFiles, haproxyPid, startHaproxy } from './process.ts';

const READY_MS = 20_000;

/** Of a HAProxy that goes with the test. */
async function begin(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'llmos-silence-'));
  test.after(() => endHaproxy(folder));
  const { configuration, socket } = haproxyFiles(folder);
  await writeFile(configuration, ['global', `  stats socket ${socket} mode 600 level admin`, '  stats timeout 1d', 'defaults', '  mode http', '  timeout client 60s', 'frontend f', `  bind unix@${join(folder, 'f.sock')}`, ''].join('\n'));
  await startHaproxy('haproxy', folder, { passing: [], fds: [], timeoutMs: READY_MS });
  return folder;
}

async function stop(folder: string): Promise<number> {
  const pid = haproxyPid(folder)!;
  await stopProcess(pid);
  return pid;
}

/** How many connections its socket for commands has, with those that it did not take, and itself (HAProxy made it as `haproxy.sock.PID.tmp`): of one that is stopped none goes away. */
function connections(folder: string): number {
  return readFileSync('/proc/net/unix', 'utf8').split('\n').filter((line) => line.includes(` ${haproxyFiles(folder).socket}.`)).length;
}

describe('a silence of HAProxy', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy', concurrency: true }, () => {
  it('is none where the answer is there and this process stood still', async (test) => {
    const folder = await begin(test);
    const { socket } = haproxyFiles(folder);
    const pid = await stop(folder);
    const answerMs = 1_000;
    const began = performance.now();
    const asked = askHaproxy(socket, 'show info', { answerMs });
    for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve));
    process.kill(pid, 'SIGCONT');
    // Who comes later is answered: so is the one before.
    const later = `require('node:net').connect(${JSON.stringify(socket)}, function () { this.end('show info\\n'); }).resume().on('error', () => process.exit(1));`;
    while (performance.now() - began < answerMs * 1.2) assert.equal(spawnSync(process.execPath, ['-e', later]).status, 0);
    assert.match(await asked, /^Name: HAProxy\n/);
    await stop(folder);
    await assert.rejects(askHaproxy(socket, 'show info', { answerMs: 100 }), HaproxySilentError);
  });

  it('has to come twice before one is killed that is to give way', async (test) => {
    const folder = await begin(test);
    const pid = await stop(folder);
    const before = connections(folder);
    const ended = endSilent(folder);
    await eventually(async () => connections(folder) === before + 2 || !isRunning(pid), { what: 'it is asked again', timeoutMs: 60_000 });
    process.kill(pid, 'SIGCONT');
    await ended;
    assert.equal(haproxyPid(folder), pid);
    await stop(folder);
    await endSilent(folder);
    assert.equal(haproxyPid(folder), undefined);
  });

  it('is not held against the process that came after', async (test) => {
    const folder = await begin(test);
    const abort = new AbortController();
    test.after(() => abort.abort('down'));
    let looked = false;
    const next = Promise.withResolvers<{ pid: number; before: number }>();
    const replace = async (): Promise<void> => {
      const first = haproxyPid(folder)!;
      process.kill(first, 'SIGKILL');
      await eventually(async () => haproxyPid(folder) === undefined, { what: 'the first one is gone' });
      await startHaproxy('haproxy', folder, { passing: [], fds: [], timeoutMs: READY_MS });
      keeper.attend();
      await keeper.line!.ask('show info');
      next.resolve({ pid: await stop(folder), before: connections(folder) });
    };
    const keeper = createKeeper({
      folder, name: 'HAProxy', log: silentLog, signal: abort.signal,
      start: () => Promise.reject(new Error('not of this test')),
      async look() {
        if (looked) return;
        looked = true;
        void keeper.enqueue(replace).catch(next.reject);
        throw new HaproxySilentError();
      },
    });
    keeper.attend();
    keeper.keep();
    const { pid, before } = await next.promise;
    await eventually(async () => connections(folder) >= before + 3 || !isRunning(pid), { what: 'it is asked a third time', timeoutMs: 60_000 });
    assert.ok(isRunning(pid));
    await eventually(async () => !isRunning(pid), { what: 'it is killed after the third', timeoutMs: 60_000 });
  });
});
