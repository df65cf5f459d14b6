/** A real HAProxy before servers that are ill: on loopback, so without a network of its own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, request, type RequestListener, type Server } from 'node:http';
import * as http2 from 'node:http2';
import { connect, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '../../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import { silentLog } from '../../../base/log.ts';
import { isRunning } from '../../../base/sys/is-running.ts';
import { createProxiedServices, type ProxiedServices } from './proxied.ts';
import { endHaproxy } from '../../../sdk/haproxy/process.ts';
import { eventually } from '../../../sdk/testing/eventually.ts';

/** Loopback addresses of this test alone. */
const net = (last: number): string => `127.${60 + (process.pid % 100)}.${(process.pid >> 7) % 250}.${last}`;
const PORT = 8080;

describe('HAProxy before ill servers', { skip: existsSync('/usr/sbin/haproxy') ? false : 'needs haproxy' }, () => {
  let stop: AbortController;
  const servers: Server[] = [];
  const echoes: TcpServer[] = [];
  let folder: string;
  let proxies: ProxiedServices;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llmos-proxy-'));
    begin();
  });

  /** As a new llmos does, which finds nothing but what is in the folder and in HAProxy. */
  function begin(): void {
    stop = new AbortController();
    proxies = createProxiedServices({ program: 'haproxy', folder: join(folder, 'haproxy'), gatewayIp: net(1), nodeName: 'n1', others: () => [{ nodeName: 'n2' }, { nodeName: 'n3' }], log: process.env['LLMOS_TEST_VERBOSE'] ? { ...silentLog, warn: (text: string, more?: Record<string, unknown>) => process.stderr.write(`${text} ${String(more?.['error'])}\n`) } as typeof silentLog : silentLog, signal: stop.signal });
  }

  after(async () => {
    for (const name of ['ill', 'hash', 'drain', 'busy']) await proxies.want(`shop/${name}`, undefined, []);
    await proxies.flush();
    await proxies.settle();
    stop.abort('down');
    for (const each of echoes) each.close();
    for (const each of servers) {
      each.closeAllConnections();
      each.close();
    }
    await rm(folder, { recursive: true, force: true });
  });

  async function serve(last: number, listener: RequestListener): Promise<string> {
    const server = createServer({ keepAliveTimeout: 60_000 }, listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(PORT, net(last), resolve));
    return net(last);
  }

  const well = (last: number): Promise<string> => serve(last, (asked, response) => void asked.resume().on('end', () => response.end(String(last))));

  /** Settles when HAProxy carries it; gives its port. */
  async function carry(name: string, annotations: Record<string, string>, addresses: readonly string[], appProtocol?: string): Promise<number> {
    const said = Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`llmos.dev/${key}`, value]));
    const service = { metadata: { name, namespace: 'shop', annotations: said }, spec: { clusterIP: '10.2.0.9', ports: [{ port: 80, protocol: 'TCP', ...(appProtocol === undefined ? {} : { appProtocol }) }] } } as Service;
    const slice = { metadata: { name: `${name}-1`, namespace: 'shop' }, addressType: 'IPv4', endpoints: addresses.map((address) => ({ addresses: [address] })), ports: [{ name: '', port: PORT, protocol: 'TCP' }] } as unknown as EndpointSlice;
    const port = (await proxies.want(`shop/${name}`, service, [slice])).get(80)!.all;
    await proxies.flush();
    return port;
  }

  interface Asked { method?: string; headers?: Record<string, string>; agent?: Agent }
  const ask = (port: number, { method = 'GET', headers = {}, agent }: Asked = {}): Promise<string> => new Promise((resolve) => {
    const sent = request({ host: net(1), port, method, headers, agent: agent ?? false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve(response.statusCode === 200 ? text : String(response.statusCode)));
    });
    // A connection that is kept may end just as it is used again, which every client has to bear (RFC 9112, 9.3.1).
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(sent.reusedSocket && error.code === 'ECONNRESET' && method === 'GET' ? ask(port, { headers, agent }) : (error.code ?? 'error'))).end();
  });

  it('asks another one when one resets, dies in the middle, refuses or keeps silent', async () => {
    const good = await well(2);
    const resets = await serve(3, (asked) => void asked.socket.resetAndDestroy());
    const dies = await serve(4, (asked) => void asked.socket.end());
    const silent = await serve(5, () => {});
    const other = await well(9);
    const port = await carry('ill', { 'load-balancing': 'random', 'response-timeout': '600ms', 'outlier-detection': '3' }, [good, other, resets, dies, silent, net(6)], 'http');
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(port)));
    assert.deepEqual(new Set(answers), new Set(['2', '9']), answers.join(' '));
    const ejected = async (): Promise<number> => [...(await proxies.metrics()).matchAll(/endpoint_ejections_total\{[^}]*\} [1-9]\d*\n/g)].length;
    await eventually(async () => {
      await Promise.all(Array.from({ length: 10 }, () => ask(port)));
      return (await ejected()) >= 4;
    }, { what: 'all of the ill are spared, though nobody saw their errors' });
    assert.equal(await ejected(), 4);
    const text = await proxies.metrics();
    assert.match(text, /llmos_service_requests_total\{namespace="shop",service="ill",port="80",code="2xx"\} \d+/);
    assert.ok(Number(/llmos_service_retries_total\{[^}]*\} (\d+)/.exec(text)?.[1]) > 0, text);
    assert.ok(Number(/llmos_service_request_duration_seconds_bucket\{[^}]*le="\+Inf"\} (\d+)/.exec(text)?.[1]) >= 40, text);
  });

  it('counts each answer once, in the range of how long it took, for its own Service', async () => {
    const slow = await serve(40, (asked, response) => void asked.resume().on('end', () => setTimeout(() => response.end('40'), 60)));
    const [slowPort, fastPort] = [await carry('ill', { 'load-balancing': 'least-connection' }, [slow], 'http'), await carry('busy', { 'load-balancing': 'least-connection' }, [await well(41)], 'http')];
    await Promise.all([ask(slowPort), ...Array.from({ length: 5 }, () => ask(fastPort))]);
    const upTo = (text: string, service: string, bound: string): number => Number(text.split(`llmos_service_request_duration_seconds_bucket{namespace="shop",service="${service}",port="80",le="${bound}"} `)[1]?.split('\n')[0]);
    const before = await proxies.metrics();
    assert.equal(upTo(before, 'busy', '+Inf'), 5, before);
    await Promise.all(Array.from({ length: 7 }, () => ask(slowPort)));
    const after = await proxies.metrics();
    assert.deepEqual(['0.05', '+Inf'].map((bound) => upTo(after, 'ill', bound) - upTo(before, 'ill', bound)), [0, 7], after);
    assert.equal(upTo(after, 'busy', '+Inf'), 5);
  });

  it('speaks HTTP/2 in the clear to those that know nothing else, and checks them by it', async () => {
    const both = await Promise.all([16, 17].map(async (last) => {
      const server = http2.createServer().on('stream', (stream: http2.ServerHttp2Stream) => void (stream.respond({ ':status': 200 }), stream.end(String(last))));
      return new Promise<http2.Http2Server>((resolve) => server.listen(PORT, net(last), () => resolve(server)));
    }));
    const port = await carry('ill', { 'load-balancing': 'least-connection', 'health-check': '/healthz', 'health-check-interval': '100ms' }, [net(16), net(17)], 'kubernetes.io/h2c');
    const session = http2.connect(`http://${net(1)}:${port}`);
    try {
      const one = async (): Promise<string> => {
        const stream = session.request({ ':path': '/' }).setEncoding('utf8');
        return (await stream.toArray()).join('');
      };
      await sleep(500);
      assert.deepEqual([...new Set(await Promise.all(Array.from({ length: 10 }, one)))].sort(), ['16', '17']);
      assert.match(await proxies.metrics(), /llmos_service_endpoints_well\{[^}]*service="ill"[^}]*\} 2\n/);
    } finally {
      session.destroy();
      for (const each of both) each.close();
    }
  });

  it('HTTP/2: no request fails while HAProxy is replaced again and again, of clients that ask no more over a connection when they are told so', async () => {
    const server = http2.createServer().on('stream', (stream: http2.ServerHttp2Stream) => void (stream.respond({ ':status': 200 }), stream.end('well')));
    await new Promise<void>((resolve) => server.listen(PORT, net(52), resolve));
    const other = await well(53);
    const port = await carry('ill', { 'load-balancing': 'least-connection' }, [net(52)], 'kubernetes.io/h2c');
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
        const before = proxies.pid();
        await carry('busy', { 'load-balancing': 'least-connection', 'slow-start': `${round}s` }, [other], 'http');
        assert.notEqual(proxies.pid(), before);
      }
    } finally {
      going = false;
      await clients;
      server.close();
    }
    assert.deepEqual([Object.keys(counts), sessions > 3], [['well'], true], `${sessions} sessions, ${JSON.stringify(counts)}`);
  });

  it('leads pods of further nodes to their own endpoints, where these alone are for them', async () => {
    const addresses = await Promise.all([18, 19].map(well));
    const service = { metadata: { name: 'near', namespace: 'shop', annotations: { 'llmos.dev/load-balancing': 'least-connection' } }, spec: { type: 'NodePort', clusterIP: '10.2.0.9', internalTrafficPolicy: 'Local', ports: [{ port: 80, protocol: 'TCP' }] } } as Service;
    const slice = { metadata: { name: 'near-1', namespace: 'shop' }, addressType: 'IPv4', endpoints: addresses.map((address, index) => ({ addresses: [address], nodeName: `n${index + 1}` })), ports: [{ name: '', port: PORT, protocol: 'TCP' }] } as unknown as EndpointSlice;
    const { all, inside, outside, others } = (await proxies.want('shop/near', service, [slice])).get(80)!;
    await proxies.flush();
    try {
      const who = async (port: number | undefined): Promise<string> => [...new Set(await Promise.all(Array.from({ length: 6 }, () => ask(port!))))].sort().join();
      assert.deepEqual([await who(all), await who(inside), outside, await who(others.get('n2')), others.get('n3')], ['18,19', '18', all, '19', undefined]);
      const text = await proxies.metrics();
      assert.match(text, /llmos_service_endpoints_well\{namespace="shop",service="near",port="80"\} 2\n/);
      assert.match(text, /llmos_service_connections_total\{namespace="shop",service="near",port="80"\} 18\n/);
    } finally {
      await proxies.want('shop/near', undefined, []);
    }
  });

  it('sends what is not idempotent once', async () => {
    let seen = 0;
    const resets = await serve(8, (asked) => void (seen++, asked.socket.resetAndDestroy()));
    const port = await carry('ill', { 'load-balancing': 'least-connection' }, [resets], 'http');
    assert.equal(await ask(port, { method: 'POST' }), '502');
    assert.equal(seen, 1);
    assert.equal(await ask(port), '502');
    assert.ok(seen > 2, 'a GET is tried again');
  });

  it('spares for a while who fails again and again, and tries it again', async () => {
    let failing = true;
    let failures = 0;
    const good = await well(12);
    const bad = await serve(13, (_asked, response) => {
      if (failing) failures++;
      response.writeHead(failing ? 500 : 200).end('13');
    });
    const port = await carry('ill', { 'load-balancing': 'round-robin', 'outlier-detection': '3', 'outlier-ejection': '2s' }, [good, bad], 'http');
    const answers: string[] = [];
    for (let i = 0; i < 30; i++) answers.push(await ask(port));
    assert.ok(failures >= 3 && failures <= 12, `${failures} failures: ${answers.join(' ')}`);
    assert.match(await proxies.metrics(), /llmos_service_endpoint_ejections_total\{[^}]*:8080"\} [1-9]\d*\n/);
    failing = false;
    await eventually(async () => (await ask(port)) === '13', { what: 'it comes back' });
  });

  it('hashes by header and cookie, and moves only what was of one that left', async () => {
    const all = await Promise.all([22, 23, 24].map(well));
    for (const on of ['header:x-user', 'cookie:sid']) {
      const asked = (user: number): Asked => ({ headers: on === 'header:x-user' ? { 'x-user': `u${user}` } : { cookie: `a=b; sid=u${user}` } });
      const users = Array.from({ length: 60 }, (_, index) => index);
      const port = await carry('hash', { 'load-balancing': 'consistent-hash', 'hash-on': on }, all);
      const first = await Promise.all(users.map((user) => ask(port, asked(user))));
      assert.equal(new Set(first).size, 3, first.join(' '));
      assert.deepEqual(await Promise.all(users.map((user) => ask(port, asked(user)))), first);
      await carry('hash', { 'load-balancing': 'consistent-hash', 'hash-on': on }, all.slice(0, 2));
      const then = await Promise.all(users.map((user) => ask(port, asked(user))));
      for (const user of users) if (first[user] !== '24') assert.equal(then[user], first[user]);
      assert.ok(!then.includes('24'));
    }
  });

  it('lets connections to one that left go on until its drain is over', async () => {
    const [stays, leaves] = await Promise.all([well(32), well(33)]) as [string, string];
    const port = await carry('drain', { 'load-balancing': 'round-robin', drain: '700ms' }, [leaves]);
    const held = connect(port, net(1));
    const closed = new Promise<number>((resolve) => held.on('error', () => {}).on('close', () => resolve(performance.now())));
    const say = (): Promise<string> => new Promise((resolve) => {
      held.once('data', (chunk: Buffer) => resolve(chunk.toString()));
      held.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    });
    assert.match(await say(), /33/);
    await carry('drain', { 'load-balancing': 'round-robin', drain: '700ms' }, [stays]);
    const leftAt = performance.now();
    assert.match(await say(), /33/, 'what is under way goes on');
    for (let i = 0; i < 6; i++) assert.equal(await ask(port), '32', 'nothing new goes there');
    const took = (await closed) - leftAt;
    assert.ok(took >= 600 && took < 10_000, `it ended after ${took} ms`);
  });

  for (const when of ['before', 'after'] as const) {
    it(`ends connections to one that left ${when} a reload too, when its drain is over`, async () => {
      const [stays, leaves] = await Promise.all([well(when === 'before' ? 34 : 36), well(when === 'before' ? 35 : 37)]) as [string, string];
      const asked = { 'load-balancing': 'round-robin', drain: '2s' };
      const port = await carry('drain', asked, [leaves]);
      const held = connect(port, net(1));
      const closed = new Promise<number>((resolve) => held.on('error', () => {}).on('close', () => resolve(performance.now())));
      const say = (): Promise<string> => new Promise((resolve) => {
        held.once('data', (chunk: Buffer) => resolve(chunk.toString()));
        held.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      });
      assert.match(await say(), /35|37/);
      const first = proxies.pid();
      let leftAt = 0;
      const leave = async (): Promise<void> => { await carry('drain', asked, [stays]); leftAt = performance.now(); };
      if (when === 'before') await leave();
      await carry(`other-${when}`, { 'load-balancing': 'least-connection' }, [stays]); // another listener: a reload
      assert.notEqual(proxies.pid(), first);
      if (when === 'after') await leave();
      assert.match(await say(), /35|37/, 'what is under way goes on');
      const took = (await closed) - leftAt;
      assert.ok(took >= 1_500 && took < 20_000, `it ended after ${took} ms`);
      await eventually(async () => !isRunning(first!), { what: 'and then the process of before does' });
      await proxies.want(`shop/other-${when}`, undefined, []);
    });
  }

  for (const [index, when] of ['before llmos ended', 'while there was none', 'before llmos ended, from a process that a reload had left behind'].entries()) {
    it(`ends connections to one that left ${when}, when its drain is over and not before`, async () => {
      const [stays, leaves] = await Promise.all([well(60 + index * 2), well(61 + index * 2)]) as [string, string];
      const asked = { 'load-balancing': 'round-robin', drain: '2s' };
      const port = await carry('drain', asked, [leaves]);
      const held = connect(port, net(1));
      const closed = new Promise<number>((resolve) => held.on('error', () => {}).on('close', () => resolve(performance.now())));
      await new Promise<void>((resolve) => {
        held.once('data', () => resolve());
        held.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      });
      if (index === 2) await carry('another', asked, [stays]); // another listener: a reload
      if (index !== 1) await carry('drain', asked, [stays]);
      const leftAt = performance.now();
      stop.abort('killed');
      begin();
      if (index === 2) await proxies.want('shop/another', undefined, []);
      await carry('drain', asked, [stays]);
      const took = (await closed) - leftAt;
      assert.ok(took >= 1_700 && took < 20_000, `it ended after ${took} ms`);
      assert.equal(await ask(port), String(60 + index * 2));
    });
  }

  it('fails no request while endpoints change a hundred times a second, and none twice when it is killed', async (test) => {
    const all = await Promise.all([42, 43, 44, 45].map(well));
    const port = await carry('busy', { 'load-balancing': 'least-connection' }, all, 'http');
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const { pid } = proxies;
    const first = pid();
    let going = true;
    test.after(() => {
      going = false;
      agent.destroy();
    });
    const failed: string[] = [];
    let answered = 0;
    let killed = 0;
    let deadMs = 0;
    const client = async (): Promise<void> => {
      while (going) {
        let answer = await ask(port, { agent });
        // What a client sees of a killed proxy, trying again mends.
        for (let tries = 0; tries < 40 && killed > 0 && !/^\d\d$/.test(answer); tries++) answer = await sleep(50).then(() => ask(port, { agent }));
        if (/^4[2-5]$/.test(answer)) answered++;
        else failed.push(answer);
      }
    };
    // A new connection is never refused or reset, but for those that die with it; it may wait.
    let longestMs = 0;
    let refused = 0;
    const stranger = async (): Promise<void> => {
      while (going) {
        const began = performance.now();
        const answer = await ask(port);
        longestMs = Math.max(longestMs, performance.now() - began);
        if (answer === 'ECONNREFUSED') refused++;
        if (/^4[2-5]$/.test(answer)) answered++;
        else if (killed === 0 || (deadMs > 0 && began > deadMs)) failed.push(answer);
        await sleep(10);
      }
    };
    const clients = [client(), client(), client(), client(), stranger(), stranger()];
    const requests = (text: string): number => Number(/requests_total\{namespace="shop",service="busy",port="80",code="2xx"\} (\d+)/.exec(text)?.[1] ?? 0);
    let changes = 0;
    for (const began = performance.now(); performance.now() - began < 1_500 || changes < 10; changes++) {
      await carry('busy', { 'load-balancing': 'least-connection' }, all.filter((_, index) => index === 0 || (changes + index) % 3 > 0), 'http');
      await sleep(5);
    }
    assert.equal(pid(), first, 'without a reload');
    assert.deepEqual(failed, []);
    assert.ok(changes >= 10, `${changes} changes`);
    const before = requests(await proxies.metrics());
    killed = performance.now();
    process.kill(first!, 'SIGKILL');
    while (isRunning(first!)) await sleep(1);
    deadMs = performance.now();
    while (pid() === undefined || pid() === first) await sleep(1);
    const down = performance.now() - killed;
    await sleep(300);
    going = false;
    await Promise.all(clients);
    assert.deepEqual(failed, []);
    assert.ok(down < 10_000, `it was gone for ${down} ms`);
    assert.equal(refused, 0, 'what comes while it is down waits');
    assert.ok(before > 0 && requests(await proxies.metrics()) >= before, 'what was counted is not lost');
    assert.ok(answered > 20, `${answered} answers`);
    if (process.env['LLMOS_TEST_VERBOSE']) process.stderr.write(`${changes} changes, ${answered} answers, down ${Math.round(down)} ms, longest answer ${Math.round(longestMs)} ms\n`);
  });

  it('ends with the connections that it has when there is nothing to carry, or on the way down', async () => {
    const held = await new Promise<string>((resolve) => {
      const server = createTcpServer((socket) => void socket.on('error', () => {}).pipe(socket)).listen(PORT, net(46), () => resolve(net(46)));
      echoes.push(server);
    });
    for (const name of ['ill', 'hash', 'drain', 'busy']) await proxies.want(`shop/${name}`, undefined, []);
    const open = async (): Promise<{ socket: Socket; pid: number }> => {
      const socket = connect(await carry('held', { 'load-balancing': 'least-connection' }, [held]), net(1));
      await proxies.settle();
      assert.equal(await echo(socket, 'one'), 'one');
      const pid = proxies.pid()!;
      await proxies.want('shop/held', undefined, []);
      await proxies.flush();
      await proxies.settle();
      assert.equal(proxies.pid(), undefined, 'it is none any more');
      assert.equal(await echo(socket, 'two'), 'two', 'and goes on with what it has');
      return { socket, pid };
    };
    const first = await open();
    first.socket.destroy();
    await eventually(async () => !isRunning(first.pid), { what: 'it ends with its last connection' });
    const second = await open();
    const closed = once(second.socket, 'close');
    await endHaproxy(join(folder, 'haproxy'));
    await closed;
    assert.ok(!isRunning(second.pid), 'who takes everything down ends it, too');
  });
});

async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  return String((await once(socket, 'data'))[0]);
}
