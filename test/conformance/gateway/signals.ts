/** What the gateway tells of requests: rate, errors, durations. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { eventually } from '../../fixtures/instance.ts';
import { call, get, running, type Body } from '../cluster.ts';
import { tried } from './faulty.ts';
import { passthrough, shown, tlsRoute } from './tls.ts';
import { accepted, addressOf, ask, expect, gateway, INFRA, parents, prefix, route, tlsSecret, to, V1, V2 } from './world.ts';

export function signals(): void {
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

  const service = `says-${V1}`;
  tried('connections of TCPRoutes and TLSRoutes are told of by their rate, ends and durations', () => [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: service, namespace: INFRA }, spec: { selector: { app: V1 }, ports: [{ port: 9000, targetPort: 3003 }] } }, tlsSecret(INFRA, 'told-of', 'ended.example.com'),
    gateway('told-of', [{ name: 'tcp', port: 5401, protocol: 'TCP' }, passthrough({ hostname: 'abc.example.com' }), { name: 'ended', port: 443, protocol: 'TLS', hostname: 'ended.example.com', tls: { certificateRefs: [{ name: 'told-of' }] } }, { name: 'nowhere', port: 5402, protocol: 'TCP' }]),
    route('told-tcp', [{ name: 'told-of', sectionName: 'tcp' }], [{ backendRefs: [{ name: service, port: 9000 }] }], { kind: 'TCPRoute' }), route('told-nowhere', [{ name: 'told-of', sectionName: 'nowhere' }], [{ backendRefs: [{ name: 'nonexistent', port: 9000 }] }], { kind: 'TCPRoute' }),
    tlsRoute('told-passed', [{ name: 'told-of', sectionName: 'tls' }], ['abc.example.com']), tlsRoute('told-ended', [{ name: 'told-of', sectionName: 'ended' }], ['ended.example.com'], [to(V1)]),
  ], async () => {
    for (const name of ['told-passed', 'told-ended']) await parents(name, { Accepted: 'True', ResolvedRefs: 'True' }, { plural: 'tlsroutes' });
    await parents('told-nowhere', { Accepted: 'True', ResolvedRefs: 'BackendNotFound' }, { plural: 'tcproutes' });
    const address = await addressOf('told-of');
    const said = (port: number): Promise<string> => new Promise((settle) => {
      let heard = '';
      const socket = connect({ host: address, port });
      socket.on('data', (data) => { heard += String(data); socket.end('hello'); }).on('error', () => {}).on('close', () => settle(heard));
    });
    await eventually(async () => (await said(5401)) === `${INFRA}/${V1} hello`, { what: 'who is behind' });
    for (let times = 0; times < 3; times++) assert.equal(await said(5402), '');
    await expect(address, { sni: 'abc.example.com', host: 'abc.example.com' }, { backend: 'tls-backend' });
    await expect(address, { sni: 'ended.example.com', host: 'ended.example.com' }, { backend: V1 });
    assert.equal(await shown(address, 'nobody.example.com'), undefined);
    const [tcp, nowhere, passed, ended] = await eventually(async () => {
      const { items } = await get('/gateway/routes');
      const found = ['told-tcp', 'told-nowhere', 'told-passed', 'told-ended'].map((name) => items.find((each: Body) => each.name === name));
      return found.every((each) => each !== undefined) && found[1].requests >= 3 && items.some(({ name, gateway: door }: Body) => name === '' && door === `${INFRA}/told-of:443`) && found;
    }, { what: 'all of them' });
    assert.deepEqual([tcp, nowhere, passed, ended].map(({ kind, gateway: door, protocol, errorRatio }: Body) => [kind, door, protocol, errorRatio]), [['TCPRoute', `${INFRA}/told-of:5401`, 'TCP', 0], ['TCPRoute', `${INFRA}/told-of:5402`, 'TCP', 1], ['TLSRoute', `${INFRA}/told-of:443`, 'TCP', 0], ['TLSRoute', `${INFRA}/told-of:443`, 'TCP', 0]]);
    assert.deepEqual([tcp.services[0].service, passed.services[0].service, ended.services[0].service], [`${INFRA}/${service}`, `${INFRA}/tls-backend`, `${INFRA}/${V1}`]);
    const metrics = String((await call('GET', '/metrics')).body);
    const labels = `route_kind="TCPRoute",route_namespace="${INFRA}",route_name="told-tcp",gateway="${INFRA}/told-of:5401",service="${INFRA}/${service}"`;
    assert.match(metrics, new RegExp(`llmos_route_connections_total\\{${labels},ended="well"\\} [1-9]`));
    assert.match(metrics, /llmos_route_connections_total\{.*route_name="told-nowhere".*ended="no-backend"\} [3-9]/);
    assert.equal(Number(new RegExp(`llmos_route_connection_sent_bytes_total\\{${labels}\\} (\\d+)`).exec(metrics)?.[1]) % `${INFRA}/${V1} hello`.length, 0);
    const { stdout } = await running().llmos('top', 'routes');
    assert.match(stdout, new RegExp(`^TCPRoute ${INFRA}/told-nowhere +${INFRA}/told-of:5402 +\\d+\\.\\d +100\\.0 % `, 'm'));
    const told = (await get('/gateway/requests')).items.find(({ name }: Body) => name === 'told-ended');
    assert.deepEqual([told.method, told.status, told.host], ['TCP', 0, 'ended.example.com']);
  });
}
