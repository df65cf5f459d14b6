/** The wire of the HTTP client, against a server that answers what each test says. The behaviour of whole clusters is in test/conformance. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isApiError, type StatusReason } from '../../api/errors.ts';
import { defineKind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { WatchEvent } from '../client.ts';
import { createHttpClient, type HttpClient, type HttpClientOptions } from './http.ts';
import type { ClusterAccess } from './kubeconfig.ts';

interface Seen {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}
type Answer = (request: Seen, response: ServerResponse) => unknown;

const ConfigMap = defineKind<KubeObject & { data?: Record<string, string> }>({ group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true, schema: () => ({}) });
const Deployment = defineKind({ group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', namespaced: true, schema: () => ({}) });
const Node = defineKind({ group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false, schema: () => ({}) });

const clusterMap = (name: string, more: object = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', ...more } });
const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;

let server: ReturnType<typeof createServer>;
let access: ClusterAccess;
let answer: Answer;
let seen: Seen[] = [];
const clients: HttpClient[] = [];

before(async () => {
  server = createServer((request, response) => void serve(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
beforeEach(() => {
  seen = [];
  access = { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, namespace: 'default', headers: {}, credential: () => Promise.resolve({ token: 'secret' }) };
});
after(async () => {
  for (const each of clients) each.close();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const what: Seen = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() };
  seen.push(what);
  await answer(what, response);
}

function client(options: Partial<HttpClientOptions> = {}): HttpClient {
  const made = createHttpClient(access, { name: 'tester', ...options });
  clients.push(made);
  return made;
}

const json = (response: ServerResponse, body: unknown, code = 200, headers: Record<string, string> = {}): void => void response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const last = (): Seen => seen.at(-1) as Seen;
const rejects = (promise: Promise<unknown>, reason: StatusReason, message = /./): Promise<void> =>
  assert.rejects(promise, (error) => (isApiError(error, reason) && message.test(error.message)) || assert.fail(`expected ${reason} ${message}, got ${String(error)}`));

async function take<T extends KubeObject>(events: AsyncIterable<WatchEvent<T>>, count: number): Promise<string[]> {
  const got: string[] = [];
  for await (const event of events) {
    got.push(`${event.type} ${event.object.metadata.name ?? ''}@${event.object.metadata.resourceVersion}`);
    if (got.length === count) break;
  }
  return got;
}

describe('http client: calls', () => {
  it('asks the right paths with the right bodies and its credential', async () => {
    answer = (_, response) => json(response, clusterMap('one'));
    const user = client();
    const one = { metadata: { name: 'one', namespace: 'a' } };
    const calls: [() => Promise<unknown>, string, string, string | undefined][] = [
      [() => user.get(ConfigMap, 'one', { namespace: 'a' }), 'GET', '/api/v1/namespaces/a/configmaps/one', undefined],
      [() => user.get(Node, 'n1'), 'GET', '/api/v1/nodes/n1', undefined],
      [() => user.get(Deployment, 'web', { namespace: 'a', subresource: 'scale' }), 'GET', '/apis/apps/v1/namespaces/a/deployments/web/scale', undefined],
      [() => user.create(ConfigMap, one), 'POST', '/api/v1/namespaces/a/configmaps?fieldManager=tester', 'application/json'],
      [() => user.create(ConfigMap, one, { dryRun: true, fieldManager: 'm' }), 'POST', '/api/v1/namespaces/a/configmaps?dryRun=All&fieldManager=m', 'application/json'],
      [() => user.createSubresource(Deployment, { namespace: 'a', name: 'web' }, 'token', one), 'POST', '/apis/apps/v1/namespaces/a/deployments/web/token?fieldManager=tester', 'application/json'],
      [() => user.update(Deployment, one, { subresource: 'status' }), 'PUT', '/apis/apps/v1/namespaces/a/deployments/one/status?fieldManager=tester', 'application/json'],
      [() => user.patch(ConfigMap, 'one', { type: 'json', body: [] }, { namespace: 'a' }), 'PATCH', '/api/v1/namespaces/a/configmaps/one?fieldManager=tester', 'application/json-patch+json'],
      [() => user.patch(ConfigMap, 'one', { type: 'strategic', body: {} }, { namespace: 'a' }), 'PATCH', '/api/v1/namespaces/a/configmaps/one?fieldManager=tester', 'application/strategic-merge-patch+json'],
      [() => user.apply(ConfigMap, one, { force: true }), 'PATCH', '/api/v1/namespaces/a/configmaps/one?fieldManager=tester&force=true', 'application/apply-patch+yaml'],
      [() => user.delete(ConfigMap, 'one', { namespace: 'a' }), 'DELETE', '/api/v1/namespaces/a/configmaps/one', 'application/json'],
      [() => user.deleteCollection(ConfigMap, { namespace: 'a', labelSelector: 'x=y,z' }), 'DELETE', '/api/v1/namespaces/a/configmaps?labelSelector=x%3Dy%2Cz', 'application/json'],
    ];
    for (const [call, method, path, contentType] of calls) {
      await call();
      assert.deepEqual([last().method, last().path, last().headers['content-type']], [method, path, contentType]);
      assert.deepEqual([last().headers.authorization, last().headers['user-agent']], ['Bearer secret', 'tester']);
    }
  });
  it('says what it writes, and gives frozen objects', async () => {
    answer = (request, response) => json(response, JSON.parse(request.body));
    const made = await client().create(ConfigMap, { metadata: { name: 'one', namespace: 'a' }, data: { x: 'ü' } });
    assert.deepEqual([made.apiVersion, made.kind, made.data], ['v1', 'ConfigMap', { x: 'ü' }]);
    assert.throws(() => { made.metadata.name = 'two'; }, TypeError);
    await client().delete(ConfigMap, 'one', { namespace: 'a', gracePeriodSeconds: 0, preconditions: { uid: 'u' }, dryRun: true });
    assert.deepEqual(JSON.parse(last().body), { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid: 'u' }, dryRun: ['All'] });
  });
  it('names the kind of listed items', async () => {
    answer = (_, response) => json(response, { kind: 'ConfigMapList', apiVersion: 'v1', metadata: { resourceVersion: '7' }, items: [{ metadata: { name: 'one' } }] });
    const list = await client().list(ConfigMap, { labelSelector: 'a in (b,c)', limit: 5, continue: 'x+/=' });
    assert.equal(last().path, '/api/v1/configmaps?labelSelector=a%20in%20(b%2Cc)&limit=5&continue=x%2B%2F%3D');
    assert.deepEqual(list.items, [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' } }]);
    answer = (_, response) => json(response, { metadata: {}, items: null });
    assert.deepEqual((await client().list(ConfigMap)).items, []);
  });
  it('refuses what cannot be a path', async () => {
    for (const name of ['', '..', 'a/b', 'a%2fb']) await rejects(client().get(ConfigMap, name, { namespace: 'a' }), 'BadRequest');
    await rejects(client().get(ConfigMap, 'one'), 'BadRequest', /namespace/);
    await rejects(client().update(ConfigMap, { metadata: { namespace: 'a' } }), 'BadRequest', /metadata.name/);
    assert.equal(seen.length, 0);
  });
  it('turns a Status into its ApiError, and other answers into one by their code', async () => {
    answer = (_, response) => json(response, { kind: 'Status', status: 'Failure', reason: 'AlreadyExists', message: 'there', code: 409, details: { name: 'one' } }, 409);
    await rejects(client().get(ConfigMap, 'one', { namespace: 'a' }), 'AlreadyExists', /^there$/);
    answer = (_, response) => void response.writeHead(404).end('404 page not found');
    await rejects(client().get(ConfigMap, 'one', { namespace: 'a' }), 'NotFound', /404 page not found/);
    answer = (_, response) => void response.end('<html>');
    await rejects(client().get(ConfigMap, 'one', { namespace: 'a' }), 'ServiceUnavailable', /no JSON/);
  });
  it('comes back when the server asks for it, and tells warnings', async () => {
    const warnings: string[] = [];
    answer = (_, response) => (seen.length < 3 ? json(response, {}, 429, { 'retry-after': '0' }) : json(response, clusterMap('one'), 200, { warning: '299 - "v1 is \\"old\\"", 299 - "two"' }));
    await client({ onWarning: (text) => warnings.push(text) }).get(ConfigMap, 'one', { namespace: 'a' });
    assert.equal(seen.length, 3);
    assert.deepEqual(warnings, ['v1 is "old"', 'two']);
    answer = (_, response) => json(response, {}, 503);
    await rejects(client().get(ConfigMap, 'one', { namespace: 'a' }), 'ServiceUnavailable');
    assert.equal(seen.length, 4);
  });
  it('renews a credential that was refused, once', async () => {
    let token = 0;
    access = { ...access, credential: (options) => Promise.resolve({ token: `t${options?.refused === true ? ++token : token}` }) };
    answer = (request, response) => json(response, clusterMap('one'), request.headers.authorization === 'Bearer t1' ? 200 : 401);
    const user = client();
    await user.get(ConfigMap, 'one', { namespace: 'a' });
    await user.get(ConfigMap, 'one', { namespace: 'a' });
    answer = (_, response) => json(response, {}, 401);
    await rejects(user.get(ConfigMap, 'one', { namespace: 'a' }), 'Unauthorized');
    assert.equal(seen.length, 5);
  });
  it('ends at its timeout and with its signal, before and after the head of the answer', async () => {
    for (const begin of [false, true]) {
      answer = (_, response) => begin && response.writeHead(200).write('{');
      await rejects(client({ timeoutMs: 60 }).get(ConfigMap, 'one', { namespace: 'a' }), 'Timeout', /0\.06 s/);
      await rejects(client().get(ConfigMap, 'one', { namespace: 'a', signal: AbortSignal.timeout(30) }), 'Timeout', /aborted/);
    }
    await rejects(client().get(ConfigMap, 'one', { namespace: 'a', signal: AbortSignal.abort() }), 'Timeout', /aborted/);
  });
  it('says why it cannot reach a server', async () => {
    access = { ...access, server: 'https://127.0.0.1:1' };
    await rejects(client().get(Node, 'n'), 'ServiceUnavailable', /is it running/);
  });
  it('reads again over a fresh connection when a kept one was closed, but never writes twice', async () => {
    const user = client();
    answer = (_, response) => json(response, clusterMap('one'));
    await user.get(ConfigMap, 'one', { namespace: 'a' });
    answer = (_, response) => (seen.length === 2 ? response.socket?.destroy() : json(response, clusterMap('one')));
    await user.get(ConfigMap, 'one', { namespace: 'a' });
    assert.equal(seen.length, 3);
    answer = (_, response) => response.socket?.destroy();
    await rejects(user.create(ConfigMap, { metadata: { name: 'one', namespace: 'a' } }), 'ServiceUnavailable');
    assert.equal(seen.length, 4);
  });
  it('speaks plain HTTP with a path to a proxy, and reads gzip', async () => {
    const proxy = createServer((request, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(JSON.stringify({ ...clusterMap('one'), data: { path: request.url } })))).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    access = { ...access, server: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/clusters/c1/` };
    const user = client();
    assert.deepEqual((await user.get(ConfigMap, 'one', { namespace: 'a' })).data, { path: '/clusters/c1/api/v1/namespaces/a/configmaps/one' });
    user.close();
    proxy.close();
    await once(proxy, 'close');
  });
});

describe('http client: watches', () => {
  it('puts events together from any pieces', async () => {
    const text = Buffer.from(`${line('ADDED', clusterMap('größe', { resourceVersion: '5' }))}\n${line('MODIFIED', clusterMap('世界', { resourceVersion: '6' }))}${line('BOOKMARK', { metadata: { resourceVersion: '9' } })}`);
    answer = async (_, response) => {
      for (let at = 0; at < text.length; at += 3) {
        response.write(text.subarray(at, at + 3));
        if (at % 60 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    assert.deepEqual(await take(client().watch(ConfigMap, { namespace: 'a', resourceVersion: '4', labelSelector: 'x' }), 3), ['ADDED größe@5', 'MODIFIED 世界@6', 'BOOKMARK @9']);
    assert.equal(last().path, '/api/v1/namespaces/a/configmaps?watch=true&labelSelector=x&resourceVersion=4&allowWatchBookmarks=true&timeoutSeconds=300');
  });
  it('goes on from the last revision when the server ends the watch', async () => {
    answer = (request, response) => {
      const from = Number(new URL(request.path, 'http://x').searchParams.get('resourceVersion'));
      response.end(from < 7 ? line('MODIFIED', clusterMap('one', { resourceVersion: String(from + 1) })) : line('BOOKMARK', { metadata: { resourceVersion: '20' } }));
    };
    assert.deepEqual(await take(client().watch(ConfigMap, { resourceVersion: '5' }), 3), ['MODIFIED one@6', 'MODIFIED one@7', 'BOOKMARK @20']);
  });
  it('does not go on from the middle of the first objects, nor for ever from nothing', async () => {
    answer = (_, response) => response.end(line('ADDED', clusterMap('one', { resourceVersion: '9' })));
    await rejects(take(client().watch(ConfigMap), 9), 'ServiceUnavailable', /list again/);
    answer = (_, response) => response.end();
    await rejects(take(client().watch(ConfigMap, { resourceVersion: '5' }), 9), 'ServiceUnavailable');
    assert.equal(seen.length, 2);
  });
  it('throws Expired for a forgotten revision, at the start and in the stream', async () => {
    const gone = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Expired', code: 410, message: 'too old resource version' };
    answer = (_, response) => json(response, gone, 410);
    await rejects(take(client().watch(ConfigMap, { resourceVersion: '5' }), 1), 'Expired');
    answer = (_, response) => void response.write(line('ERROR', gone));
    await rejects(take(client().watch(ConfigMap, { resourceVersion: '5' }), 1), 'Expired', /too old/);
  });
  it('throws when the connection is lost, and on what is no event', async () => {
    answer = (_, response) => void response.write(line('ADDED', clusterMap('one', { resourceVersion: '6' })), () => response.socket?.destroy());
    await rejects(take(client().watch(ConfigMap, { resourceVersion: '5' }), 2), 'ServiceUnavailable');
    for (const text of ['nonsense\n', '{"type":"ADDED"}\n', '{"type":"NEW","object":{}}\n', 'null\n']) {
      answer = (_, response) => void response.write(text);
      await rejects(take(client().watch(ConfigMap, { resourceVersion: '5' }), 1), 'ServiceUnavailable');
    }
  });
  it('ends with its signal, quietly, and leaves when its reader does', async () => {
    const two = Promise.withResolvers<void>();
    let closed = 0;
    answer = (_, response) => {
      response.once('close', () => (closed += 1) === 2 && two.resolve());
      response.write(line('ADDED', clusterMap('one', { resourceVersion: '6' })));
    };
    assert.deepEqual(await take(client().watch(ConfigMap, { resourceVersion: '5', signal: AbortSignal.timeout(50) }), 5), ['ADDED one@6']);
    assert.deepEqual(await take(client().watch(ConfigMap, { resourceVersion: '5' }), 1), ['ADDED one@6']);
    await two.promise;
  });
});
