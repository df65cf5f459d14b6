import assert from 'node:assert/strict';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createServer } from '../../../base/http.ts';
import { drained } from './drained.ts';

const PIECE = Buffer.alloc(1 << 20, 'x');

test('a client that reads slowly is waited for, without a listener more each time; one that has gone is not', { timeout: 60_000 }, async (t) => {
  let waits = 0;
  const listeners: number[] = [];
  const over = Promise.withResolvers<void>();
  const server = createServer({}, (_request, response) => void (async () => {
    while (!response.destroyed) {
      if (response.write(PIECE)) continue;
      waits += 1;
      await drained(response);
      listeners.push(response.listenerCount('close') + response.listenerCount('drain'));
    }
    over.resolve();
  })());
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const answer = await new Promise<IncomingMessage>((resolve) => get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: false }, resolve));
  answer.on('error', () => {});
  for await (const _ of answer) if (waits > 20) break;
  answer.destroy();
  await over.promise;
  assert.ok(listeners.length > 20 && new Set(listeners.slice(0, 20)).size === 1, listeners.join());
});
