/** The command as a user calls it: exit codes, and what is said when the door refuses. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { realClock } from '../base/clock.ts';
import { createLog } from '../base/log.ts';
import { openIdentity } from '../kernel/apiserver/index.ts';

const MAIN = resolve(import.meta.dirname, 'main.ts');

async function llmos(args: readonly string[], state: string): Promise<{ code: number; stderr: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args], { env: { ...process.env, LLMOS_STATE: state, LLMOS_RUN: state, LLMOS_CONFIG: join(state, 'none.yaml') } });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stderr };
}

test('wrong arguments end with 2 and say what would be right', async () => {
  for (const args of [['no-such-command'], ['status', '--no-such-flag'], ['apply'], ['module', 'load']]) {
    const { code, stderr } = await llmos(args, tmpdir());
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, /^llmos: /);
  }
});

test('a refusal of the door is one line and ends with 1', async () => {
  const state = mkdtempSync(join(tmpdir(), 'llmos-cli-'));
  mkdirSync(join(state, 'pki'));
  const identity = openIdentity({ folder: join(state, 'pki'), clock: realClock, log: createLog({ write: () => {} }), names: ['127.0.0.1'], clusterDomain: 'cluster.local' });
  const door = createServer({ key: identity.server.keyPem, cert: identity.server.certificatePem }, (request, response) => {
    request.resume();
    response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ kind: 'Status', code: 400, reason: 'BadRequest', message: 'it is needed' }));
  }).listen(0, '127.0.0.1');
  try {
    await once(door, 'listening');
    writeFileSync(join(state, 'pki/admin.kubeconfig'), identity.kubeconfig(`https://127.0.0.1:${(door.address() as AddressInfo).port}`));
    assert.deepEqual(await llmos(['module', 'unload', 'core'], state), { code: 1, stderr: 'llmos: it is needed\n' });
  } finally {
    door.close();
    rmSync(state, { recursive: true, force: true });
  }
});
