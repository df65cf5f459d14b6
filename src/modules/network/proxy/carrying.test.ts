/** A real HAProxy before servers that are well: what is counted, HTTP/2, whose endpoints are whose, hashes. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import * as http2 from 'node:http2';
import { connect, createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Service } from '../../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';
import { ask, HaproxyOnLoopback, net, PORT, type Asked } from '../testing/haproxy-on-loopback.ts';

describe('HAProxy before servers that are well', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, () => {
  const haproxy = new HaproxyOnLoopback();
  before(() => haproxy.start());
  after(() => haproxy.end());

  it('counts each answer once, in the range of how long it took, for its own Service', async () => {
    const slow = await haproxy.serve(40, (asked, response) => void asked.resume().on('end', () => setTimeout(() => response.end('40'), 60)));
    const [slowPort, fastPort] = [await haproxy.carry('ill', { 'load-balancing': 'least-connection' }, [slow], 'http'), await haproxy.carry('busy', { 'load-balancing': 'least-connection' }, [await haproxy.well(41)], 'http')];
    await Promise.all([ask(slowPort), ...Array.from({ length: 5 }, () => ask(fastPort))]);
    const upTo = (text: string, service: string, bound: string): number => Number(text.split(`llmos_service_request_duration_seconds_bucket{namespace="shop",service="${service}",port="80",le="${bound}"} `)[1]?.split('\n')[0]);
    const before = await haproxy.proxies.metrics();
    assert.equal(upTo(before, 'busy', '+Inf'), 5, before);
    await Promise.all(Array.from({ length: 7 }, () => ask(slowPort)));
    const after = await haproxy.proxies.metrics();
    assert.deepEqual(['0.05', '+Inf'].map((bound) => upTo(after, 'ill', bound) - upTo(before, 'ill', bound)), [0, 7], after);
    assert.equal(upTo(after, 'busy', '+Inf'), 5);
  });

  it('TCP: either end may say all and go on listening', async () => {
    const heard: string[] = [];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => {
        heard.push(text);
        if (!socket.writableEnded) socket.end(`heard ${text}`);
      });
      // This one says all at once, and listens on.
      if (heard.length === 1) socket.end('first');
    });
    await new Promise<void>((resolve) => server.listen(PORT, net(30), resolve));
    const port = await haproxy.carry('halves', { 'load-balancing': 'least-connection' }, [net(30)]);
    const talk = (say: (socket: Socket) => void): Promise<string> => new Promise((settle, fail) => {
      let text = '';
      const socket = connect({ host: net(1), port, allowHalfOpen: true }, () => say(socket));
      socket.on('data', (chunk: Buffer) => (text += chunk.toString())).on('error', fail).on('close', () => settle(text));
    });
    try {
      assert.equal(await talk((socket) => void socket.end('all')), 'heard all');
      assert.equal(await talk((socket) => void socket.once('end', () => socket.end('later'))), 'first');
      assert.deepEqual(await eventually(() => Promise.resolve(heard.length === 2 && heard), { what: 'what was said later' }), ['all', 'later']);
    } finally {
      server.close();
    }
  });

  it('speaks HTTP/2 in the clear to those that know nothing else, and checks them by it', async () => {
    const checks = new Map<number, number>();
    const both = await Promise.all([16, 17].map(async (last) => {
      const server = http2.createServer().on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
        if (headers[':path'] === '/healthz') checks.set(last, (checks.get(last) ?? 0) + 1);
        stream.respond({ ':status': 200 });
        stream.end(String(last));
      });
      return new Promise<http2.Http2Server>((resolve) => server.listen(PORT, net(last), () => resolve(server)));
    }));
    const port = await haproxy.carry('ill', { 'load-balancing': 'least-connection', 'health-check': '/healthz', 'health-check-interval': '100ms' }, [net(16), net(17)], 'kubernetes.io/h2c');
    const session = http2.connect(`http://${net(1)}:${port}`);
    try {
      const one = async (): Promise<string> => {
        const stream = session.request({ ':path': '/' }).setEncoding('utf8');
        return (await stream.toArray()).join('');
      };
      await eventually(async () => [16, 17].every((last) => (checks.get(last) ?? 0) >= 5), { what: 'both were checked often enough to be found ill' });
      assert.deepEqual([...new Set(await Promise.all(Array.from({ length: 10 }, one)))].sort(), ['16', '17']);
      assert.match(await haproxy.proxies.metrics(), /llmos_service_endpoints_well\{[^}]*service="ill"[^}]*\} 2\n/);
    } finally {
      session.destroy();
      for (const each of both) each.close();
    }
  });

  it('HTTP/2: no request fails while HAProxy is replaced again and again, of clients that ask no more over a connection when they are told so', async () => {
    const server = http2.createServer().on('stream', (stream: http2.ServerHttp2Stream) => void (stream.respond({ ':status': 200 }), stream.end('well')));
    await new Promise<void>((resolve) => server.listen(PORT, net(52), resolve));
    const other = await haproxy.well(53);
    const port = await haproxy.carry('ill', { 'load-balancing': 'least-connection' }, [net(52)], 'kubernetes.io/h2c');
    const counts: Record<string, number> = {};
    let going = true;
    let sessions = 0;
    const client = async (): Promise<void> => {
      let session: http2.ClientHttp2Session | undefined;
      const current = (): http2.ClientHttp2Session => {
        if (session !== undefined) return session;
        sessions += 1;
        const own = http2.connect(`http://${net(1)}:${port}`);
        const leave = (): void => { if (session === own) session = undefined; };
        own.on('goaway', leave).on('close', leave).on('error', leave);
        return (session = own);
      };
      // Not idempotent: HAProxy asks each once.
      const one = (): Promise<string | undefined> => new Promise((settle) => {
        const stream = current().request({ ':path': '/', ':method': 'POST' }).setEncoding('utf8');
        let text = '';
        // What was not taken any more may be asked again (RFC 9113, 8.7).
        stream.on('data', (chunk: string) => (text += chunk)).on('end', () => settle(text)).on('error', (error: NodeJS.ErrnoException) => settle(stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM ? undefined : `${error.code ?? error.message} ${stream.rstCode}`)).end();
      });
      await Promise.all([1, 2, 3, 4, 5].map(async () => {
        while (going) {
          const told = await one();
          if (told !== undefined) counts[told] = (counts[told] ?? 0) + 1;
        }
      }));
      session?.close();
    };
    const clients = Promise.all([1, 2, 3].map(client));
    try {
      // Another slow start, of another Service, is another configuration.
      for (let round = 1; round <= 8; round++) {
        const before = haproxy.proxies.pid();
        await haproxy.carry('busy', { 'load-balancing': 'least-connection', 'slow-start': `${round}s` }, [other], 'http');
        assert.notEqual(haproxy.proxies.pid(), before);
      }
    } finally {
      going = false;
      await clients;
      server.close();
    }
    assert.deepEqual([Object.keys(counts), sessions > 3], [['well'], true], `${sessions} sessions, ${JSON.stringify(counts)}`);
  });

  it('leads pods of further nodes to their own endpoints, where these alone are for them', async () => {
    const addresses = await Promise.all([18, 19].map((last) => haproxy.well(last)));
    const service = { metadata: { name: 'near', namespace: 'shop', annotations: { 'llmos.dev/load-balancing': 'least-connection' } }, spec: { type: 'NodePort', clusterIP: '10.2.0.9', internalTrafficPolicy: 'Local', ports: [{ port: 80, protocol: 'TCP' }] } } as Service;
    const slice = { metadata: { name: 'near-1', namespace: 'shop' }, addressType: 'IPv4', endpoints: addresses.map((address, index) => ({ addresses: [address], nodeName: `n${index + 1}` })), ports: [{ name: '', port: PORT, protocol: 'TCP' }] } as unknown as EndpointSlice;
    const { all, inside, outside, others } = (await haproxy.proxies.want('shop/near', service, [slice])).get(80)!;
    await haproxy.proxies.flush();
    try {
      const who = async (port: number | undefined): Promise<string> => [...new Set(await Promise.all(Array.from({ length: 6 }, () => ask(port!))))].sort().join();
      assert.deepEqual([await who(all), await who(inside), outside, await who(others.get('n2')), others.get('n3')], ['18,19', '18', all, '19', undefined]);
      const text = await haproxy.proxies.metrics();
      assert.match(text, /llmos_service_endpoints_well\{namespace="shop",service="near",port="80"\} 2\n/);
      assert.match(text, /llmos_service_connections_total\{namespace="shop",service="near",port="80"\} 18\n/);
    } finally {
      await haproxy.proxies.want('shop/near', undefined, []);
    }
  });

  it('hashes by header and cookie, and moves only what was of one that left', async () => {
    const all = await Promise.all([22, 23, 24].map((last) => haproxy.well(last)));
    for (const on of ['header:x-user', 'cookie:sid']) {
      const asked = (user: number): Asked => ({ headers: on === 'header:x-user' ? { 'x-user': `u${user}` } : { cookie: `a=b; sid=u${user}` } });
      const users = Array.from({ length: 60 }, (_, index) => index);
      const port = await haproxy.carry('hash', { 'load-balancing': 'consistent-hash', 'hash-on': on }, all);
      const first = await Promise.all(users.map((user) => ask(port, asked(user))));
      assert.equal(new Set(first).size, 3, first.join(' '));
      assert.deepEqual(await Promise.all(users.map((user) => ask(port, asked(user)))), first);
      await haproxy.carry('hash', { 'load-balancing': 'consistent-hash', 'hash-on': on }, all.slice(0, 2));
      const then = await Promise.all(users.map((user) => ask(port, asked(user))));
      for (const user of users) if (first[user] !== '24') assert.equal(then[user], first[user]);
      assert.ok(!then.includes('24'));
    }
  });
});
