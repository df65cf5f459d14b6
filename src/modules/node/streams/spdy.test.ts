import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDeflate, constants, deflateSync, inflateSync } from 'node:zlib';
import { SPDY_DICTIONARY } from './spdy-dictionary.ts';
import { spdySession, type SpdyStream } from './spdy.ts';

/** A client as client-go's: headers in one zlib stream. */
function client(): (headers: Record<string, string>) => Promise<Buffer> {
  const deflate = createDeflate({ dictionary: SPDY_DICTIONARY });
  let out: Buffer[] = [];
  deflate.on('data', (chunk: Buffer) => out.push(chunk));
  const word = (text: string): Buffer => Buffer.concat([u32(text.length), Buffer.from(text)]);
  return (headers) => new Promise((resolve) => {
    deflate.write(Buffer.concat([u32(Object.keys(headers).length), ...Object.entries(headers).flatMap(([key, value]) => [word(key), word(value)])]));
    deflate.flush(constants.Z_SYNC_FLUSH, () => setImmediate(() => { resolve(Buffer.concat(out)); out = []; }));
  });
}
const u32 = (value: number): Buffer => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(value); return bytes; };
const synStream = (id: number, block: Buffer): Buffer => { const payload = Buffer.concat([u32(id), u32(0), Buffer.from([0, 0]), block]); return Buffer.concat([Buffer.from([0x80, 3, 0, 1]), Buffer.from([0]), u32(payload.length).subarray(1), payload]); };
const data = (id: number, text: string, fin = 0): Buffer => Buffer.concat([u32(id), Buffer.from([fin]), u32(text.length).subarray(1), Buffer.from(text)]);

test('streams with headers, data and ends, in any pieces', async () => {
  const sent: Buffer[] = [];
  const streams: SpdyStream[] = [];
  const got: string[] = [];
  const session = spdySession((chunk) => void sent.push(chunk), (stream) => {
    streams.push(stream);
    stream.onData = (chunk) => void got.push(`${stream.id}:${chunk}`);
    stream.onEnd = () => void got.push(`${stream.id} ended`);
  });
  const block = client();
  const bytes = Buffer.concat([
    synStream(1, await block({ streamtype: 'error', port: '80', requestid: '0' })), synStream(3, await block({ streamtype: 'data', port: '80', requestid: '0' })), data(3, 'hello'), data(3, '', 1),
  ]);
  for (let at = 0; at < bytes.length; at += 7) await session.receive(bytes.subarray(at, at + 7));
  assert.deepEqual(streams.map((stream) => [stream.id, stream.headers.get('streamtype'), stream.headers.get('port')]), [[1, 'error', '80'], [3, 'data', '80']]);
  assert.deepEqual(got, ['3:hello', '3 ended']);
  assert.equal(sent.length, 2);
  const first = sent[0]!.subarray(12);
  assert.deepEqual(inflateSync(first, { dictionary: SPDY_DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH }), u32(0), 'a client can read the reply');
  streams[1]!.send(Buffer.from('back'));
  assert.deepEqual(sent[2], data(3, 'back'));
});

test('a ping is answered', async () => {
  const sent: Buffer[] = [];
  const session = spdySession((chunk) => void sent.push(chunk), () => {});
  const ping = Buffer.from([0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 9]);
  await session.receive(ping);
  assert.deepEqual(sent[0], ping);
});

test('what breaks the rules ends the session, and nothing else', async () => {
  const session = () => spdySession(() => {}, () => {});
  const bomb = deflateSync(Buffer.alloc(40_000_000), { dictionary: SPDY_DICTIONARY });
  assert.ok(bomb.length < 60_000);
  const before = process.memoryUsage().rss;
  await assert.rejects(session().receive(synStream(1, bomb)), /too long|cannot be read/);
  assert.ok(process.memoryUsage().rss - before < 30_000_000, 'the block was inflated in whole');
  await assert.rejects(session().receive(synStream(1, Buffer.from('no zlib'))));
  await assert.rejects(session().receive(Buffer.from([0x80, 3, 0, 1, 0, 0, 0, 0])));
  await assert.rejects(session().receive(synStream(1, deflateSync(Buffer.alloc(4, 0xff), { dictionary: SPDY_DICTIONARY }))));
  const block = client();
  await assert.rejects((async () => {
    const many = session();
    for (let id = 1; id < 10_000; id += 2) await many.receive(synStream(id, await block({ streamtype: 'data' })));
  })(), /cannot be opened/);
});

test('any bytes are refused or ignored', async () => {
  let seed = Number(process.env['LLMOS_SEED'] ?? Date.now() % 1_000_000);
  const random = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
  const block = client();
  const valid = Buffer.concat([synStream(1, await block({ streamtype: 'data', port: '80' })), data(1, 'hello'), data(1, '', 1), Buffer.from([0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 9])]);
  for (let round = 0; round < 500; round++) {
    const bytes = Buffer.from(valid);
    for (let count = 1 + random(6); count > 0; count--) bytes[random(bytes.length)] = random(256);
    await spdySession(() => {}, (stream) => stream.end()).receive(bytes).catch((error: unknown) => assert.ok(error instanceof Error, `seed ${seed}`));
  }
});

test('streams that have ended are forgotten', async () => {
  const block = client();
  const session = spdySession(() => {}, (stream) => stream.end());
  for (let id = 1; id < 5_000; id += 2) await session.receive(Buffer.concat([synStream(id, await block({ streamtype: 'data' })), data(id, '', 1)]));
});
