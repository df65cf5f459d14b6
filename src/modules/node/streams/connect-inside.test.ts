import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { connectInside } from './connect-inside.ts';

const OWN = '/proc/self/ns/net';

async function listening(answer: (socket: Socket) => void): Promise<{ port: number; close(): void }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => answer(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as { port: number }).port, close: () => server.close() };
}

test('both ways, to the end', async () => {
  const { port, close } = await listening((socket) => void socket.pipe(socket));
  const stream = await connectInside(OWN, port);
  const sent = Buffer.alloc(300_000, 'x');
  stream.end(sent);
  const got: Buffer[] = [];
  for await (const data of stream) got.push(data as Buffer);
  assert.deepEqual(Buffer.concat(got), sent);
  close();
});

test('nobody listens', async () => {
  const { port, close } = await listening(() => {});
  close();
  // On a busy machine it is known only later, and whoever wrote meanwhile gets no second fault.
  const failed = connectInside(OWN, port).then(async (stream) => {
    for (let index = 0; index < 50; index += 1) stream.write('GET / HTTP/1.1\r\n\r\n');
    await once(stream, 'close');
    throw stream.errored ?? new Error('it ended without a word');
  });
  await assert.rejects(failed, /ECONNREFUSED/);
});

test('who is there goes at once: what was written meanwhile is no fault', async () => {
  const { port, close } = await listening((socket) => socket.resetAndDestroy());
  for (let tries = 0; tries < 5; tries += 1) {
    const stream = await connectInside(OWN, port).catch(() => undefined);
    stream?.on('error', () => {});
    for (let index = 0; index < 200 && stream?.destroyed === false; index += 1) {
      stream.write(Buffer.alloc(10_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    stream?.destroy();
  }
  close();
});
