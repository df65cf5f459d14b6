/** What is said where HAProxy cannot be had, to who has no part in the Services of others. HAProxy is played by a script. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../../base/log.ts';
import type { Service } from '../../../api/generated/core-v1.ts';
import { createProxiedServices } from './proxied.ts';
import { slice } from '../testing/machine.ts';

test('the cause is the same each time, names no Service, and is told of when it turns', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'llmos-failure-'));
  const stop = new AbortController();
  try {
    const program = join(folder, 'haproxy');
    await writeFile(program, '#!/bin/sh\necho "[ALERT] ($$) : config : Proxy \'secret:ledger:443\': no more memory" >&2\nexit 1\n', { mode: 0o700 });
    const turns: (string | undefined)[] = [];
    const proxies = createProxiedServices({ program, folder: join(folder, 'run'), gatewayIp: '127.0.0.1', nodeName: 'n1', log: silentLog, signal: stop.signal, turned: () => turns.push(proxies.failure('default/web')) });
    const web: Service = { metadata: { name: 'web', namespace: 'default', annotations: { 'llmos.dev/load-balancing': 'least-connection' } }, spec: { clusterIP: '10.62.0.9', ports: [{ port: 80, protocol: 'TCP' }] } };
    await proxies.want('default/web', web, [slice('web', ['10.61.0.2'])]);
    for (let times = 0; times < 2; times++) await assert.rejects(proxies.flush(), /secret:ledger:443/, 'the log has all of it');
    assert.deepEqual(turns, ['it ended with code 1 as it was started']);
    assert.deepEqual(existsSync(join(folder, 'run')) && readdirSync(join(folder, 'run')).filter((name) => name.includes('haproxy.cfg')), [], 'what was refused is kept nowhere');
    await proxies.want('default/web', undefined, []);
    await proxies.settle();
    await proxies.flush();
    assert.deepEqual(turns.slice(1), [undefined], 'nothing is asked of it');
  } finally {
    stop.abort();
    await rm(folder, { recursive: true, force: true });
  }
});

test('a Service that no port is free for is told so, and is no fault of the others', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'llmos-failure-'));
  const stop = new AbortController();
  try {
    const program = join(folder, 'haproxy');
    await writeFile(program, '#!/bin/sh\nexit 0\n', { mode: 0o700 });
    let turns = 0;
    // An address of no machine here: none of its ports can be had.
    const proxies = createProxiedServices({ program, folder: join(folder, 'run'), gatewayIp: '192.0.2.1', nodeName: 'n1', log: silentLog, signal: stop.signal, turned: () => turns++ });
    const web = (type: string): Service => ({ metadata: { name: 'web', namespace: 'default', annotations: { 'llmos.dev/load-balancing': type } }, spec: { clusterIP: '10.62.0.9', ports: [{ port: 80, protocol: 'TCP' }] } });
    for (let times = 0; times < 2; times++) await assert.rejects(proxies.want('default/web', web('least-connection'), [slice('web', ['10.61.0.2'])], 'ip'), /no port of 192\.0\.2\.1/);
    await proxies.want('default/web', web('least-connection'), [], 'ip6');
    assert.match(proxies.failure('default/web') ?? '', /^no port of 192\.0\.2\.1 between \d+ and \d+ is free for the proxy$/);
    assert.deepEqual([proxies.failure('default/other'), turns], [undefined, 1]);
    await proxies.want('default/web', web('round-robin'), [slice('web', ['10.61.0.2'])], 'ip');
    assert.deepEqual([proxies.failure('default/web'), turns], [undefined, 2]);
  } finally {
    stop.abort();
    await rm(folder, { recursive: true, force: true });
  }
});
