/** What the gateway bears: its HAProxy killed, llmos killed, pods that come and go under load, backends that die. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from '../../../src/base/sys/is-running.ts';
import { askHaproxy } from '../../../src/sdk/haproxy/commands.ts';
import { stopProcess } from '../../../src/sdk/testing/stop-process.ts';
import { eventually } from '../../fixtures/instance.ts';
import { get, patch, running, until, type Body } from '../cluster.ts';
import { authorityMap, CA, policy } from './backend-tls.ts';
import { echoPod } from './echo.ts';
import { expectOne, H2LOAD, h2load, haproxyPid, illBackend, listenAt, load, podIp, tried } from './faulty.ts';
import { accepted, addressOf, apply, ask, expect, INFRA, parents, pathOf, prefix, remove, route, to, V1, V2 } from './world.ts';

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

  tried('who came while neither llmos nor HAProxy was there is answered when they are back', () => [route('both-killed', ['same-namespace'], [{ matches: [prefix('/both-killed')], backendRefs: [to(V1)] }])], async () => {
    await accepted('both-killed');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/both-killed' }, { backend: V1 });
    await running().kill('SIGKILL');
    const pid = haproxyPid();
    process.kill(pid, 'SIGKILL');
    await eventually(async () => !isRunning(pid), { what: 'its end', everyMs: 1 });
    const waiting = Promise.all(Array.from({ length: 5 }, () => ask(address, { path: '/both-killed' })));
    waiting.catch(() => {}); // heard below
    await running().boot();
    assert.deepEqual((await waiting).map(({ status }) => status), Array(5).fill(200));
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

  tried('HAProxy that is stopped under load is killed, and who came meanwhile is answered by the next', () => [route('stopped-busy', ['same-namespace'], [{ matches: [prefix('/stopped-busy')], backendRefs: [to('both')] }])], async () => {
    await accepted('stopped-busy');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/stopped-busy' }, {});
    const streams = 6;
    // It is asked for signs of life before it is killed.
    const patient = { path: '/stopped-busy', timeoutMs: 60_000 };
    const stop = load(address, patient.path, streams, patient.timeoutMs);
    try {
      const before = haproxyPid();
      await stopProcess(before);
      const waiting = Promise.all(Array.from({ length: 10 }, () => ask(address, patient).then(({ status }) => status, (error: Error) => error.message)));
      await eventually(async () => haproxyPid() !== before, { timeoutMs: 60_000, what: 'the next HAProxy' });
      assert.deepEqual(await waiting, Array(10).fill(200));
    } finally {
      const { 200: well = 0, ECONNRESET: lost = 0, ...others } = await stop();
      assert.deepEqual([others, well > 0, lost <= streams], [{}, true, true], `${well} well, ${lost} lost, ${JSON.stringify(others)}`);
    }
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

  tried('copies for one that hangs, and for one that is not there, cost a request nothing', () => {
    const [service, , slice] = illBackend('hangs', 3013, {});
    const empty = { ...service, metadata: { namespace: INFRA, name: 'not-there' } };
    const mirror = (name: string): object => ({ type: 'RequestMirror', requestMirror: { backendRef: { name, port: 8080 } } });
    return [service, slice, empty, route('copied', ['same-namespace'], [{ matches: [prefix('/copied')], filters: [mirror('hangs'), mirror('not-there')], backendRefs: [to(V1)] }])];
  }, async () => {
    let met = 0;
    const close = await listenAt(3013, (socket) => { met += 1; socket.resume(); });
    try {
      await accepted('copied');
      const address = await addressOf('same-namespace');
      await expect(address, { path: '/copied' }, { backend: V1 });
      for (let round = 0; round < 10; round++) assert.deepEqual((await Promise.all(Array.from({ length: 20 }, () => ask(address, { path: '/copied', method: 'POST', body: 'copy' })))).map(({ status, body }) => `${status} ${body.size}`), Array(20).fill('200 4'));
      await eventually(() => Promise.resolve(met > 200), { what: 'the copies' });
    } finally {
      close();
    }
  });

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
}
