import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { endStrays } from './strays.ts';

const id = randomBytes(16).toString('hex');
const started: ChildProcess[] = [];
after(() => { for (const { pid } of started) try { process.kill(-pid!, 'SIGKILL'); } catch { /* ended, with all of its group */ } });

/** Settles when the program says something. */
async function begin(script: string, args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', script, 'sh', ...args], { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  started.push(child);
  await once(child.stdout!, 'data');
  return child;
}

const lives = (pid: number): boolean => { try { return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')); } catch { return false; } };

test('what names the id in its arguments or its environment ends, with what it began meanwhile; others go on', { timeout: 10_000 }, async () => {
  const byArgument = await begin('echo on; while true; do sleep 1; done', ['-c', id]);
  const byEnvironment = await begin('echo on; exec sleep 1000', [], { CNI_CONTAINERID: id });
  const deaf = await begin('trap "" TERM INT HUP; (echo on; while true; do sleep 0.01; done) & wait', [], { CNI_CONTAINERID: id });
  const other = await begin('echo on; exec sleep 1000', ['-c', randomBytes(16).toString('hex')]);
  const ends = [byArgument, byEnvironment, deaf].map((child) => once(child, 'exit'));
  endStrays(id);
  for (const [, signal] of await Promise.all(ends)) assert.equal(signal, 'SIGKILL');
  await sleep(100);
  assert.ok(lives(other.pid!), 'another container is being made');
  const left = spawn('sh', ['-c', `grep -lsE '${id.slice(0, 16)}[${id[16]}]${id.slice(17)}' /proc/[0-9]*/environ /proc/[0-9]*/cmdline`], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  left.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(left, 'close');
  assert.equal(text.trim(), '', 'no child of those that were killed goes on');
});

test('what is no id ends nobody', () => {
  for (const word of ['', 'a', 'sleep', '../x']) assert.throws(() => endStrays(word), /is no id/);
});
