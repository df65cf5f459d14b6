/** What the gateway bears: its HAProxy killed, llmos killed, pods that come and go under load, backends that die; and what it tells of requests. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { isRunning } from '../../../src/base/sys/is-running.ts';
import { runAny } from '../../../src/base/sys/run.ts';
import { askHaproxy } from '../../../src/sdk/haproxy/commands.ts';
import { eventually } from '../../fixtures/instance.ts';
import { call, get, patch, running, until, type Body } from '../cluster.ts';
import { echoPod } from './echo.ts';
import { authorityMap, CA, policy } from './backend-tls.ts';
import { accepted, addressOf, amid, apply, ask, expect, INFRA, parents, pathOf, prefix, remove, route, to, V1, V2, world } from './world.ts';

const H2LOAD = existsSync('/usr/bin/h2load') ? false : "needs h2load (Debian's nghttp2-client)";

/** As a behaviour, with a name of our own. */
function tried(name: string, objects: () => Body[], run: () => Promise<void>, skip: string | false = false): void {
  it(name, { timeout: 120_000, skip }, async () => {
    await world();
    podIp = (await get(`/api/v1/namespaces/${INFRA}/pods/${V1}`)).status.podIP;
    await amid(objects(), run);
  });
}

export const haproxyPid = (): number => Number(readFileSync(join(running().run, 'gateway/haproxy/haproxy.pid'), 'utf8').trim());

/** Asks until it is stopped, `streams` at once; gives what was answered, by status or error. */
function load(address: string, path: string, streams = 4): () => Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  let going = true;
  const stream = async (): Promise<void> => {
    while (going) {
      const key = await ask(address, { path }).then(({ status }) => String(status), (error: NodeJS.ErrnoException) => error.code ?? error.message);
      counts[key] = (counts[key] ?? 0) + 1;
    }
  };
  const all = Promise.all(Array.from({ length: streams }, stream));
  return async () => {
    going = false;
    await all;
    return counts;
  };
}

interface Loaded { total: number; succeeded: number; failed: number; ok: number; text: string }

/** h2load, which speaks HTTP/2: `clients` connections, each with `streams` requests at once. */
function h2load(url: string, { address, clients = 4, streams = 5, requests, seconds, more = [] }: { address: string; clients?: number; streams?: number; requests?: number; seconds?: number; more?: string[] }): Promise<Loaded> {
  const amount = seconds === undefined ? ['-n', String(requests)] : ['-D', String(seconds)];
  const { port, protocol } = new URL(url);
  return runAny('h2load', ['-c', String(clients), '-m', String(streams), ...amount, `--connect-to=${address}:${port || (protocol === 'https:' ? '443' : '80')}`, ...more, url], { timeoutMs: 50_000 }).then(({ stdout: text, code, stderr }) => {
    const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? NaN);
    assert.equal(code, 0, stderr);
    return { total: number(/requests: (\d+) total/), succeeded: number(/(\d+) succeeded/), failed: number(/(\d+) failed/), ok: number(/status codes: (\d+) 2xx/), text };
  });
}

const gatewayIp = async (): Promise<string> => ((await get(`/api/v1/namespaces/${INFRA}/pods/${V1}`)).status.podIP as string).replace(/\.\d+$/, '.1');

/** A server on the gateway's address; gives what ends it. */
async function listenAt(port: number, serve: (socket: Socket) => void): Promise<() => void> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => { sockets.add(socket); socket.on('error', () => {}).on('close', () => sockets.delete(socket)); serve(socket); });
  const address = await gatewayIp();
  await new Promise<void>((settle, fail) => server.once('error', fail).listen(port, address, () => settle()));
  return () => {
    server.close();
    for (const each of sockets) each.destroy();
  };
}

let podIp = '';

/** A Service with one backend that is well and one that is ill, at `port` of the gateway's address; and its route. */
function illBackend(name: string, port: number, rule: object, addressOfIll = (ip: string): string => ip.replace(/\.\d+$/, '.1')): Body[] {
  const slice = (which: string, address: string, at: number): Body => ({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { namespace: INFRA, name: `${name}-${which}`, labels: { 'kubernetes.io/service-name': name } }, addressType: 'IPv4', endpoints: [{ addresses: [address] }], ports: [{ name: 'http', port: at }] });
  return [
    { apiVersion: 'v1', kind: 'Service', metadata: { namespace: INFRA, name }, spec: { ports: [{ name: 'http', port: 8080, targetPort: 3000 }] } }, slice('well', podIp, 3000), slice('ill', addressOfIll(podIp), port),
    route(name, ['same-namespace'], [{ matches: [prefix(`/${name}`)], backendRefs: [to(name)], ...rule }]),
  ];
}

/** Settles when the route is there, whatever comes of a request. */
function expectOne(address: string, path: string): Promise<boolean> {
  return eventually(async () => ask(address, { path, method: 'POST' }).then(({ status }) => status !== 404, () => true), { what: 'the route' });
}

let ills = 0;

/** Requests that may be sent again are answered by the one that is well. */
function ill(what: string, serve: (socket: Socket) => void, rule: object = {}): void {
  const [name, port] = [`ill-${(ills += 1)}`, 3000 + 100 + ills];
  tried(`a backend that ${what} costs a request nothing that may be sent again, as long as another is well`, () => illBackend(name, port, rule), async () => {
    let met = 0;
    const close = await listenAt(port, (socket) => { met += 1; serve(socket); });
    try {
      await accepted(name);
      const address = await addressOf('same-namespace');
      await expect(address, { path: `/${name}` }, { backend: V1 });
      for (const method of ['GET', 'PUT', 'DELETE']) assert.deepEqual((await Promise.all(Array.from({ length: 6 }, () => ask(address, { path: `/${name}`, method })))).map(({ status }) => status), Array(6).fill(200), method);
      assert.ok(met > 0, 'the one that is ill was asked too');
    } finally {
      close();
    }
  });
}

export function faults(): void {
  tried('HAProxy that is killed is started again', () => [route('killed', ['same-namespace'], [{ matches: [prefix('/killed')], backendRefs: [to(V1)] }])], async () => {
    await accepted('killed');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/killed' }, { backend: V1 });
    const before = haproxyPid();
    process.kill(before, 'SIGKILL');
    await expect(address, { path: '/killed' }, { backend: V1 });
    assert.notEqual(haproxyPid(), before);
  });

  tried('requests are answered while llmos is killed and comes back, by the same HAProxy and its next one', () => [route('outlives', ['same-namespace'], [{ matches: [prefix('/outlives')], backendRefs: [to(V1)] }])], async () => {
    await accepted('outlives');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/outlives' }, { backend: V1 });
    await running().kill('SIGKILL');
    assert.equal((await ask(address, { path: '/outlives' })).status, 200);
    const stop = load(address, '/outlives', 2);
    await running().boot();
    await apply(route('outlives', ['same-namespace'], [{ matches: [prefix('/outlives')], backendRefs: [to(V2)] }]));
    await expect(address, { path: '/outlives' }, { backend: V2 });
    assert.deepEqual(Object.keys(await stop()), ['200']);
  });

  const names = { subjectAltNames: [{ type: 'URI', uri: 'spiffe://abc.example.com/test-identity' }] };
  tried('a drain ends in its time, and backends of several names are reached again, though llmos is killed', () => [
    { apiVersion: 'v1', kind: 'Service', metadata: { namespace: INFRA, name: 'draining', annotations: { 'llmos.dev/drain': '4s' } }, spec: { selector: { app: V1 }, ports: [{ port: 8080, targetPort: 3000 }] } },
    route('draining', ['same-namespace'], [{ matches: [prefix('/draining')], backendRefs: [to('draining')] }, { matches: [prefix('/named')], backendRefs: [{ name: 'tls-backend', port: 443 }] }]),
    authorityMap(), policy('named', { name: 'tls-backend' }, { ...CA, ...names }),
  ], async () => {
    await accepted('draining');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/draining' }, { backend: V1 });
    await expect(address, { path: '/named' }, { backend: 'tls-backend' });
    const going = connect(80, address, () => void going.write('POST /draining?delay=120000 HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n'));
    // One that may be sent again would go on at the other endpoint.
    let told = '';
    const ended = new Promise<number>((settle) => going.on('error', () => {}).on('close', () => settle(performance.now())).on('data', (chunk: Buffer) => { told += chunk.toString(); going.destroy(); }));
    await eventually(async () => (await askHaproxy(join(running().run, 'gateway/haproxy/haproxy.sock'), 'show sess')).includes('be=HTTPRoute:gateway-conformance-infra:draining:0:0:to:gateway-conformance-infra:draining '), { what: 'the request' });
    await patch(`/api/v1/namespaces/${INFRA}/services/draining`, { spec: { selector: { app: V2 } } });
    await expect(address, { path: '/draining' }, { backend: V2 });
    const leftAtMs = performance.now();
    await running().kill('SIGKILL');
    await running().boot();
    await expect(address, { path: '/named' }, { backend: 'tls-backend' });
    const tookMs = (await ended) - leftAtMs;
    assert.ok(tookMs > 2_500 && tookMs < 50_000, `it ended after ${tookMs} ms, with ${told}`);
    assert.doesNotMatch(told, / 200 /);
  });

  tried('no request fails while routes change and endpoints come and go', () => [route('changing', ['same-namespace'], [{ matches: [prefix('/changing')], backendRefs: [to('both')] }]), echoPod(INFRA, 'infra-backend-v9')], async () => {
    await accepted('changing');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/changing' }, {});
    await until(`/api/v1/namespaces/${INFRA}/pods/infra-backend-v9`, ({ status }) => status?.phase === 'Running');
    const stop = load(address, '/changing');
    for (let round = 0; round < 6; round++) {
      await patch(`/api/v1/namespaces/${INFRA}/pods/infra-backend-v9`, { metadata: { labels: { group: round % 2 === 0 ? 'both' : null } } });
      await patch(pathOf(route('changing', [], [])), { spec: { rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/changing' } }], filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'x-round', value: String(round) }] } }], backendRefs: [{ name: 'both', port: 8080 }] }] } });
      await eventually(async () => (await ask(address, { path: '/changing' })).headers['x-round'] === String(round), { what: `round ${round}` });
    }
    const counts = await stop();
    assert.deepEqual(Object.keys(counts), ['200'], JSON.stringify(counts));
  });

  tried('no request fails while all endpoints are others at once, again and again', () => illBackend('flips', 3000, {}, (ip) => ip), async () => {
    await accepted('flips');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/flips' }, {});
    const other = (await get(`/api/v1/namespaces/${INFRA}/pods/${V2}`)).status.podIP as string;
    const [, , slice] = illBackend('flips', 3000, {}, (ip) => ip);
    await remove(slice);
    const stop = load(address, '/flips');
    for (let round = 1; round <= 40; round++) await apply({ ...illBackend('flips', 3000, {})[1], endpoints: [{ addresses: [round % 2 === 0 ? podIp : other] }] });
    await expect(address, { path: '/flips' }, { backend: V1 });
    const counts = await stop();
    assert.deepEqual(Object.keys(counts), ['200'], JSON.stringify(counts));
  });

  tried('HAProxy that is killed under load costs the requests that it had, and refuses none', () => [route('killed-busy', ['same-namespace'], [{ matches: [prefix('/killed-busy')], backendRefs: [to('both')] }])], async () => {
    await accepted('killed-busy');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/killed-busy' }, {});
    const streams = 6;
    const stop = load(address, '/killed-busy', streams);
    const before = haproxyPid();
    process.kill(before, 'SIGKILL');
    await eventually(async () => haproxyPid() !== before && (await ask(address, { path: '/killed-busy' })).status === 200, { what: 'the next HAProxy' });
    const { 200: well = 0, ECONNRESET: lost = 0, ...others } = await stop();
    assert.deepEqual([others, well > 0, lost <= streams], [{}, true, true], `${well} well, ${lost} lost`);
  });

  // HTTP/2 by TLS, and gRPC in the clear: many requests a connection, so that one connection lost is many requests.
  const GRPC = '/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/Echo';
  const wires = [
    { wire: 'HTTP/2', gatewayName: 'same-namespace-with-https-listener', url: 'https://second-example.org/h2', more: [], plural: 'httproutes', object: (): Body => route('h2-busy', ['same-namespace-with-https-listener'], [{ matches: [prefix('/h2')], backendRefs: [to('both')] }], { hostnames: ['second-example.org'] }) },
    { wire: 'gRPC', gatewayName: 'same-namespace', url: `http://grpc.example.org${GRPC}`, more: ['-H', 'content-type: application/grpc', '-H', 'te: trailers'], plural: 'grpcroutes', object: (): Body => route('h2-busy', ['same-namespace'], [{ backendRefs: [to('grpc-both')] }], { kind: 'GRPCRoute', hostnames: ['grpc.example.org'] }) },
  ];
  for (const { wire, gatewayName, url, more, plural, object } of wires) {
    const grpcPorts = [{ name: 'grpc', port: 8080, targetPort: 3002, appProtocol: 'kubernetes.io/h2c' }];
    tried(`${wire}: no request fails while endpoints come and go, and none is refused by an HAProxy that was killed, measured by h2load`, () => [object(), { apiVersion: 'v1', kind: 'Service', metadata: { namespace: INFRA, name: 'grpc-both' }, spec: { selector: { group: 'both' }, ports: grpcPorts } }], async () => {
      await parents('h2-busy', { Accepted: 'True', ResolvedRefs: 'True' }, { plural });
      const address = await addressOf(gatewayName);
      const folder = mkdtempSync(join(tmpdir(), 'llmos-h2load-'));
      try {
        writeFileSync(join(folder, 'empty-message'), Buffer.alloc(5));
        const options = { address, more: [...more, ...(wire === 'gRPC' ? ['-d', join(folder, 'empty-message')] : [])] };
        await eventually(async () => (await h2load(url, { ...options, clients: 1, streams: 1, requests: 5 })).ok === 5, { what: 'the route' });
        const loading = h2load(url, { ...options, seconds: 3 });
        let going = true;
        void loading.finally(() => (going = false)).catch(() => {});
        let changes = 0;
        for (; going; changes++) await patch(`/api/v1/namespaces/${INFRA}/pods/${V2}`, { metadata: { labels: { group: changes % 2 === 0 ? null : 'both' } } });
        const { total, succeeded, failed, ok, text } = await loading;
        assert.deepEqual([failed, succeeded === total, ok >= total, total > 20, changes > 5], [0, true, true, true, true], `${changes} changes: ${text}`);
        const before = haproxyPid();
        process.kill(before, 'SIGKILL');
        await eventually(async () => !isRunning(before), { what: 'its end', everyMs: 1 });
        const down = await h2load(url, { ...options, clients: 20, requests: 200 });
        assert.deepEqual([down.succeeded, down.ok], [200, 200], down.text);
        assert.notEqual(haproxyPid(), before);
      } finally {
        rmSync(folder, { recursive: true, force: true });
        await patch(`/api/v1/namespaces/${INFRA}/pods/${V2}`, { metadata: { labels: { group: 'both' } } });
      }
    }, H2LOAD);
  }

  ill('resets', (socket) => void socket.once('data', () => socket.resetAndDestroy()));
  ill('dies when it was asked', (socket) => void socket.once('data', () => socket.destroy()));
  ill('takes connections and hangs', (socket) => void socket.resume(), { timeouts: { backendRequest: '300ms' } });
  ill('begins to answer and dies before the first line is whole', (socket) => void socket.once('data', () => socket.end('HTTP/1.1 200')));

  tried('a backend that is not there, whose address nobody has, costs a request time alone', () => [...illBackend('nowhere', 3000, {}, (podIp) => podIp.replace(/\.\d+$/, '.253'))], async () => {
    await accepted('nowhere');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/nowhere' }, { backend: V1 });
    assert.deepEqual((await Promise.all(Array.from({ length: 6 }, () => ask(address, { path: '/nowhere' })))).map(({ status }) => status), Array(6).fill(200));
  });

  tried('what a retry cannot save is cut off, not hung, and not sent twice', () => illBackend('cut', 3010, {}), async () => {
    let asked = 0;
    const close = await listenAt(3010, (socket) => void socket.once('data', () => { asked += 1; socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf of it'); setTimeout(() => socket.resetAndDestroy(), 50); }));
    try {
      await accepted('cut');
      const address = await addressOf('same-namespace');
      await expectOne(address, '/cut');
      const answers = await Promise.all(Array.from({ length: 8 }, () => ask(address, { path: '/cut' }).then(({ status }) => status, (error: NodeJS.ErrnoException) => error.code ?? error.message)));
      const cut = answers.filter((each) => each !== 200);
      assert.deepEqual([cut.every((each) => each === 'ECONNRESET' || each === 'aborted'), cut.length > 0], [true, true], answers.join(' '));
      const before = asked;
      const posted = await Promise.all(Array.from({ length: 8 }, () => ask(address, { path: '/cut', method: 'POST', body: 'once' }).then(({ status }) => status, () => 0)));
      assert.equal(asked - before, posted.filter((each) => each === 0).length);
    } finally {
      close();
    }
  });

  tried('a backend that dies when it was asked what is not idempotent: 502, and asked once', () => illBackend('once', 3011, {}), async () => {
    let asked = 0;
    const close = await listenAt(3011, (socket) => void socket.once('data', () => { asked += 1; socket.destroy(); }));
    try {
      await accepted('once');
      const address = await addressOf('same-namespace');
      await expectOne(address, '/once');
      asked = 0;
      const posted = await Promise.all(Array.from({ length: 10 }, () => ask(address, { path: '/once', method: 'POST', body: 'once' })));
      assert.deepEqual([asked > 0, posted.filter(({ status }) => status === 502).length], [true, asked]);
    } finally {
      close();
    }
  });

  tried('a backend that answers slowly, a byte at a time, is heard to the end', () => illBackend('slow', 3012, {}), async () => {
    const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow';
    const close = await listenAt(3012, (socket) => void socket.once('data', () => {
      [...answer].forEach((letter, index) => setTimeout(() => socket.write(letter), index * 15));
    }));
    try {
      await accepted('slow');
      const address = await addressOf('same-namespace');
      await eventually(async () => (await ask(address, { path: '/slow' })).body === 'slow', { what: 'the slow one' });
    } finally {
      close();
    }
  });

  tried('of two Services that share a route each is told of', () => [route('canary', ['same-namespace'], [{ matches: [prefix('/canary')], backendRefs: [to(V1), to(V2), { name: 'nowhere', port: 8080, weight: 0 }] }])], async () => {
    await parents('canary', { Accepted: 'True' });
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/canary' }, {});
    const answered: Record<string, number> = {};
    for (let times = 0; times < 30; times++) {
      const { body } = await ask(address, { path: `/canary/of-each?times=${times}` });
      answered[body.pod] = (answered[body.pod] ?? 0) + 1;
    }
    const view = await eventually(async () => {
      const [one] = (await get('/gateway/routes')).items.filter(({ name }: Body) => name === 'canary');
      return one !== undefined && one.services.length === 2 && one.requests >= 33 && one;
    }, { what: 'both' });
    assert.equal(view.services.reduce((sum: number, { requests }: Body) => sum + requests, 0), view.requests);
    const { body } = await call('GET', '/metrics');
    for (const name of [V1, V2]) {
      assert.ok(view.services.find(({ service }: Body) => service === `${INFRA}/${name}`).requests >= answered[name]!, JSON.stringify(view));
      assert.match(body, new RegExp(`llmos_route_request_duration_seconds_count\\{route_kind="HTTPRoute",route_namespace="${INFRA}",route_name="canary",gateway="${INFRA}/same-namespace:80",service="${INFRA}/${name}"\\} \\d+\n`));
    }
    const { stdout } = await running().llmos('top', 'routes');
    for (const name of [V1, V2]) assert.match(stdout, new RegExp(`^  to ${INFRA}/${name} +\\d+\\.\\d +0\\.0 % `, 'm'));
  });

  tried('routes are told of by their rate, errors and durations', () => [route('watched', ['same-namespace'], [{ matches: [prefix('/watched')], backendRefs: [to(V1)] }])], async () => {
    await accepted('watched');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/watched' }, { backend: V1 });
    for (let times = 0; times < 10; times++) await ask(address, { path: `/watched/${times}${times < 2 ? '?status=503' : '?delay=30'}` });
    const metrics = await eventually(async () => {
      const { body } = await call('GET', '/metrics');
      return /llmos_route_requests_total\{route_kind="HTTPRoute",route_namespace="gateway-conformance-infra",route_name="watched",gateway="gateway-conformance-infra\/same-namespace:80",service="gateway-conformance-infra\/infra-backend-v1",code="503"\} 2\n/.test(body) && String(body);
    }, { what: 'counters' });
    assert.match(metrics, /llmos_route_request_duration_seconds_bucket\{.*route_name="watched".*le="0.025"\}/);
    const { stdout } = await running().llmos('top', 'routes');
    assert.match(stdout, /^ROUTE +GATEWAY +REQUESTS\/S +ERRORS +P50 +P99 +REQUESTS$/m);
    assert.match(stdout, /HTTPRoute gateway-conformance-infra\/watched +gateway-conformance-infra\/same-namespace:80 +\d+\.\d +\d+\.\d % +\d/);
    const { items } = await get('/gateway/requests');
    const one = items.find(({ path }: Body) => path === '/watched/9');
    assert.deepEqual([one.method, one.status, one.host, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/.test(one.traceparent)], ['GET', 200, address, true]);
  });
}
