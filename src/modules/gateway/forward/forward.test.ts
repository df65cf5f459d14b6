/** A real HAProxy and real backends of TLS, known by one of several names: on loopback, so without a network of its own. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import { connect, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { silentLog } from '../../../base/log.ts';
import { createProxy, type Proxy } from '../haproxy/proxy.ts';
import type { Endpoint } from '../haproxy/slots.ts';
import type { Door } from '../plan.ts';
import type { BackendTls } from '../rules.ts';
import { AUTHORITY_PEM, CERTIFICATE_PEM, KEY_PEM } from './testing/certificates.ts';

const net = (last: number): string => `127.${70 + (process.pid % 80)}.${(process.pid >> 7) % 250}.${last}`;
const pair = { cert: CERTIFICATE_PEM, key: KEY_PEM };
const WEB = 'spiffe://example.com/ns/shop/sa/web';

describe('backends that are known by one of several names', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, () => {
  const stop = new AbortController();
  const servers: Server[] = [];
  const endpoints = new Map<string, Endpoint[]>();
  let folder: string;
  let proxy: Proxy;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llmos-forward-'));
    proxy = createProxy({ program: 'haproxy', folder: join(folder, 'haproxy'), linesPort: 1_023, takeLine: () => {}, gatewayIp: net(1), endpointsOf: ({ serviceKey }) => endpoints.get(serviceKey) ?? [], log: silentLog, signal: stop.signal });
    const own = createServer({ ...pair, requestCert: true, rejectUnauthorized: false }, (asked, response) => {
      if (asked.url?.startsWith('/dies') === true) return void response.write('begun', () => setImmediate(() => asked.socket.destroy()));
      const hash = createHash('sha256');
      asked.on('data', (chunk: Buffer) => hash.update(chunk)).on('end', () => response.end(JSON.stringify({ server: net(10), name: (asked.socket as unknown as { servername: string }).servername, proto: asked.httpVersion, sum: hash.digest('hex'), client: (asked.socket as unknown as { getPeerCertificate(): { subject?: { CN: string } } }).getPeerCertificate().subject?.CN })));
    }).on('tlsClientError', () => {});
    endpoints.set('shop/web', [await listen(own, net(10))]);
    const six = createServer(pair, (_asked, response) => void response.end(JSON.stringify({ server: '::1' }))).on('tlsClientError', () => {});
    endpoints.set('shop/six', [await listen(six, '::1')]);
    const h2 = createSecureServer(pair, (asked, response) => void response.end(JSON.stringify({ server: net(11), name: (asked.stream.session as unknown as { socket: { servername: string } }).socket.servername, proto: asked.httpVersion }))).on('tlsClientError', () => {});
    endpoints.set('shop/h2', [await listen(h2 as unknown as Server, net(11))]);
  });

  after(async () => {
    await proxy.carry([]);
    stop.abort('down');
    for (const each of servers) {
      (each as unknown as { closeAllConnections?(): void }).closeAllConnections?.();
      each.close();
    }
    await rm(folder, { recursive: true, force: true });
  });

  async function listen(server: Server, address: string): Promise<Endpoint> {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    return { address, port: (server.address() as AddressInfo).port };
  }

  function door(tls: BackendTls, more: { service?: string; protocol?: 'http' | 'h2c'; identity?: boolean } = {}): Door {
    const { service = 'web', protocol = 'http' } = more;
    const entry = { listener: 'http', hostname: '', match: { path: { type: 'PathPrefix' as const, value: '/' }, headers: [], queryParams: [] }, action: { id: `HTTPRoute:shop:${service}:0`, filters: [], targets: [{ weight: 1, backend: { serviceKey: `shop/${service}`, portName: '', protocol, tls }, filters: [] }], grpc: false, retry: { codes: [], attempts: 0 } }, age: '', key: 'shop/web', at: [0, 0] as const };
    return { owner: 'shop/edge', port: 80, listeners: [{ name: 'http', hostname: '', certificates: [], takes: 'requests' }], secure: false, entries: [entry], tlsEntries: [], ...(more.identity === true ? { clientCertificate: { certificatePem: CERTIFICATE_PEM, keyPem: KEY_PEM } } : {}) };
  }

  function ask(path = '/', body?: Buffer): Promise<{ status: number; text: string; isWhole: boolean }> {
    return new Promise((resolve, reject) => {
      const call = request({ host: net(1), port: proxy.portOf({ owner: 'shop/edge', port: 80 })!, path, method: body === undefined ? 'GET' : 'POST', agent: false }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('error', () => {}).on('close', () => resolve({ status: answer.statusCode ?? 0, text, isWhole: answer.complete }));
      });
      call.on('error', reject).end(body);
    });
  }

  const tls = (names: BackendTls['names'], more: Partial<BackendTls> = {}): BackendTls => ({ hostname: 'asked.example.com', caPem: AUTHORITY_PEM, ...(names === undefined ? {} : { names }), ...more });

  it('speaks to those that show one of them, and to nobody else', { timeout: 60_000 }, async () => {
    for (const [names, status] of [
      [[{ type: 'URI', value: WEB }], 200], [[{ type: 'URI', value: `${WEB}x` }], 503], [[{ type: 'Hostname', value: 'abc.example.com' }], 200], [[{ type: 'Hostname', value: 'a.shop.example.com' }], 200],
      [[{ type: 'Hostname', value: 'asked.example.com' }], 503], [[{ type: 'Hostname', value: 'asked.example.com' }, { type: 'URI', value: WEB }], 200],
    ] as const) {
      assert.equal((await proxy.carry([door(tls(names))])).size, 0);
      const told = await ask();
      assert.equal(told.status, status, `${JSON.stringify(names)}: ${told.text}`);
      if (status === 200) assert.equal(JSON.parse(told.text).name, 'asked.example.com', 'the hostname is asked for');
    }
  });

  it('knows them by the authority too, shows who asks, reaches IPv6, keeps HTTP/2', { timeout: 60_000 }, async () => {
    const names = [{ type: 'URI' as const, value: WEB }];
    await proxy.carry([door({ hostname: 'asked.example.com', names })]);
    assert.equal((await ask()).status, 503, 'the system knows no such authority');
    await proxy.carry([door(tls(names), { identity: true })]);
    assert.equal(JSON.parse((await ask()).text).client, 'shop');
    await proxy.carry([door(tls(names), { service: 'six' })]);
    assert.equal(JSON.parse((await ask()).text).server, '::1');
    await proxy.carry([door(tls(names), { service: 'h2', protocol: 'h2c' })]);
    assert.deepEqual(JSON.parse((await ask()).text), { server: net(11), name: 'asked.example.com', proto: '2.0' });
    await proxy.carry([door(tls(names), { protocol: 'h2c' })]);
    assert.equal((await ask()).status, 503, 'one that speaks HTTP/1.1 only');
  });

  it('carries what is long, ends what is cut off, and lets in nobody for other endpoints', { timeout: 60_000 }, async () => {
    await proxy.carry([door(tls([{ type: 'URI', value: WEB }]))]);
    const body = Buffer.alloc(16 << 20, 'llmos');
    assert.equal(JSON.parse((await ask('/', body)).text).sum, createHash('sha256').update(body).digest('hex'));
    assert.deepEqual(await ask('/dies'), { status: 200, text: 'begun', isWhole: false });
    const [, port = ''] = / socks4 127\.0\.0\.1:(\d+)/.exec(await readFile(join(folder, 'haproxy', 'haproxy.cfg'), 'utf8')) ?? [];
    const answer = await new Promise<Buffer>((resolve) => {
      const call = connect(Number(port), '127.0.0.1', () => call.write(Buffer.from([4, 1, 1, 187, 127, 0, 0, 1, 0])));
      call.once('data', resolve);
    });
    assert.equal(answer[1], 0x5b);
    // Nobody is left of it when it is wanted no more: plain TLS by HAProxy.
    await proxy.carry([door(tls(undefined, { hostname: 'abc.example.com' }))]);
    assert.equal((await ask()).status, 200);
  });
});
