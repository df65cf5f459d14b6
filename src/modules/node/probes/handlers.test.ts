import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createSilence, type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { grpcServer } from '../../../sdk/grpc/grpc.ts';
import { decode, encode } from '../../../sdk/grpc/message.ts';
import { runHandler, runHook, type HandlerTarget } from './handlers.ts';

const target: HandlerTarget = { container: { name: 'c' }, podIp: '127.0.0.1', exec: async () => ({ code: 0, output: '', timedOut: false }) };

describe('an HTTP probe', () => {
  let seen: IncomingHttpHeaders = {};
  let port = 0;
  const server = createServer((request, response) => {
    seen = request.headers;
    const { pathname, searchParams } = new URL(request.url!, 'http://x');
    const left = Number(searchParams.get('left'));
    if (pathname === '/to') response.writeHead(302, { Location: searchParams.get('at')! }).end('over there');
    else if (pathname === '/slow') setTimeout(() => response.writeHead(204).end(), 50);
    else if (pathname === '/chain') response.writeHead(301, { Location: left > 1 ? `/chain?left=${left - 1}` : '/ok' }).end();
    else response.writeHead(pathname === '/ok' ? 204 : pathname === '/stay' ? 308 : 500).end('body');
  });
  before(async () => {
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    port = (server.address() as AddressInfo).port;
  });
  after(() => server.close());
  const ask = (path: string, httpHeaders?: { name: string; value: string }[]) => runHandler({ httpGet: { path, port, httpHeaders } }, target, 2_000);
  const elsewhere = encodeURIComponent('http://0.0.0.0/');

  for (const [path, ok, message] of [
    ['/ok', true, undefined], ['/bad', false, 'HTTP probe failed with statuscode: 500'], ['/to?at=/ok', true, undefined], ['/to?at=%2Fbad', false, 'HTTP probe failed with statuscode: 500'],
    [`/to?at=${elsewhere}`, true, 'Probe terminated redirects, Response body: over there'], ['/stay', true, 'Probe terminated redirects, Response body: body'],
    ['/chain?left=10', true, undefined], ['/chain?left=11', true, 'Probe terminated redirects, Response body: '], ['ok', true, undefined],
  ] as const) {
    it(`of ${path} ${ok ? 'goes well' : 'fails'}${message?.startsWith('Probe') === true ? ' with a warning' : ''}`, async () => {
      const answer = await ask(path);
      assert.equal(answer.ok, ok);
      assert.equal(answer.warning ?? false, message?.startsWith('Probe') === true);
      if (message !== undefined) assert.equal(answer.message, message);
    });
  }

  it('tells who asks, unless it is told not to', async () => {
    await ask('/ok', [{ name: 'X-A', value: '1' }, { name: 'X-A', value: '2' }, { name: 'Host', value: 'web.example' }]);
    assert.match(String(seen['user-agent']), /^kube-probe\//);
    assert.deepEqual([seen.accept, seen['x-a'], seen.host], ['*/*', '1, 2', 'web.example']);
    await ask('/ok', [{ name: 'Accept', value: '' }, { name: 'user-agent', value: '' }]);
    assert.deepEqual([seen.accept, seen['user-agent']], [undefined, undefined]);
    await ask('/ok', [{ name: 'User-Agent', value: 'mine' }]);
    assert.equal(seen['user-agent'], 'mine');
  });

  it('as a hook takes any answer, and no tcpSocket', async () => {
    assert.equal((await runHook({ httpGet: { path: '/bad', port } }, target, 2_000)).ok, true);
    assert.equal((await runHook({ httpGet: { path: '/ok', port: 1 } }, target, 2_000)).ok, false);
    // A timer of more than 24 days would be over at once; such is the time of a hook in a pod of terminationGracePeriodSeconds 9223372036854775807.
    assert.equal((await runHook({ httpGet: { path: '/slow', port } }, target, 2 ** 63 * 1_000)).ok, true);
    assert.match((await runHook({ tcpSocket: { port } }, target, 2_000)).message, /no handler of a hook/);
  });
});

describe('a handler that cannot be tried', () => {
  for (const [why, handler] of [
    ['no port of that name', { httpGet: { port: 'web' } }], ['the same over TCP', { tcpSocket: { port: 'web' } }], ['nothing to do', {}], ['no such command', { exec: { command: ['/none'] } }],
  ] as const) {
    it(`says nothing of the container: ${why}`, async () => {
      const { ok, unknown } = await runHandler(handler as object, { ...target, exec: () => Promise.reject(new Error('not found')) }, 1_000);
      assert.deepEqual([ok, unknown], [false, true]);
    });
  }
});

describe('a gRPC probe', () => {
  const [SERVING, NOT_SERVING] = [1, 2];
  // Beyond 127 bytes a length takes two of them, beyond 16,383 three.
  const long = ['a', 'b'.repeat(127), 'c'.repeat(128), 'd'.repeat(253), 'é'.repeat(10_000)];
  const server = grpcServer({
    '/grpc.health.v1.Health/Check': async (message) => {
      const { service } = decode({ service: { number: 1, type: 'string' } }, message);
      return encode({ status: { number: 1, type: 'int' } }, { status: service === '' || long.includes(service as string) ? SERVING : NOT_SERVING });
    },
  });
  const [bare, silent] = [grpcServer({}), createSilence()];
  before(async () => {
    for (const each of [server, bare, silent]) await new Promise<void>((listening) => each.listen(0, '127.0.0.1', listening));
  });
  after(() => [server, bare, silent].forEach((each) => each.close()));
  const ask = (at: { address(): unknown }, service?: string) => runHandler({ grpc: { port: (at.address() as AddressInfo).port, ...(service === undefined ? {} : { service }) } }, target, 500);

  for (const service of [undefined, '', ...long]) {
    it(`names the service that it asks for, of ${Buffer.byteLength(service ?? '')} bytes`, async () => assert.deepEqual(await ask(server, service), { ok: true, message: 'service healthy' }));
  }

  it('fails when it is told so, by a server without the protocol, by one that says nothing and by none', async () => {
    assert.deepEqual(await ask(server, 'other'), { ok: false, message: 'service unhealthy (responded with "NOT_SERVING")' });
    assert.match((await ask(bare)).message, /^error: this server does not implement the grpc health protocol/);
    assert.match((await ask(silent)).message, /^timeout: health rpc did not complete within 0.5s$/);
    assert.match((await runHandler({ grpc: { port: 1 } }, target, 500)).message, /^error: failed to connect service at "127.0.0.1:1": connect ECONNREFUSED/);
  });
});
