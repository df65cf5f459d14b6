/** Ports over SPDY as client-go speaks it, to real servers on this machine. */
import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { constants, createDeflate } from 'node:zlib';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { SPDY_DICTIONARY } from './spdy-dictionary.ts';
import { tunnel } from './tunnel.ts';
import type { Wire } from './wire.ts';

const servers: Server[] = [];
after(() => { for (const server of servers) server.close(); });

async function listen(serve: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => serve(socket.on('error', () => {})));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const u32 = (value: number): Buffer => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(value); return bytes; };
const control = (type: number, payload: Buffer): Buffer => Buffer.concat([Buffer.from([0x80, 3, 0, type, 0]), u32(payload.length).subarray(1), payload]);

/** The other end of a tunnel: what it sends, and what came back, by stream: its text, and `.` for its end, `!` for a reset. */
function client(): { open(id: number, headers: Record<string, string>): Promise<void>; send(id: number, text: string, fin?: boolean): void; reset(id: number): void; close(): void; said(id: number): string; paused: boolean; dropped: boolean; done: Promise<void> } {
  const deflate = createDeflate({ dictionary: SPDY_DICTIONARY });
  let out: Buffer[] = [];
  deflate.on('data', (chunk: Buffer) => out.push(chunk));
  const said = new Map<number, string>();
  const hear = (id: number, text: string): void => void said.set(id, (said.get(id) ?? '') + text);
  let give: (data: Buffer) => void = () => {};
  let closed: () => void = () => {};
  const wire: Wire = {
    send(frame) {
      if ((frame[0]! & 0x80) === 0) hear(frame.readUInt32BE(0), frame.subarray(8).toString() + (frame[4] === 1 ? '.' : ''));
      else if (frame.readUInt16BE(2) === 3) hear(frame.readUInt32BE(8), '!');
    },
    bufferedBytes: 0, open: true, onData: (callback) => { give = callback; }, onClose: (callback) => { closed = callback; }, close: () => closed(),
    drop: () => { it.dropped = true; },
    pause: () => { it.paused = true; },
    resume: () => { it.paused = false; },
  };
  const word = (text: string): Buffer => Buffer.concat([u32(text.length), Buffer.from(text)]);
  const it = {
    async open(id: number, headers: Record<string, string>) {
      deflate.write(Buffer.concat([u32(Object.keys(headers).length), ...Object.entries(headers).flatMap(([key, value]) => [word(key), word(value)])]));
      await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, () => setImmediate(resolve)));
      give(control(1, Buffer.concat([u32(id), u32(0), Buffer.from([0, 0]), ...out])));
      out = [];
    },
    send: (id: number, text: string, fin = false) => give(Buffer.concat([u32(id), Buffer.from([fin ? 1 : 0]), u32(text.length).subarray(1), Buffer.from(text)])),
    reset: (id: number) => give(control(3, Buffer.concat([u32(id), u32(5)]))),
    close: () => closed(),
    said: (id: number) => said.get(id) ?? '',
    paused: false,
    dropped: false,
    done: Promise.resolve(),
  };
  it.done = tunnel(wire, (port) => new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true }, () => resolve(socket)).once('error', reject);
  }));
  return it;
}

test('half a connection may end before the other, and streams come in any order', async () => {
  const port = String(await listen((socket) => {
    let got = '';
    socket.on('data', (data) => (got += data.toString())).on('end', () => socket.end(`got ${got}`));
  }));
  const user = client();
  await user.open(1, { streamtype: 'data', port, requestid: '7' });
  user.send(1, 'early', true);
  await user.open(3, { streamtype: 'error', port, requestid: '7' });
  await eventually(async () => user.said(1) === 'got early.' && user.said(3) === '.', { what: 'the answer, and the end of both' });
  await user.open(5, { streamtype: 'error', port });
  await user.open(7, { streamtype: 'data', port });
  user.send(7, 'of an old client', true);
  await eventually(async () => user.said(7) === 'got of an old client.' && user.said(5) === '.');
  user.close();
  await user.done;
});

test('a client that sends faster than the pod reads is read no further until the pod has, and all of it comes', async () => {
  const [port, closed] = [await listen((socket) => {
    let bytes = 0;
    socket.pause().on('data', (data) => (bytes += data.length)).on('end', () => socket.end(String(bytes)));
    slow = socket;
  }), await listen((socket) => socket.destroy())].map(String) as [string, string];
  let slow: Socket | undefined;
  const user = client();
  const pair = async (id: number, to: string): Promise<void> => {
    await user.open(id, { streamtype: 'data', port: to, requestid: String(id) });
    await user.open(id + 2, { streamtype: 'error', port: to, requestid: String(id) });
  };
  let sentBytes = 0;
  const flood = async (id: number): Promise<void> => {
    for (let n = 0; n < 1_024 && !user.paused; n++) {
      user.send(id, 'x'.repeat(65_536));
      sentBytes += 65_536;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await pair(1, port);
  await flood(1);
  assert.equal(user.paused, true, 'before 64 MiB lie here');
  user.send(1, '', true);
  await eventually(async () => slow !== undefined);
  slow!.resume();
  await eventually(async () => !user.paused && user.said(1) === `${sentBytes}.`, { what: 'all of it' });
  await user.open(5, { streamtype: 'data', port, requestid: '5' });
  await flood(5);
  assert.equal(user.paused, true, 'the other half is missing');
  user.reset(5);
  await user.open(7, { streamtype: 'error', port, requestid: '5' });
  await eventually(async () => !user.paused, { what: 'nobody waits for it' });
  await pair(9, closed);
  await flood(9);
  await eventually(async () => !user.paused && user.said(11).endsWith('.'), { what: 'who is gone holds up nobody' });
  user.close();
  await user.done;
});

test('a client that goes first lets go of the pod, and of the stream for errors without a word', async () => {
  let gone = 0;
  const port = String(await listen((socket) => void socket.on('close', () => (gone += 1)).on('end', () => socket.end()).resume().write('some of much')));
  const user = client();
  let id = -1;
  for (let count = 1; count <= 2_100; count++) {
    const [errors, data] = [(id += 2), (id += 2)];
    await user.open(errors, { streamtype: 'error', port, requestid: String(count) });
    user.send(errors, '', true);
    await user.open(data, { streamtype: 'data', port, requestid: String(count) });
    if (count === 1) await eventually(async () => user.said(data) === 'some of much');
    user.reset(data);
    if (count % 50 === 0) await eventually(async () => user.said(errors) === '.' && gone === count, { what: `the end of connection ${count}` });
  }
  await eventually(async () => gone === 2_100 && user.said(id - 2) === '.');
  assert.equal(user.dropped, false, 'streams that ended do not count among those that are open');
  user.close();
  await user.done;
});

test('a port where nobody listens is told of, and what is no stream of ports is refused', async () => {
  const user = client();
  await user.open(1, { streamtype: 'error', port: '1', requestid: '1' });
  await user.open(3, { streamtype: 'data', port: '1', requestid: '1' });
  await eventually(async () => user.said(1).endsWith('.') && user.said(3) === '.');
  assert.match(user.said(1), /^error forwarding port 1 to the pod: .*ECONNREFUSED/);
  for (const [at, headers] of [{ streamtype: 'data' }, { streamtype: 'data', port: '0' }, { streamtype: 'data', port: '65536' }, { streamtype: 'data', port: 'http' }, { port: '80' }, { streamtype: 'other', port: '80' }].entries()) {
    const id = 5 + 2 * at;
    await user.open(id, { ...headers, requestid: String(id) } as Record<string, string>);
    await eventually(async () => user.said(id) === '!', { what: JSON.stringify(headers) });
  }
  user.close();
  await user.done;
});
