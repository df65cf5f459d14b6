/** WebSocket frames as no client should send them: the server outlives them, ends those connections, and serves the next. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { it } from 'node:test';
import { WebSocket } from 'ws';
import { acceptWebSocket, channelsOf, COMMAND_PROTOCOLS } from '../../src/modules/node/streams/web-socket.ts';
import type { RouteRequest } from '../../src/sdk/module.ts';
import { mutateBytes } from './fuzz/mutate.ts';
import { budget, withSeed, type Random } from './random.ts';

const ROUNDS = budget(150, 10_000);

/** A frame of a client: masked, unless it shall not be. */
function frame(opcode: number, payload: Buffer, how: { fin?: boolean; reserved?: number; length?: bigint; masked?: boolean } = {}): Buffer {
  const { fin = true, reserved = 0, length = BigInt(payload.length), masked = true } = how;
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const size = length < 126n ? Buffer.from([Number(length)]) : length < 65_536n ? Buffer.from([126, Number(length >> 8n), Number(length & 255n)]) : Buffer.concat([Buffer.from([127]), wide(length)]);
  size[0] = (size[0] as number) | (masked ? 0x80 : 0);
  return Buffer.concat([Buffer.from([first]), size, ...(masked ? [Buffer.alloc(4)] : []), payload]);
}

function wide(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

function anyFrames(random: Random): Buffer {
  const frames = Array.from({ length: 1 + random.int(6) }, () => {
    const payload = Buffer.alloc(random.pick([0, 1, 2, 125, 126, 200, 70_000]), random.int(256));
    switch (random.int(9)) {
      case 0: return frame(random.int(16), payload);
      case 1: return frame(2, payload, { length: random.pick([2n ** 63n, 2n ** 64n - 1n, 2n ** 31n, 5_000_000_000n]) });
      case 2: return frame(2, payload, { masked: false });
      case 3: return frame(random.pick([0, 1, 2]), payload, { fin: false });
      case 4: return frame(random.pick([8, 9, 10]), payload, { fin: random.chance(0.5) });
      case 5: return frame(2, payload, { reserved: random.int(8) });
      case 6: return frame(1, Buffer.from([0xff, 0xfe, 0xed, 0xa0, 0x80]));
      case 7: return frame(4, Buffer.from('{"Width":-1,"Height":1e99}'));
      default: return Buffer.concat(Array.from({ length: 2_000 }, () => frame(random.pick([0, 9]), Buffer.alloc(0), { fin: false })));
    }
  });
  const bytes = Buffer.concat(frames);
  return random.chance(0.4) ? mutateBytes(bytes, random) : bytes;
}

it('frames of all kinds', { timeout: 3_600_000 }, () => withSeed('WebSocket', async (random) => {
  const closing = new AbortController();
  let accepted = 0;
  const server = createServer().on('upgrade', (http: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {});
    acceptWebSocket({ http, upgrade: { socket, head }, signal: closing.signal } as unknown as RouteRequest, COMMAND_PROTOCOLS).then((webSocket) => {
      accepted += 1;
      const channels = channelsOf(webSocket);
      channels.onMessage((channel, data) => channels.send(channel, data));
    }, () => void socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    for (let round = 0; round < ROUNDS; round++) await converse(port, random);
    assert.ok(accepted > ROUNDS / 3, `${accepted} were accepted`);
    const client = new WebSocket(`ws://127.0.0.1:${port}`, ['v5.channel.k8s.io']);
    await once(client, 'open');
    client.send(Buffer.from([0, 1, 2]));
    const [answer] = (await once(client, 'message')) as [Buffer];
    assert.deepEqual([...answer], [0, 1, 2]);
    client.terminate();
  } finally {
    closing.abort();
    server.closeAllConnections();
    server.close();
  }
}));

async function converse(port: number, random: Random): Promise<void> {
  const socket: Socket = connect(port, '127.0.0.1');
  const closed = new Promise((settled) => socket.once('close', settled));
  socket.on('error', () => {}).resume();
  await Promise.race([once(socket, 'connect').catch(() => {}), closed]);
  const key = random.chance(0.1) ? 'short' : 'dGhlIHNhbXBsZSBub25jZQ==';
  socket.write(`GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Protocol: ${random.pick(COMMAND_PROTOCOLS) || 'v4.channel.k8s.io'}\r\n\r\n`);
  socket.write(anyFrames(random));
  setTimeout(() => socket.destroy(), random.pick([2, 10, 20]));
  await closed;
}
