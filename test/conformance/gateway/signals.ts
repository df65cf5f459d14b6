/** What the gateway tells of requests: rate, errors, durations. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { call, get, running, type Body } from '../cluster.ts';
import { tried } from './faulty.ts';
import { accepted, addressOf, ask, expect, INFRA, parents, prefix, route, to, V1, V2 } from './world.ts';

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
}
