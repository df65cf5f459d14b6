/** Connections to an endpoint that left go on until their drain is over, whatever becomes of HAProxy and llmos meanwhile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isRunning } from '../../../base/sys/is-running.ts';
import { endHaproxy } from '../../../sdk/haproxy/process.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { ask, HaproxyOnLoopback, hold, net, PORT } from '../testing/haproxy-on-loopback.ts';

describe('HAProxy and endpoints that left', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, () => {
  const haproxy = new HaproxyOnLoopback();
  before(() => haproxy.start());
  after(() => haproxy.end());

  it('lets connections to one that left go on until its drain is over', async () => {
    const [stays, leaves] = await Promise.all([haproxy.well(32), haproxy.well(33)]) as [string, string];
    const port = await haproxy.carry('drain', { 'load-balancing': 'round-robin', drain: '700ms' }, [leaves]);
    const { closed, say } = hold(port);
    assert.match(await say(), /33/);
    await haproxy.carry('drain', { 'load-balancing': 'round-robin', drain: '700ms' }, [stays]);
    const leftAt = performance.now();
    assert.match(await say(), /33/, 'what is under way goes on');
    for (let i = 0; i < 6; i++) assert.equal(await ask(port), '32', 'nothing new goes there');
    const took = (await closed) - leftAt;
    assert.ok(took >= 600 && took < 10_000, `it ended after ${took} ms`);
  });

  for (const when of ['before', 'after'] as const) {
    it(`ends connections to one that left ${when} a reload too, when its drain is over`, async () => {
      const [stays, leaves] = await Promise.all([haproxy.well(when === 'before' ? 34 : 36), haproxy.well(when === 'before' ? 35 : 37)]) as [string, string];
      const asked = { 'load-balancing': 'round-robin', drain: '2s' };
      const port = await haproxy.carry('drain', asked, [leaves]);
      const { closed, say } = hold(port);
      assert.match(await say(), /35|37/);
      const first = haproxy.proxies.pid();
      let leftAt = 0;
      const leave = async (): Promise<void> => { await haproxy.carry('drain', asked, [stays]); leftAt = performance.now(); };
      if (when === 'before') await leave();
      await haproxy.carry(`other-${when}`, { 'load-balancing': 'least-connection' }, [stays]); // another listener: a reload
      assert.notEqual(haproxy.proxies.pid(), first);
      if (when === 'after') await leave();
      assert.match(await say(), /35|37/, 'what is under way goes on');
      const took = (await closed) - leftAt;
      assert.ok(took >= 1_500 && took < 20_000, `it ended after ${took} ms`);
      await eventually(async () => !isRunning(first!), { what: 'and then the process of before does' });
      await haproxy.proxies.want(`shop/other-${when}`, undefined, []);
    });
  }

  for (const [index, when] of ['before llmos ended', 'while there was none', 'before llmos ended, from a process that a reload had left behind'].entries()) {
    it(`ends connections to one that left ${when}, when its drain is over and not before`, async () => {
      const [stays, leaves] = await Promise.all([haproxy.well(60 + index * 2), haproxy.well(61 + index * 2)]) as [string, string];
      const asked = { 'load-balancing': 'round-robin', drain: '2s' };
      const port = await haproxy.carry('drain', asked, [leaves]);
      const { closed, say } = hold(port);
      await say();
      if (index === 2) await haproxy.carry('another', asked, [stays]); // another listener: a reload
      if (index !== 1) await haproxy.carry('drain', asked, [stays]);
      const leftAt = performance.now();
      haproxy.again();
      if (index === 2) await haproxy.proxies.want('shop/another', undefined, []);
      await haproxy.carry('drain', asked, [stays]);
      const took = (await closed) - leftAt;
      assert.ok(took >= 1_700 && took < 20_000, `it ended after ${took} ms`);
      assert.equal(await ask(port), String(60 + index * 2));
    });
  }

  it('ends with the connections that it has when there is nothing to carry, or on the way down', async () => {
    const echoing = createServer((socket) => void socket.on('error', () => {}).pipe(socket)).listen(PORT, net(46));
    await once(echoing, 'listening');
    await haproxy.proxies.want('shop/drain', undefined, []);
    const open = async (): Promise<{ socket: Socket; pid: number }> => {
      const socket = connect(await haproxy.carry('held', { 'load-balancing': 'least-connection' }, [net(46)]), net(1));
      await haproxy.proxies.settle();
      assert.equal(await echo(socket, 'one'), 'one');
      const pid = haproxy.proxies.pid()!;
      await haproxy.proxies.want('shop/held', undefined, []);
      await haproxy.proxies.flush();
      await haproxy.proxies.settle();
      assert.equal(haproxy.proxies.pid(), undefined, 'it is none any more');
      assert.equal(await echo(socket, 'two'), 'two', 'and goes on with what it has');
      return { socket, pid };
    };
    const first = await open();
    first.socket.destroy();
    await eventually(async () => !isRunning(first.pid), { what: 'it ends with its last connection' });
    const second = await open();
    const closed = once(second.socket, 'close');
    await endHaproxy(join(haproxy.folder, 'haproxy'));
    await closed;
    assert.ok(!isRunning(second.pid), 'who takes everything down ends it, too');
    echoing.close();
  });
});

async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  return String((await once(socket, 'data'))[0]);
}
