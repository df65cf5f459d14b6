/** Several routes for the same requests, listeners that change under them, and statuses that others wrote beside ours. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { call, get, ok, patch, until, type Body } from '../cluster.ts';
import { authorityMap, CA, policy, policySays } from './backend-tls.ts';
import { tlsRoute, shown, passthrough } from './tls.ts';
import { accepted, addressOf, apply, ask, behaviour, condition, expect, expectAll, gateway, GROUP, http, INFRA, listener, parents, pathOf, prefix, remove, route, to, tlsSecret, V1, V2, V3 } from './world.ts';

const SECOND_MS = 1_100;
const later = (): Promise<void> => new Promise((settle) => setTimeout(settle, SECOND_MS));

/** Older routes for wider hostnames, on a listener for one name and on one for a wildcard; then younger ones, for narrower hostnames. */
const WIDTHS = [['exact', 'abc.example.com', '*.example.com', 'abc.example.com'], ['wildcard', '*.example.com', '*.com', '*.example.com']] as const;

const foreignPolicy = (): Body => policy('foreign-policy', { name: 'tls-backend', sectionName: 'https' }, CA);

/** Puts an entry of a controller that is not ours into a status, changes the object, and looks whether the entry is as it was when ours has followed. */
async function keepsForeign(path: string, field: 'parents' | 'ancestors', foreign: Body, change: object): Promise<void> {
  const controllerName = 'example.com/another';
  const entry = (generation: number): Body => ({ ...foreign, controllerName, conditions: [{ type: 'Accepted', status: 'True', reason: 'Accepted', message: '', observedGeneration: generation, lastTransitionTime: '2026-01-01T00:00:00Z' }] });
  const of = (object: Body): Body => object.status[field].find((each: Body) => each.controllerName === controllerName);
  let seeded: Body;
  for (;;) {
    const object = await get(path);
    object.status[field].push(entry(object.metadata.generation));
    const { code, body } = await call('PUT', `${path}/status`, { body: object });
    if (code === 409) continue;
    assert.equal(code, 200, JSON.stringify(body));
    seeded = of(body);
    break;
  }
  const { metadata: { generation } } = await patch(path, change);
  const after = await until(path, ({ status }) => status[field].some((each: Body) => each.controllerName !== controllerName && condition(each, 'Accepted')?.observedGeneration === generation));
  assert.deepEqual(of(after), seeded);
}

export function precedence(): void {
  behaviour('HTTPRouteMultipleRoutesAttachmentSameHostnameIntersection', () => WIDTHS.flatMap(([name, hostname, wide]) => [gateway(`http-${name}`, [http({ hostname })]), route(`http-${name}-wide`, [`http-${name}`], [{ backendRefs: [to(V1)] }], { hostnames: [wide] })]), async () => {
    const narrow = WIDTHS.map(([name, , , own]) => route(`http-${name}-narrow`, [`http-${name}`], [{ backendRefs: [to(V2)] }], { hostnames: [own] }));
    await accepted(...WIDTHS.map(([name]) => `http-${name}-wide`));
    await later();
    try {
      await apply(...narrow);
      await accepted(...WIDTHS.map(([name]) => `http-${name}-narrow`));
      for (const [name] of WIDTHS) await expect(await addressOf(`http-${name}`), { host: 'abc.example.com' }, { backend: V2 });
    } finally {
      await remove(...narrow);
    }
  });

  behaviour('TLSRouteMultipleRoutesAttachmentSameHostnameIntersection', () => WIDTHS.flatMap(([name, hostname, wide]) => [gateway(`tls-${name}`, [passthrough({ hostname })]), tlsRoute(`tls-${name}-wide`, [`tls-${name}`], [wide], [{ name: V1, port: 8080 }])]), async () => {
    const narrow = WIDTHS.map(([name, , , own]) => tlsRoute(`tls-${name}-narrow`, [`tls-${name}`], [own]));
    for (const [name] of WIDTHS) await parents(`tls-${name}-wide`, { Accepted: 'True' }, { plural: 'tlsroutes' });
    await later();
    try {
      await apply(...narrow);
      // What is behind the older route speaks no TLS.
      for (const [name] of WIDTHS) await parents(`tls-${name}-narrow`, { Accepted: 'True', ResolvedRefs: 'True' }, { plural: 'tlsroutes' });
      for (const [name] of WIDTHS) {
        const address = await addressOf(`tls-${name}`);
        await eventually(async () => (await shown(address, 'abc.example.com'))?.includes('abc.example.com') === true, { timeoutMs: 60_000, what: 'the certificate of the backend' });
      }
    } finally {
      await remove(...narrow);
    }
  });

  behaviour('HTTPRouteHostnamePrecedence', () => [
    route('any-host', ['same-namespace'], [{ matches: [prefix('/hostname-precedence')], backendRefs: [to(V1)] }]),
    route('one-host', ['same-namespace'], [{ matches: [prefix('/hostname-precedence')], filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: 'test', value: 'true' }] } }], backendRefs: [to(V1)] }], { hostnames: ['test.com'] }),
  ], async () => {
    await accepted('any-host', 'one-host');
    const address = await addressOf('same-namespace');
    await expect(address, { path: '/hostname-precedence', host: 'test.com' }, { check: ({ headers }) => assert.equal(headers['test'], 'true') });
    await expect(address, { path: '/hostname-precedence' }, { check: ({ headers }) => assert.equal(headers['test'], undefined) });
  });

  behaviour('HTTPRouteMultipleGateways', () => [
    route('several-gateways', ['same-namespace', 'all-namespaces'], [{ matches: [prefix('/shared')], backendRefs: [to(V1)] }]),
    route('first-gateway', ['same-namespace'], [{ backendRefs: [to(V2)] }]), route('second-gateway', ['all-namespaces'], [{ backendRefs: [to(V3)] }]),
  ], async () => {
    await parents('several-gateways', { Accepted: 'True', ResolvedRefs: 'True' }, { count: 2 });
    await accepted('first-gateway', 'second-gateway');
    for (const [name, backend] of [['same-namespace', V2], ['all-namespaces', V3]] as const) await expectAll(await addressOf(name), [[{ path: '/shared' }, V1], [{ path: '/' }, backend]]);
  });

  behaviour('GRPCRouteMultipleGateways', () => [gateway('grpc-one', [http()]), gateway('grpc-two', [http()]), route('grpc-both', ['grpc-one', 'grpc-two'], [{ backendRefs: [{ name: `grpc-${V1}`, port: 8080 }] }], { kind: 'GRPCRoute' })], async () => {
    await parents('grpc-both', { Accepted: 'True', ResolvedRefs: 'True' }, { plural: 'grpcroutes', count: 2 });
    for (const name of ['grpc-one', 'grpc-two']) await listener(name, 'http', { Programmed: 'True' }, { attachedRoutes: 1 });
  });

  behaviour('HTTPRoutePreserveForeignStatus', () => [route('foreign', ['same-namespace'], [{ matches: [prefix('/foreign')], backendRefs: [to(V1)] }])], async () => {
    await accepted('foreign');
    await keepsForeign(pathOf(route('foreign', [], [])), 'parents', { parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'unmanaged', namespace: INFRA } }, { spec: { rules: [{ matches: [prefix('/foreign-after')], backendRefs: [to(V1)] }] } });
    await expect(await addressOf('same-namespace'), { path: '/foreign-after' }, { backend: V1 });
  });

  behaviour('BackendTLSPolicyPreserveForeignStatus', () => [authorityMap(), foreignPolicy(), route('to-tls', ['same-namespace'], [{ matches: [prefix('/to-tls')], backendRefs: [{ name: 'tls-backend', port: 443 }] }])], async () => {
    await policySays('foreign-policy', 'Accepted', 'Accepted');
    await keepsForeign(pathOf(foreignPolicy()), 'ancestors', { ancestorRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'unmanaged', namespace: INFRA } }, { spec: { validation: { hostname: 'other.example.com' } } });
  });

  behaviour('GatewayUpdateListenerHostname', () => [gateway('moves', [http({ hostname: 'before.example.com' })]), route('waits-for-it', ['moves'], [{ backendRefs: [to(V1)] }], { hostnames: ['after.example.com'] })], async () => {
    await parents('waits-for-it', { Accepted: 'NoMatchingListenerHostname' });
    await patch(pathOf(gateway('moves', [])), { spec: { listeners: [http({ hostname: 'after.example.com' })] } });
    await accepted('waits-for-it');
    const address = await addressOf('moves');
    await expect(address, { host: 'after.example.com' }, { backend: V1 });
    assert.equal((await ask(address, { host: 'before.example.com' })).status, 404);
  });

  behaviour('GatewayClassSupportedVersionCondition', () => [], async () => {
    const { status } = await ok('GET', `/apis/${GROUP}/gatewayclasses/llmos`);
    assert.deepEqual([condition(status, 'Accepted').status, condition(status, 'SupportedVersion').status, condition(status, 'SupportedVersion').reason], ['True', 'True', 'SupportedVersion']);
  });

  behaviour('TLSRouteListenerPassthroughSupportedKinds', () => [tlsSecret(INFRA, 'kinds', 'kinds.example.com'), gateway('kinds', [passthrough({ hostname: 'passed.example.com' })])], async () => {
    await listener('kinds', 'tls', { Accepted: 'True', Programmed: 'True', ResolvedRefs: 'True' }, { kinds: ['TLSRoute'] });
  });
}
