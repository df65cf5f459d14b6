/** The door under requests that no client should send: it answers each, never with an internal error, never late, and holds nothing of them. */
import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { eventually } from '../../src/sdk/testing/eventually.ts';
import { PATIENCE } from '../fixtures/patience.ts';
import type { Gauge } from './fuzz/door-process.ts';
import { mutateBytes } from './fuzz/mutate.ts';
import { anyRequest, type FuzzRequest } from './fuzz/requests.ts';
import { budget, withSeed, type Random } from './random.ts';

const REQUESTS_MS = Number(process.env['LLMOS_FUZZ_MS'] ?? budget(6_000, 600_000));
const RAW_ROUNDS = budget(60, 3_000);
/** Of the processor, in one turn of the loop. */
const MOST_MS = 1_000;
/** By the clock, which is no measure on a busy machine: who has not answered by then hangs. */
const LATE_MS = 180_000 * PATIENCE;
const MOST_GROWTH_MIB = 48;

let child: ChildProcess;
let tls: { port: number; ca: string; cert: string; key: string };
let agent: Agent;

before(async () => {
  child = fork(join(import.meta.dirname, 'fuzz', 'door-process.ts'), { execArgv: ['--disable-warning=ExperimentalWarning'] });
  [tls] = (await once(child, 'message')) as [typeof tls];
  // As real clients do, they let idle connections go before the door does: else it closes some in the moment in which they are used again.
  agent = new Agent({ keepAlive: true, maxSockets: 16, timeout: 60_000 });
});
after(async () => {
  agent.destroy();
  const ended = once(child, 'exit');
  child.disconnect();
  await ended;
});

async function gauge(): Promise<Gauge> {
  const answer = once(child, 'message');
  child.send('gauge');
  return ((await answer) as [Gauge])[0];
}

function send(each: FuzzRequest): Promise<{ status: number; text: string }> {
  const { method, path, headers, body } = each;
  return new Promise((resolve, reject) => {
    const http = request({ host: '127.0.0.1', ...tls, agent, method, path, headers: body === undefined ? headers : { ...headers, 'content-length': body.length } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      // A watch goes on for as long as it was asked to.
      if (/watch/.test(path)) setTimeout(() => response.destroy(), 2_000).unref();
      response.on('close', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }));
    });
    http.setTimeout(LATE_MS, () => http.destroy(new Error(`no answer for ${LATE_MS / 1_000} s`)));
    http.on('error', reject);
    http.end(body);
  });
}

async function isWell(): Promise<void> {
  assert.equal(child.exitCode, null, 'the door has ended');
  const { status } = await send({ method: 'GET', path: '/api/v1/namespaces/default/configmaps?limit=1', headers: {}, body: undefined });
  assert.equal(status, 200);
}

/** What the door holds when it has worked off what came in: streams that were given up wait for their turns as others do. */
async function settled(): Promise<Gauge> {
  let [last, longestMs] = [await gauge(), 0];
  await eventually(async () => {
    const before = last;
    last = await gauge();
    longestMs = Math.max(longestMs, before.longestMs, last.longestMs);
    return Math.abs(last.heapMib - before.heapMib) < 1;
  }, { timeoutMs: 180_000, everyMs: 1_000, what: 'the end of the work' });
  return { ...last, longestMs };
}

/** Runs something against the door: afterwards it is well, was never held up, and is no larger than after the first round of the same. */
async function underWatch(work: () => Promise<void>): Promise<void> {
  await work();
  await isWell();
  const first = await settled();
  await work();
  await isWell();
  await send({ method: 'DELETE', path: '/api/v1/namespaces/default/configmaps', headers: {}, body: undefined });
  const second = await settled();
  const longestMs = Math.max(first.longestMs, second.longestMs);
  console.log(`  longest turn ${Math.round(longestMs)} ms, heap ${first.heapMib.toFixed(0)} to ${second.heapMib.toFixed(0)} MiB, ${second.objects} objects`);
  assert.ok(longestMs < MOST_MS, `the loop stood still for ${Math.round(longestMs)} ms`);
  assert.ok(second.heapMib - first.heapMib < MOST_GROWTH_MIB, `the heap grew from ${first.heapMib} to ${second.heapMib} MiB`);
}

const show = ({ method, path, headers, body }: FuzzRequest): string => `${method} ${path} ${JSON.stringify(headers)}\n${body === undefined ? '' : `base64 ${body.toString('base64').slice(0, 20_000)}\ntext ${body.toString('utf8').slice(0, 2_000)}`}`;

/** What upstream answers by a 500 without a reason though the patch is wrong (handlers/patch.go, managedfields structuredMergeManager.Apply). */
const UNCLASSIFIED = /failed to create typed patch object|does not contain declared merge key|list element types are not identical|unknown patch type: |doesn't match \$setElementOrder|cannot merge lists without merge key|merging lists cannot yet be specified/;

describe('the door', { timeout: 7_200_000 }, () => {
  it('answers requests of all kinds', () => withSeed('requests', async (random) => {
    let sent = 0;
    const codes: Record<number, number> = {};
    // Whichever of them holds the door up, all of them wait.
    const underWay = new Set<FuzzRequest>();
    await underWatch(async () => {
      const endMs = Date.now() + REQUESTS_MS / 2;
      await Promise.all(Array.from({ length: 8 }, async () => {
        while (Date.now() < endMs) {
          const each = anyRequest(random);
          underWay.add(each);
          const { status, text } = await send(each).catch((error: Error) => assert.fail(`${error.message}; under way were:\n${[...underWay].map(show).join('\n\n')}`));
          underWay.delete(each);
          codes[status] = (codes[status] ?? 0) + 1;
          sent += 1;
          const unclassified = status === 500 && each.method === 'PATCH' && UNCLASSIFIED.test(text);
          assert.ok(status < 500 || status === 503 || status === 504 || unclassified, `${status} ${text.slice(0, 500)}\n${show(each)}`);
        }
      }));
    });
    console.log(`requests: ${sent}`, JSON.stringify(codes));
    assert.ok(sent > 100);
  }));

  it('is not held up by bodies that are as big as they may be', () => underWatch(async () => {
    for (const each of bigBodies()) {
      const { status, text } = await send(each);
      assert.ok(status < 500, `${status} ${text.slice(0, 500)}\n${each.method} ${each.path}`);
    }
  }));

  it('outlives what is no HTTP', () => withSeed('raw', (random) => underWatch(async () => {
    for (let round = 0; round < RAW_ROUNDS; round++) await rawConversation(rawText(random), random);
  })));

  it('outlives streams that are opened and reset, and sessions that abuse', () => withSeed('HTTP/2', (random) => underWatch(async () => {
    for (let round = 0; round < budget(3, 60); round++) await abuseHttp2(random);
  })));
});

/** Objects with as many parts as there is room for, in each form of writing. */
function bigBodies(): FuzzRequest[] {
  const many = Object.fromEntries(Array.from({ length: budget(8_000, 30_000) }, (_, index) => [`key-${index}`, 'v']));
  const containers = Array.from({ length: budget(200, 700) }, (_, index) => ({ name: `c${index}`, image: 'x', env: Array.from({ length: 20 }, (_each, at) => ({ name: `E${at}`, value: 'v' })) }));
  const maps = '/api/v1/namespaces/default/configmaps';
  const to = (method: string, path: string, type: string, body: unknown): FuzzRequest => ({ method, path, headers: { 'content-type': type }, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) });
  const map = (name: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: many });
  return [
    to('POST', maps, 'application/json', map('many')),
    to('PATCH', `${maps}/many`, 'application/strategic-merge-patch+json', { data: many, metadata: { labels: { a: 'b' } } }),
    to('PATCH', `${maps}/many`, 'application/json-patch+json', Array.from({ length: budget(3_000, 10_000) }, (_, index) => ({ op: 'add', path: `/data/n${index}`, value: 'x' }))),
    to('PATCH', `${maps}/applied?fieldManager=a&force=true`, 'application/apply-patch+yaml', map('applied')),
    to('PATCH', `${maps}/applied?fieldManager=b&force=true`, 'application/apply-patch+yaml', map('applied')),
    to('POST', maps, 'application/yaml', `metadata: { name: yaml }\ndata:\n${Object.keys(many).map((key) => `  ${key}: v\n`).join('')}`),
    to('POST', maps, 'application/json', { metadata: { name: 'labelled', labels: many } }),
    to('POST', '/api/v1/namespaces/default/pods', 'application/json', { metadata: { name: 'big' }, spec: { containers } }),
    to('POST', '/api/v1/namespaces/default/pods', 'application/json', { metadata: { name: 'same' }, spec: { containers: Array.from({ length: budget(5_000, 20_000) }, () => ({ name: 'c', image: 'x' })) } }),
    to('DELETE', '/api/v1/namespaces/default/pods/big?gracePeriodSeconds=0', 'application/json', ''),
  ];
}

const HEAD = 'Host: localhost\r\nContent-Type: application/json\r\n';
const POST = 'POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\n';

/** Things that are nearly HTTP/1.1. */
function rawText(random: Random): Buffer {
  const body = '{"metadata":{"name":"raw"}}';
  const texts = [
    () => `GET /version HTTP/1.1\r\nHost: a\r\n${'X-A: b\r\n'.repeat(random.pick([10, 3_000, 30_000]))}\r\n`,
    () => `GET /version HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(random.pick([100, 70_000, 1_000_000]))}\r\n\r\n`,
    () => `GET /${'a/'.repeat(random.pick([10, 30_000]))} HTTP/1.1\r\nHost: a\r\n\r\n`,
    () => `${POST}${HEAD}Content-Length: 1000\r\n\r\n${body}`,
    () => `${POST}${HEAD}Content-Length: ${random.pick(['-1', '99999999999999999999', 'x', '1, 2', '0x10', ''])}\r\n\r\n${body}`,
    () => `${POST}${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${POST}`,
    () => `${POST}${HEAD}Transfer-Encoding: chunked\r\n\r\n${random.pick(['zz', '-1', 'ffffffffffffffff', '5;ext="', '0x5', `5;${'e'.repeat(50_000)}`])}\r\nhello\r\n0\r\n\r\n`,
    () => `${POST}${HEAD}Transfer-Encoding: chunked\r\n\r\n${'1\r\n{\r\n'.repeat(20_000)}`,
    () => `${POST}${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
    () => `${POST}${HEAD}Expect: 100-continue\r\nContent-Length: 10\r\n\r\n`,
    () => `${POST}${HEAD}Content-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    () => 'GET /version HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(200),
    () => `GET http://elsewhere/version HTTP/1.1\r\nHost: a\r\n\r\n`,
    () => `CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n`,
    () => `${random.pick(['BREW', 'OPTIONS', 'TRACE', 'HEAD', 'get', 'PRI'])} ${random.pick(['*', '/', '/api', '/api/v1/pods'])} HTTP/${random.pick(['1.0', '1.1', '0.9', '2.0', '9'])}\r\n\r\n`,
    () => `GET /api/v1/namespaces/default/pods/x/${random.pick(['exec', 'attach', 'log', 'portforward', 'proxy/'])}?command=a&stdin=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${random.pick(['websocket', 'SPDY/3.1', 'h2c', 'x'])}\r\nSec-WebSocket-Version: ${random.pick(['13', '99'])}\r\nSec-WebSocket-Key: ${random.pick(['dGhlIHNhbXBsZSBub25jZQ==', 'x', ''])}\r\nSec-WebSocket-Protocol: ${random.pick(['v5.channel.k8s.io', 'x', ','])}\r\n\r\n\u0081\u0085abcdehello\u00ff\u00ff\u00ff`,
    () => `GET /api/v1/pods?watch=1 HTTP/1.1\r\nHost: a\r\n\r\n`,
    () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + String.fromCharCode(...Array.from({ length: 500 }, () => random.int(256))),
    () => String.fromCharCode(...Array.from({ length: 1 + random.int(2_000) }, () => random.int(256))),
    () => 'GET /version HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ' + random.pick(['a.b.c', 'x'.repeat(60_000), `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`]) + '\r\nImpersonate-User: \r\nImpersonate-Group: a\r\n\r\n',
  ];
  const bytes = Buffer.from(random.pick(texts)(), 'latin1');
  return random.chance(0.3) ? mutateBytes(bytes, random) : bytes;
}

/** Sends bytes, in one piece or in drops, and goes away after a while, reading or not. */
async function rawConversation(bytes: Buffer, random: Random): Promise<void> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', ...tls, ALPNProtocols: ['http/1.1'] });
  const closed = new Promise((settled) => socket.once('close', settled));
  socket.on('error', () => {});
  if (random.chance(0.7)) socket.resume();
  await Promise.race([once(socket, 'secureConnect').catch(() => {}), closed]);
  if (random.chance(0.2)) {
    for (let at = 0; at < bytes.length && at < 200 && !socket.destroyed; at += 40) {
      socket.write(bytes.subarray(at, at + 40));
      await new Promise((settled) => setTimeout(settled, 2));
    }
  } else socket.write(bytes);
  await Promise.race([new Promise((settled) => setTimeout(settled, random.pick([1, 5, 30]))), closed]);
  if (random.chance(0.5)) socket.end();
  setTimeout(() => socket.destroy(), 20);
  await closed;
}

async function abuseHttp2(random: Random): Promise<void> {
  const session = connectHttp2(`https://127.0.0.1:${tls.port}`, { ca: tls.ca, cert: tls.cert, key: tls.key });
  session.on('error', () => {});
  const closed = new Promise((settled) => session.once('close', settled));
  await Promise.race([once(session, 'connect').catch(() => {}), closed]);
  const kind = random.int(4);
  for (let index = 0; index < 2_000 && !session.destroyed && !session.closed; index++) {
    if (kind === 3) {
      session.ping(() => {});
      continue;
    }
    const stream = session.request({ ':method': kind === 1 ? 'POST' : 'GET', ':path': kind === 2 ? '/api/v1/pods?watch=1' : '/api/v1/namespaces/default/configmaps', 'content-type': 'application/json' }, { endStream: kind !== 1 });
    stream.on('error', () => {});
    if (kind === 0 || random.chance(0.5)) stream.close(constants.NGHTTP2_CANCEL);
    else if (kind === 1) stream.write('{"metadata":{');
    if (index % 200 === 0) await new Promise((settled) => setImmediate(settled));
  }
  await new Promise((settled) => setTimeout(settled, 100));
  session.destroy();
  // A client of Node.js that was ended by the server while it connects may never say that it is closed.
  await Promise.race([closed, new Promise((settled) => setTimeout(settled, 5_000))]);
}
