import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning } from '../../base/sys/is-running.ts';
import { run } from '../../base/sys/run.ts';
import { bindLine, createListening, type Place } from './listening.ts';

const IP = `127.${50 + (process.pid % 100)}.${(process.pid >> 7) % 250}.7`;

test('places have the numbers of their sockets, in order; what is not kept is closed', () => {
  const listening = createListening();
  const places: Place[] = [{ address: IP, port: 25_101 }, { address: IP, port: 25_102 }];
  const first = listening.take(places);
  assert.deepEqual(places.map(first.numberOf), [3, 4]);
  const second = listening.take(places.slice(1));
  assert.deepEqual([second.fds, second.numberOf(places[1]!), second.numberOf(places[0]!)], [[first.fds[1]], 3, undefined]);
  listening.keep(second.fds);
  assert.deepEqual(listening.take(places).fds[1], first.fds[1], 'the same socket');
  listening.close();
  assert.equal(bindLine(places[0]!, 3, ' proto h2'), `  bind fd@3 proto h2 # ${IP}:25101`);
  assert.equal(bindLine({ address: 'fd00::1', port: 80 }, undefined), '  bind [fd00::1]:80');
});

test('who comes while HAProxy is down is answered by the next one, of either family', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy', timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'llmos-listening-'));
  const listening = createListening();
  const places: Place[] = [{ address: IP, port: 25_103 }, ...(existsSync('/proc/net/if_inet6') ? [{ address: '::1', port: 20_000 + (process.pid % 5_000) }] : [])];
  const { fds, numberOf } = listening.take(places);
  const begin = async (): Promise<number> => {
    await run('haproxy', ['-D', '-f', join(folder, 'cfg'), '-p', join(folder, 'pid')], { fds, timeoutMs: 20_000 });
    return Number(await readFile(join(folder, 'pid'), 'utf8'));
  };
  let pid = 0;
  try {
    const binds = places.filter((place) => numberOf(place) !== undefined).map((place) => bindLine(place, numberOf(place)));
    assert.ok(binds.length > 0);
    await writeFile(join(folder, 'cfg'), ['global', '  maxconn 100', 'defaults', '  mode http', '  timeout client 60s', 'frontend f', ...binds, '  http-request return status 200 content-type text/plain string hello', ''].join('\n'));
    pid = await begin();
    process.kill(pid, 'SIGKILL');
    while (isRunning(pid)) await sleep(1);
    const waiting = Promise.all(places.filter((place) => numberOf(place) !== undefined).map(({ address, port }) => new Promise<number | undefined>((resolve, reject) => {
      get({ host: address, port, agent: false }, (response) => resolve(response.resume().statusCode)).on('error', reject);
    })));
    waiting.catch(() => {});
    await sleep(50);
    pid = await begin();
    assert.deepEqual(new Set(await waiting), new Set([200]));
  } finally {
    if (pid > 0 && isRunning(pid)) process.kill(pid, 'SIGKILL');
    listening.close();
    await rm(folder, { recursive: true, force: true });
  }
});
