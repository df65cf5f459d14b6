import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDeflate, constants, inflateSync } from 'node:zlib';
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
