import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { haproxyFiles } from '../../../sdk/haproxy/process.ts';
import { ask, HaproxyOnLoopback } from '../testing/haproxy-on-loopback.ts';
import { createCounting } from './counting.ts';

test('an answer of which a part is missing wipes nothing', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy', timeout: 120_000 }, async (t) => {
  const haproxy = new HaproxyOnLoopback();
  t.after(() => haproxy.end());
  await haproxy.start();
  const port = await haproxy.carry('told', { 'load-balancing': 'least-connection' }, [await haproxy.well(2)], 'http');
  for (let i = 0; i < 3; i++) assert.equal(await ask(port), '2');

  /** Of answers to commands that begin so, only what this leaves comes through, as of a process that ends in the midst of it. */
  let broken: { command: string; left(answer: string): string } | undefined;
  const { socket } = haproxyFiles(join(haproxy.folder, 'haproxy'));
  const between = join(haproxy.folder, 'between.sock');
  const server = createServer({ allowHalfOpen: true }, (client) => void client.once('data', (command) => {
    const call = connect(socket, () => call.end(command));
    void call.setEncoding('utf8').toArray().then((chunks: string[]) => {
      const answer = chunks.join('');
      client.end(broken !== undefined && command.toString().startsWith(broken.command) ? broken.left(answer) : answer);
    });
  }));
  t.after(() => void server.close());
  await new Promise<void>((resolve) => server.listen(between, resolve));

  const counting = createCounting(between);
  await counting.count();
  counting.nextProcess();
  await counting.count();
  const known = counting.total();
  assert.equal(known.get('llmos_service_requests_total{namespace="shop",service="told",port="80",code="2xx"}'), 6, 'of two processes');
  const parts: ((answer: string) => string)[] = [() => '', (answer) => answer.slice(0, 20), (answer) => answer.slice(0, answer.indexOf('\n') + 1), (answer) => answer.slice(0, answer.length / 2), (answer) => answer.slice(0, -1)];
  for (const command of ['show stat', 'show table']) {
    for (const left of parts) {
      broken = { command, left };
      await assert.rejects(counting.count(), /broke off/);
      assert.deepEqual(counting.total(), known);
    }
  }
  broken = undefined;
  await counting.count();
  assert.deepEqual(counting.total().get('llmos_service_requests_total{namespace="shop",service="told",port="80",code="2xx"}'), 6);
});
