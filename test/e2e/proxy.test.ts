/** The proxy subresources, by kubectl proxy and at the door itself: what goes on and what does not, WebSockets, streams, rights, what cannot be reached. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { findCluster } from '../../src/sdk/client/kubeconfig.ts';
import { importTestImage } from '../fixtures/image.ts';
import { bootInstance, eventually, type Instance } from '../fixtures/instance.ts';
import { applyTo } from '../fixtures/kubectl-words.ts';
import { PATIENCE } from '../fixtures/patience.ts';
import { porterOf } from '../conformance/network/porter.ts';

const POD = '/api/v1/namespaces/default/pods/porter/proxy';
const SERVICE = '/api/v1/namespaces/default/services/web/proxy';

interface Answer {
  code: number;
  headers: IncomingHttpHeaders;
  text: string;
}

interface Told {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  length: number;
  streams: number;
}

describe('the proxy subresources', { timeout: 120_000 * PATIENCE }, () => {
  let llmos: Instance;
  let proxy: ChildProcess;
  let port = 0;
  let door: { host: string; port: string; ca?: string };
  let admin: { cert?: string; key?: string };

  before(async () => {
    llmos = await bootInstance();
    importTestImage(llmos);
    const access = findCluster({ path: llmos.kubeconfig });
    const { hostname, port: doorPort } = new URL(access.server);
    const { certificatePem, keyPem } = await access.credential();
    door = { host: hostname, port: doorPort, ca: access.caPem };
    admin = { cert: certificatePem, key: keyPem };
    const objects = [
      porterOf('porter', { texts: { 80: 'foo', 8080: '<a href="/x">x</a>' }, json: true }, { labels: { app: 'web' } }), porterOf('page', { texts: { 80: '<a href="/x">x</a>' } }),
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } },
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'hand' }, spec: { ports: [{ port: 80 }] } },
      { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'hand' }, subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }] },
    ];
    await applyTo(llmos, ...objects);
    assert.equal((await llmos.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=60s')).code, 0);
    proxy = spawn('kubectl', ['proxy', '--port=0'], { env: { ...process.env, KUBECONFIG: llmos.kubeconfig }, stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    proxy.stdout!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    port = Number(await eventually(async () => /:(\d+)\s/.exec(said)?.[1], { what: 'kubectl proxy' }));
    await eventually(async () => (await ask('GET', `${SERVICE}/`)).code === 200, { what: 'the service' });
  });

  after(async () => {
    proxy?.kill();
    await llmos?.destroy();
  });

  /** By kubectl proxy, or at the door with a token. */
  function ask(method: string, path: string, { headers = {}, body, token }: { headers?: Record<string, string>; body?: Buffer; token?: string } = {}): Promise<Answer> {
    return new Promise((settle, fail) => {
      const options = { method, path, headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...(body === undefined ? {} : { 'content-length': String(body.length) }) } };
      const sent = token === undefined ? httpRequest({ ...options, host: '127.0.0.1', port }) : httpsRequest({ ...options, ...door });
      sent.on('response', (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString('latin1'))).on('end', () => settle({ code: answer.statusCode!, headers: answer.headers, text }));
      });
      sent.on('error', fail).end(body);
    });
  }
  const told = async (...asked: Parameters<typeof ask>): Promise<Told> => {
    const { code, text } = await ask(...asked);
    assert.equal(code, 200, text);
    return JSON.parse(text) as Told;
  };
  const tokenOf = async (account: string): Promise<string> => (await llmos.kubectl('create', 'token', account)).stdout.trim();

  it('carries every method, bodies and encoded paths, by kubectl proxy', async () => {
    for (const path of [POD, SERVICE]) {
      for (const method of ['DELETE', 'GET', 'OPTIONS', 'PATCH', 'POST', 'PUT']) assert.equal((await told(method, `${path}/a`)).method, method);
      const heard = await ask('HEAD', `${path}/a`);
      assert.deepEqual([heard.code, heard.text], [200, '']);
      assert.equal((await told('GET', `${path}/a%2Fb/c%20d/?q=%2F&q=2&watch=true`)).url, '/a%2Fb/c%20d/?q=%2F&q=2&watch=true');
      assert.equal((await told('POST', `${path}/`, { body: Buffer.alloc(5 * 1024 * 1024, 'x') })).length, 5 * 1024 * 1024);
    }
  });

  it('leads links and redirects through itself', async () => {
    assert.equal((await ask('GET', `${POD}/moved`)).headers.location, `${POD}/elsewhere`);
    const page = '/api/v1/namespaces/default/pods/page/proxy';
    assert.equal((await ask('GET', `${page}/`)).text, `<a href="${page}/x">x</a>`);
    const zipped = await fetch(`http://127.0.0.1:${port}${page}/zipped`);
    assert.equal(await zipped.text(), `<a href="${page}/z">z</a>`);
  });

  it('keeps to itself what says who asks, and what concerns one connection', async () => {
    await llmos.kubectl('create', 'serviceaccount', 'reader');
    await llmos.kubectl('create', 'clusterrolebinding', 'reader', '--clusterrole=cluster-admin', '--serviceaccount=default:reader');
    const { headers } = await told('GET', `${POD}/`, { token: await tokenOf('reader'), headers: { 'x-remote-user': 'root', 'x-remote-group': 'system:masters', 'impersonate-user': 'system:serviceaccount:default:reader', te: 'trailers', connection: 'x-hop', 'x-hop': '1', 'x-mine': 'kept', cookie: 'a=b' } });
    for (const name of ['authorization', 'x-remote-user', 'x-remote-group', 'impersonate-user', 'te', 'x-hop']) assert.equal(headers[name], undefined, name);
    assert.deepEqual([headers['x-mine'], headers.cookie, headers['x-forwarded-uri']], ['kept', 'a=b', `${POD}/`]);
    assert.ok(headers['x-forwarded-for']);
    assert.equal((await told('GET', `${POD}//a/../b%2e?`, { token: await tokenOf('reader') })).url, '//a/../b%2e?');
    const back = await ask('GET', `${POD}/cors`);
    assert.deepEqual([back.headers['x-own'], back.headers['access-control-allow-origin'], back.headers['keep-alive']?.includes('99') ?? false], ['kept', undefined, false]);
  });

  it('carries WebSockets, and what refuses them', async () => {
    const token = await tokenOf('default');
    await llmos.kubectl('create', 'role', 'proxies', '--verb=get', '--resource=pods/proxy');
    await llmos.kubectl('create', 'rolebinding', 'proxies', '--role=proxies', '--serviceaccount=default:default');
    const ways = (path: string): (() => WebSocket)[] => [
      () => new WebSocket(`ws://127.0.0.1:${port}${path}`), () => new WebSocket(`wss://${door.host}:${door.port}${path}`, { ca: door.ca, ...admin }),
      () => new WebSocket(`wss://${door.host}:${door.port}${path}`, [`base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`, 'chat'], { ca: door.ca }),
    ];
    for (const [index, open] of ways(`${POD}/echo`).entries()) {
      const socket = open();
      const heard: string[] = [];
      await new Promise<void>((settle, fail) => socket.on('error', fail).on('open', () => socket.send('one')).on('message', (data: Buffer) => {
        heard.push(data.toString());
        if (heard.length === 1) socket.send('two');
        else settle();
      }));
      assert.deepEqual([heard, socket.protocol], [['one', 'two'], index === 2 ? 'chat' : '']);
      const closed = new Promise((settle) => socket.on('close', settle));
      socket.close();
      await closed;
    }
    for (const open of ways(`${POD}/refuse`)) {
      const socket = open();
      const code = await new Promise<number>((settle, fail) => socket.on('error', fail).on('unexpected-response', (asked, answer) => {
        settle(answer.statusCode!);
        asked.destroy();
      }));
      assert.equal(code, 418);
    }
  });

  it('streams, and lets go of the server when the client goes', async () => {
    const events = await new Promise<string>((settle, fail) => {
      const sent = httpRequest({ host: '127.0.0.1', port, path: `${POD}/events` }, (answer) => {
        let text = '';
        answer.on('error', () => {}).on('data', (chunk: Buffer) => {
          text += chunk.toString();
          if (!text.includes('data: 2')) return;
          sent.destroy();
          settle(text);
        });
      });
      sent.on('error', fail).end();
    });
    assert.match(events, /data: 0\n\ndata: 1/);
    await eventually(async () => (await told('GET', `${POD}/`)).streams === 0, { what: 'the end of the stream' });
  });

  it('asks for the right by the method, on the subresource, for the name as it stands in the path', async () => {
    const may = async (account: string, verbs: string, resource: string, name?: string): Promise<string> => {
      await llmos.kubectl('create', 'serviceaccount', account);
      await llmos.kubectl('create', 'role', account, `--verb=${verbs}`, `--resource=${resource}`, ...(name === undefined ? [] : [`--resource-name=${name}`]));
      await llmos.kubectl('create', 'rolebinding', account, `--role=${account}`, `--serviceaccount=default:${account}`);
      return tokenOf(account);
    };
    const codes = async (token: string, ...asked: [string, string][]): Promise<number[]> => Promise.all(asked.map(async ([method, path]) => (await ask(method, path, { token })).code));
    const all: [string, string][] = [['GET', `${POD}/`], ['HEAD', `${POD}/`], ['POST', `${POD}/`], ['DELETE', `${POD}/`], ['GET', `${SERVICE}/`]];
    assert.deepEqual(await codes(await may('getter', 'get', 'pods/proxy'), ...all), [200, 200, 403, 403, 403]);
    assert.deepEqual(await codes(await may('creator', 'create', 'pods/proxy'), ...all), [403, 403, 200, 403, 403]);
    assert.deepEqual(await codes(await may('owner', 'get,create,delete', 'pods'), ...all), [403, 403, 403, 403, 403]);
    assert.deepEqual(await codes(await may('named', 'get', 'services/proxy', 'http:web:80'), ['GET', `${SERVICE}/`], ['GET', `${SERVICE.replace('web', 'http:web:80')}/`]), [403, 200]);
    assert.deepEqual(await codes(await may('nodes', 'get', 'nodes/proxy'), ['GET', '/api/v1/nodes/node1/proxy/healthz']), [403]);
  });

  it('says what cannot be reached, and reaches nothing but pods', async () => {
    const refused = async (path: string): Promise<[number, string]> => {
      const { code, text } = await ask('GET', path);
      return [code, (JSON.parse(text) as { message: string }).message];
    };
    const of = (id: string, plural = 'pods'): string => `/api/v1/namespaces/default/${plural}/${id}/proxy/`;
    assert.deepEqual(await refused(of('nobody')), [404, 'pods "nobody" not found']);
    assert.match((await refused(of('ftp:porter:80'))).join(' '), /^400 invalid pod request "ftp:porter:80"/);
    assert.match((await refused(of('porter:nope'))).join(' '), /^400 pod "porter" has no port "nope"/);
    assert.match((await refused(of('porter:9'))).join(' '), /^503 error trying to reach service: .*ECONNREFUSED/);
    assert.match((await refused(of('web:81', 'services'))).join(' '), /^503 no service port 81 found for service "web"/);
    assert.deepEqual(await refused(of('hand', 'services')), [503, 'no endpoints available for service "hand"']);
  });

  it('reaches ports of the node, and what the node tells by its own port', async () => {
    const server = createServer((asked, answer) => answer.end(`node ${asked.url}`));
    await new Promise<void>((settle) => server.listen(0, '0.0.0.0', settle));
    try {
      const { port: open } = server.address() as { port: number };
      assert.equal((await ask('GET', `/api/v1/nodes/node1:${open}/proxy/x?y`)).text, 'node /x?y');
      assert.equal((await ask('GET', '/api/v1/nodes/node1/proxy/healthz')).text, 'ok');
      assert.equal((await ask('GET', '/api/v1/nodes/https:node1:10250/proxy/healthz')).text, 'ok');
      assert.equal((await ask('POST', '/api/v1/nodes/node1/proxy/healthz')).code, 405);
      assert.equal((await ask('GET', '/api/v1/nodes/other/proxy/healthz')).code, 404);
    } finally {
      server.closeAllConnections();
      await new Promise((settle) => server.close(settle));
    }
  });

  it('is in discovery', async () => {
    const { resources } = JSON.parse((await ask('GET', '/api/v1')).text) as { resources: { name: string; kind: string; verbs: string[] }[] };
    for (const [name, kind] of [['pods/proxy', 'PodProxyOptions'], ['services/proxy', 'ServiceProxyOptions'], ['nodes/proxy', 'NodeProxyOptions']]) {
      assert.deepEqual(resources.filter((each) => each.name === name).map((each) => [each.kind, each.verbs]), [[kind, ['create', 'delete', 'get', 'patch', 'update']]]);
    }
  });
});
