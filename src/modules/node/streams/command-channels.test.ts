import assert from 'node:assert/strict';
import { duplexPair, PassThrough } from 'node:stream';
import { test } from 'node:test';
import { constants, deflateSync } from 'node:zlib';
import { isApiError } from '../../../api/errors.ts';
import type { RouteRequest } from '../../../sdk/module.ts';
import { acceptCommand } from './command-channels.ts';
import { SPDY_DICTIONARY } from './spdy-dictionary.ts';

const STREAMS = { stdin: false, stdout: true, stderr: true, tty: false };

function asking(headers: Record<string, string>): { request: RouteRequest; answered: () => string } {
  const socket = new PassThrough();
  const request = { http: { headers: { upgrade: 'SPDY/3.1', ...headers } }, upgrade: { socket, head: Buffer.alloc(0) }, signal: AbortSignal.abort() };
  return { request: request as unknown as RouteRequest, answered: () => String(socket.read() ?? '') };
}

const VERSIONS = 'x-stream-protocol-version';

for (const [title, headers, streams, reason, message] of [
  ['no protocol', {}, STREAMS, 'BadRequest', /names no protocol/],
  ['a protocol that nobody knows', { [VERSIONS]: 'v9.channel.k8s.io' }, STREAMS, 'Forbidden', /client supports \[v9.channel.k8s.io\], server accepts \[v4.channel.k8s.io/],
  ['no stream', { [VERSIONS]: 'v4.channel.k8s.io' }, { ...STREAMS, stdout: false, stderr: false }, 'BadRequest', /at least 1 of stdin, stdout, stderr/],
  ['no upgrade to what is known', { upgrade: 'h2c' }, STREAMS, 'BadRequest', /^Upgrade request required$/],
] as const) test(`a command over ${title} is refused`, async () => {
  const { request, answered } = asking(headers);
  await assert.rejects(acceptCommand(request, streams), (error: unknown) => isApiError(error, reason) && message.test(error.message));
  assert.equal(answered(), '', 'it was upgraded before');
});

test('who sends much before all its streams are open is let go', async () => {
  const [client, socket] = duplexPair();
  const request = { http: { headers: { upgrade: 'SPDY/3.1', [VERSIONS]: 'v4.channel.k8s.io' } }, upgrade: { socket, head: Buffer.alloc(0) }, signal: new AbortController().signal } as unknown as RouteRequest;
  const u32 = (value: number): Buffer => { const bytes = Buffer.alloc(4); bytes.writeUInt32BE(value); return bytes; };
  const text = (word: string): Buffer => Buffer.concat([u32(word.length), Buffer.from(word)]);
  const head = Buffer.concat([u32(1), u32(0), Buffer.from([0, 0]), deflateSync(Buffer.concat([u32(1), text('streamtype'), text('stdin')]), { dictionary: SPDY_DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH })]);
  const accepted = assert.rejects(acceptCommand(request, { ...STREAMS, stdin: true }), /went away before it opened its streams/);
  client.on('error', () => {}).resume();
  client.write(Buffer.concat([Buffer.from([0x80, 3, 0, 1, 0]), u32(head.length).subarray(1), head]));
  const bytes = 100_000;
  for (let sent = 0; sent < 20; sent += 1) client.write(Buffer.concat([u32(1), Buffer.from([0]), u32(bytes).subarray(1), Buffer.alloc(bytes)]));
  await accepted;
  assert.ok(socket.destroyed);
});
