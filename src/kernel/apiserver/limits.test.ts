/** What floods and slow or silent clients get: an answer that says so, or the end of their connection; and the others are served. */
import assert from 'node:assert/strict';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { after, before, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { Pod } from '../../api/kinds.ts';
import { openDoor, type OpenDoor } from './testing/open-door.ts';
import { eventually } from '../../sdk/testing/eventually.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
/** One that is impatient, and one that has few places. */
let hasty: OpenDoor;
let small: OpenDoor;
let door: OpenDoor;
before(async () => {
  hasty = await openDoor({ limits: { firstRequestMs: 1_200, bodyMs: 1_000, idleMs: 1_600 } });
  small = await openDoor({ limits: { maxConnectionsPerAddress: 40, maxWatches: 8, maxRequestsInFlight: 8 } });
  door = hasty;
});
after(async () => {
  await hasty.close();
  await small.close();
});

interface Raw {
  socket: TLSSocket;
  /** All that came, when the connection is closed. */
  ended: Promise<string>;
}

async function open(): Promise<Raw> {
  const { identity, listener } = door;
  const socket = connect({ host: '127.0.0.1', port: listener.port, ca: identity.caPem, cert: identity.admin.certificatePem, key: identity.admin.keyPem, ALPNProtocols: ['http/1.1'] });
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  const ended = new Promise<string>((resolve) => socket.on('close', () => resolve(text)).on('error', () => {}));
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  return { socket, ended };
}

test('a head that comes byte by byte, and a connection that says nothing, are ended', async () => {
  const [slow, silent] = [await open(), await open()];
  slow.socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n');
  const drops = setInterval(() => slow.socket.write('X'), 50);
  assert.doesNotMatch(await slow.ended, /200 OK/);
  clearInterval(drops);
  assert.equal(await silent.ended, '');
  const tcp = connectTcp(door.listener.port, '127.0.0.1');
  await new Promise((resolve) => tcp.on('close', resolve).on('error', () => {}));
});

test('who sends no HTTP, and a long body after it, gets the answer and no reset', async () => {
  door = small;
  const { socket, ended } = await open();
  const faults: Error[] = [];
  socket.on('error', (error) => faults.push(error));
  socket.write(`POST ${CONFIG_MAPS}?a=\u0005 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n`);
  socket.pause();
  socket.write(Buffer.alloc(2_000_000, 'x'));
  setTimeout(() => socket.resume(), 300); // it looks for the answer when it has said all
  assert.match(await ended, /^HTTP\/1\.1 400 Bad Request\r\n/);
  assert.deepEqual(faults, []);
  door = hasty;
});

test('a body that comes drop by drop gets an answer and the end', async () => {
  const { socket, ended } = await open();
  socket.write(`POST ${CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`);
  const drops = setInterval(() => socket.write(' '), 50);
  const text = await ended;
  clearInterval(drops);
  assert.match(text, /^HTTP\/1\.1 504 [\s\S]*"reason":"Timeout"/);
});

test('a connection is kept while it is used, and ended when it is idle, in HTTP/2 too', async () => {
  const { socket, ended } = await open();
  for (let round = 0; round < 4; round += 1) {
    socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 250));
    assert.equal(socket.closed, false);
  }
  assert.equal((await ended).match(/200 OK/g)?.length, 4);
  const session = connectHttp2(`https://127.0.0.1:${door.listener.port}`, { ca: door.identity.caPem });
  await new Promise((resolve) => session.on('close', resolve).on('error', () => {}));
});

test('a watch is not idle', async () => {
  const watch = await door.watch(`${CONFIG_MAPS}?watch=true`);
  await new Promise((resolve) => setTimeout(resolve, 2_300));
  await door.call('POST', CONFIG_MAPS, { body: { metadata: { name: 'late' } } });
  for (let line = await watch.next(); line?.object.metadata.name !== 'late'; line = await watch.next()) assert.notEqual(line, undefined, 'the watch goes on');
  watch.close();
});

test('heads and bodies that are too big', async () => {
  const { socket, ended } = await open();
  socket.write(`GET /readyz HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(70_000)}\r\n\r\n`);
  assert.match(await ended, /^HTTP\/1\.1 431 /);
  const big = await door.call('POST', CONFIG_MAPS, { body: { metadata: { name: 'x' }, data: { a: 'x'.repeat(4_000_000) } } });
  assert.deepEqual([big.status, big.json.reason], [413, 'RequestEntityTooLarge']);
});

test('who wants the connection closed gets the answer to a body that is too big, and no reset', async () => {
  const { socket, ended } = await open();
  const faults: Error[] = [];
  socket.on('error', (error) => faults.push(error));
  const [piece, pieces] = [Buffer.alloc(500_000, 'x'), 16];
  socket.pause(); // it looks for the answer when it has said all
  socket.write(`POST ${CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${pieces * piece.length}\r\n\r\n`);
  for (let sent = 0; sent < pieces; sent += 1) await new Promise((resolve) => socket.write(piece, resolve));
  socket.resume();
  assert.match(await ended, /^HTTP\/1\.1 413 [\s\S]*"reason":"RequestEntityTooLarge"/);
  assert.deepEqual(faults, []);
});

test('an address gets so many connections', async () => {
  door = small;
  const opened = await Promise.allSettled(Array.from({ length: 60 }, open));
  const raws = opened.filter((each) => each.status === 'fulfilled').map(({ value }) => value);
  for (const { socket } of raws) socket.destroy();
  assert.ok(raws.length <= 40 && raws.length >= 20, `${raws.length} of 60`);
  await Promise.all(raws.map(({ ended }) => ended));
  await eventually(() => open().then(({ socket }) => (socket.destroy(), true), () => false), { what: 'the places are given back' });
});

test('a user gets so many watches, is told to come again, and leaves some to others', async () => {
  const watches = [];
  for (let n = 0; n < 6; n += 1) watches.push(await door.watch(`${CONFIG_MAPS}?watch=true`));
  const refused = await door.call('GET', `${CONFIG_MAPS}?watch=true`);
  assert.deepEqual([refused.status, refused.json.reason, refused.headers['retry-after']], [429, 'TooManyRequests', '1']);
  const other = await door.watch(`${CONFIG_MAPS}?watch=true`, { 'impersonate-user': 'other', 'impersonate-group': 'system:masters' });
  assert.equal(other.status, 200);
  for (const watch of [...watches, other]) watch.close();
  await eventually(async () => {
    const again = await door.watch(`${CONFIG_MAPS}?watch=true`);
    again.close();
    return again.status === 200;
  }, { what: 'the places are given back' });
});

test('a user gets so many requests at once, and others are served meanwhile', async () => {
  const slow = await Promise.all(Array.from({ length: 6 }, open));
  for (const { socket } of slow) socket.write(`POST ${CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n`);
  await eventually(async () => (await door.call('GET', CONFIG_MAPS)).status === 429, { what: 'one more is refused' });
  const refused = await door.call('GET', CONFIG_MAPS);
  assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '1']);
  assert.equal((await door.call('GET', CONFIG_MAPS, { headers: { 'impersonate-user': 'other', 'impersonate-group': 'system:masters' } })).status, 200);
  for (const { socket } of slow) socket.destroy();
  await Promise.all(slow.map(({ ended }) => ended));
  await eventually(async () => (await door.call('GET', CONFIG_MAPS)).status === 200, { what: 'the places are given back' });
});

test('clients with big bodies that go away let the next ones in', async () => {
  const gone = await Promise.all(Array.from({ length: 4 }, open));
  for (const { socket } of gone) socket.write(`POST ${CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n{`);
  const underWay = async (): Promise<number> => [...(await door.call('GET', '/metrics')).text.matchAll(/^apiserver_current_inflight_requests\{.*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
  await eventually(async () => (await underWay()) >= 5, { what: 'they have begun' });
  const next = Promise.all(['next-1', 'next-2'].map((name) => door.call('POST', CONFIG_MAPS, { body: { metadata: { name }, data: { a: 'x'.repeat(100_000) } } })));
  for (const { socket } of gone) socket.destroy();
  assert.deepEqual((await next).map(({ status }) => status), [201, 201]);
});

test('logs that are followed take no place from requests', async () => {
  const withdraw = door.server.route({ kind: Pod, subresource: 'log', handle: async ({ response }) => void response!.write('a line') });
  await door.call('POST', '/api/v1/namespaces/default/pods', { body: { metadata: { name: 'chatty' }, spec: { containers: [{ name: 'c', image: 'x' }] } } });
  const follows = await Promise.all(Array.from({ length: 12 }, open));
  for (const { socket } of follows) {
    socket.write('GET /api/v1/namespaces/default/pods/chatty/log?follow=true HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('data', resolve));
  }
  assert.equal((await door.call('GET', CONFIG_MAPS)).status, 200);
  for (const { socket } of follows) socket.destroy();
  withdraw();
});

test('a client that does not read holds up nobody, and big answers arrive whole', async () => {
  for (let n = 0; n < 8; n += 1) await door.call('POST', CONFIG_MAPS, { body: { metadata: { name: `big-${n}` }, data: { a: 'x'.repeat(700_000) } } });
  const { socket } = await open();
  socket.pause();
  socket.write(`GET ${CONFIG_MAPS} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const { json, bytes } = await door.call('GET', CONFIG_MAPS);
  assert.equal(json.items.filter((each: { data?: { a: string } }) => each.data?.a?.length === 700_000).length, 8);
  assert.ok(bytes.length > 5_000_000);
  socket.destroy();
});

test('a big write leaves the thread to others between its steps', async () => {
  const data = Object.fromEntries(Array.from({ length: 40_000 }, (_, n) => [`k${n}`, 'value']));
  let rounds = 0;
  let longestMs = 0;
  let isOver = false;
  let atMs = performance.now();
  const count = (): void => {
    rounds += 1;
    longestMs = Math.max(longestMs, performance.now() - atMs);
    atMs = performance.now();
    if (!isOver) setImmediate(count);
  };
  const fromMs = performance.now();
  const big = door.call('POST', CONFIG_MAPS, { body: { metadata: { name: 'steps' }, data } });
  setImmediate(count);
  assert.equal((await big).status, 201);
  isOver = true;
  const tookMs = performance.now() - fromMs;
  assert.ok(longestMs < tookMs * 0.75, `the longest of ${rounds} rounds took ${Math.round(longestMs)} ms of ${Math.round(tookMs)}`);
});
