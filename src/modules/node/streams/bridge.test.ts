/** Real processes behind channels that a test holds. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Status } from '../../../api/errors.ts';
import { start } from '../../../base/sys/run.ts';
import { bridge } from './bridge.ts';
import { CHANNELS, type Channels } from './web-socket.ts';

const folder = mkdtempSync(join(tmpdir(), 'llmos-bridge-'));
after(() => rmSync(folder, { recursive: true }));

test('a command that does not read holds its client, and has all of it when it does', async () => {
  let say: Parameters<Channels['onMessage']>[0] = () => {};
  let paused = false;
  let output = '';
  let closed = (): void => {};
  let status: Partial<Status> = {};
  const channels: Channels = {
    send: (_channel, data) => { output += data.toString(); }, full: false, onDrain() {}, onMessage: (callback) => { say = callback; }, onClose: (callback) => { closed = callback; },
    pause: () => { paused = true; }, resume: () => { paused = false; }, end(how) { status = how; closed(); }, close: () => closed(),
  };
  const child = start('sh', ['-c', 'while [ ! -e read ]; do sleep 0.02; done; wc -c'], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
  const done = bridge(child, channels, { stdin: true, stdout: true, stderr: true, abandoned: () => void child.kill('SIGKILL') });
  let sentBytes = 0;
  for (; sentBytes < 64 * 1024 * 1024 && !paused; sentBytes += 65_536) say(CHANNELS.stdin, Buffer.alloc(65_536));
  assert.ok(sentBytes <= 2 * 1024 * 1024, `held after ${sentBytes} bytes`);
  say(CHANNELS.close, Buffer.from([CHANNELS.stdin]));
  writeFileSync(join(folder, 'read'), '');
  await done;
  assert.deepEqual([paused, output.trim(), status.status], [false, String(sentBytes), 'Success']);
});

test('a command that ends without reading holds nobody', async () => {
  let say: Parameters<Channels['onMessage']>[0] = () => {};
  let [pauses, resumes] = [0, 0];
  let closed = (): void => {};
  const channels: Channels = {
    send() {}, full: false, onDrain() {}, onMessage: (callback) => { say = callback; }, onClose: (callback) => { closed = callback; },
    pause: () => { pauses++; }, resume: () => { resumes++; }, end: () => closed(), close: () => closed(),
  };
  const child = start('sh', ['-c', 'exec sleep 1000'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const done = bridge(child, channels, { stdin: true, stdout: true, stderr: true, abandoned() {} });
  while (pauses === 0) say(CHANNELS.stdin, Buffer.alloc(1024 * 1024));
  child.kill('SIGKILL');
  await done;
  assert.deepEqual([pauses, resumes], [1, 1]);
  say(CHANNELS.stdin, Buffer.alloc(4 * 1024 * 1024));
  assert.equal(pauses, 1);
});
