/** What the gateway bears: its HAProxy killed, llmos killed, pods that come and go under load, backends that die; and what it tells of requests. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { it } from 'node:test';
import { eventually } from '../../fixtures/instance.ts';
import { call, get, patch, running, until, type Body } from '../cluster.ts';
import { echoPod } from './echo.ts';
import { accepted, addressOf, apply, ask, expect, INFRA, pathOf, prefix, remove, route, to, V1, V2, world } from './world.ts';

/** As a behaviour, with a name of our own. */
function tried(name: string, objects: () => Body[], run: () => Promise<void>): void {
  it(name, { timeout: 60_000 }, async () => {
    await world();
    const own = objects();
    try {
      await apply(...own);
      await run();
    } finally {
      await remove(...own);
    }
  });
}

const haproxyPid = (): number => Number(readFileSync(join(running().run, 'gateway/haproxy/haproxy.pid'), 'utf8').trim());

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

  tried('a backend that resets connections costs a safe request nothing, as long as another is well', () => [
    { apiVersion: 'v1', kind: 'Service', metadata: { namespace: INFRA, name: 'half-well' }, spec: { ports: [{ name: 'http', port: 8080, targetPort: 3000 }] } }, route('half-well', ['same-namespace'], [{ matches: [prefix('/half-well')], backendRefs: [to('half-well')] }]),
  ], async () => {
    const resetting: Server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy()).on('error', () => {}));
    const { status } = await get(`/api/v1/namespaces/${INFRA}/pods/${V1}`);
    const gatewayIp = (status.podIP as string).replace(/\.\d+$/, '.1');
    await new Promise<void>((settle) => resetting.listen(3000, gatewayIp, () => settle()));
    const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { namespace: INFRA, name: 'half-well', labels: { 'kubernetes.io/service-name': 'half-well' } }, addressType: 'IPv4', endpoints: [{ addresses: [status.podIP] }, { addresses: [gatewayIp] }], ports: [{ name: 'http', port: 3000 }] };
    try {
      await apply(slice);
      await accepted('half-well');
      const address = await addressOf('same-namespace');
      await expect(address, { path: '/half-well' }, { backend: V1 });
      for (let times = 0; times < 20; times++) assert.equal((await ask(address, { path: '/half-well' })).status, 200);
    } finally {
      resetting.close();
      await remove(slice);
    }
  });

  tried('routes are told of by their rate, errors and durations', () => [route('watched', ['same-namespace'], [{ matches: [prefix('/watched')], backendRefs: [to(V1)] }])], async () => {
    await accepted('watched');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/watched' }, { backend: V1 });
    for (let times = 0; times < 10; times++) await ask(address, { path: `/watched/${times}${times < 2 ? '?status=503' : '?delay=30'}` });
    const metrics = await eventually(async () => {
      const { body } = await call('GET', '/metrics');
      return /llmos_route_requests_total\{route_kind="HTTPRoute",route_namespace="gateway-conformance-infra",route_name="watched",gateway="gateway-conformance-infra\/same-namespace:80",code="503"\} 2\n/.test(body) && String(body);
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
