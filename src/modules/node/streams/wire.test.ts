import assert from 'node:assert/strict';
import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import type { RouteRequest } from '../../../sdk/module.ts';
import { acceptSpdy } from './wire.ts';

test('a client that does not end its part of a connection that is over is dropped', async ({ mock }) => {
  const [client, socket] = duplexPair();
  const request = { http: { headers: { upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' } }, upgrade: { socket, head: Buffer.alloc(0) }, signal: new AbortController().signal } as unknown as RouteRequest;
  client.resume();
  mock.timers.enable({ apis: ['setTimeout'] });
  const { wire } = acceptSpdy(request, ['v4.channel.k8s.io']);
  let isOver = false;
  wire.onData(() => {});
  wire.onClose(() => { isOver = true; });
  wire.close();
  await once(client, 'end');
  mock.timers.tick(29_000);
  assert.ok(!socket.destroyed && !isOver, 'it has time to end its part');
  const closed = once(socket, 'close');
  mock.timers.tick(2_000);
  await closed;
  assert.ok(isOver);
});
