/** References: backends that are not there or not permitted, certificates, and what Gateways say of their listeners and addresses. */
import assert from 'node:assert/strict';
import { eventually } from '../../fixtures/instance.ts';
import { call, create, get, ok, patch, until, type Body } from '../cluster.ts';
import { shown, tlsRoute } from './tls.ts';
import { accepted, addressOf, amid, APP, ask, behaviour, condition, expect, expectAll, gateway, gatewayOf, http, INFRA, isTrue, listener, parents, pathOf, prefix, remove, route, to, tlsSecret, V1, V2, V3, WEB, type Ask } from './world.ts';

const SAME = ['same-namespace'];
const grant = (namespace: string, name: string, fromKind: string, toKind: string, more: { from?: object; to?: object } = {}): Body => ({
  apiVersion: 'gateway.networking.k8s.io/v1beta1', kind: 'ReferenceGrant', metadata: { namespace, name },
  spec: { from: [{ group: 'gateway.networking.k8s.io', kind: fromKind, namespace: INFRA, ...more.from }], to: [{ group: '', kind: toKind, ...more.to }] },
});

export function backends(): void {
  for (const [name, reason, backend] of [
    ['HTTPRouteInvalidNonExistentBackendRef', 'BackendNotFound', { name: 'nonexistent', port: 8080 }], ['HTTPRouteInvalidBackendRefUnknownKind', 'InvalidKind', { group: 'unknownkind.example.com', kind: 'NonExistent', name: 'x', port: 8080 }],
    ['HTTPRouteInvalidCrossNamespaceBackendRef', 'RefNotPermitted', { name: 'web-backend', namespace: WEB, port: 8080 }],
  ] as const) {
    behaviour(name, () => [route('invalid-backend', SAME, [{ backendRefs: [backend] }])], async () => {
      await parents('invalid-backend', { Accepted: 'True', ResolvedRefs: reason });
      await listener('same-namespace', 'http', { Accepted: 'True' }, { attachedRoutes: 1 });
      await expect(await addressOf('same-namespace'), {}, { status: 500 });
    });
  }

  behaviour('HTTPRouteReferenceGrant', () => [grant(WEB, 'allow', 'HTTPRoute', 'Service', { to: { name: 'web-backend' } }), route('granted', SAME, [{ backendRefs: [{ name: 'web-backend', namespace: WEB, port: 8080 }] }])], async () => {
    await accepted('granted');
    await expect(await addressOf('same-namespace'), {}, { backend: 'web-backend', namespace: WEB });
    await remove(grant(WEB, 'allow', 'HTTPRoute', 'Service'));
    await parents('granted', { Accepted: 'True', ResolvedRefs: 'RefNotPermitted' });
    await expect(await addressOf('same-namespace'), {}, { status: 500 });
  });

  behaviour('HTTPRouteInvalidReferenceGrant', () => [
    route('not-granted', SAME, [{ backendRefs: [{ name: 'app-backend-v1', namespace: APP, port: 8080 }] }]),
    grant(APP, 'wrong-group', 'HTTPRoute', 'Service', { from: { group: 'not-the-gateway.example.com' } }), grant(APP, 'wrong-from-kind', 'Gateway', 'Service'), grant(APP, 'wrong-namespace', 'HTTPRoute', 'Service', { from: { namespace: 'not-the-same' } }),
    grant(APP, 'wrong-to-kind', 'HTTPRoute', 'Secret'), grant(APP, 'wrong-name', 'HTTPRoute', 'Service', { to: { name: 'another' } }), grant(INFRA, 'wrong-place', 'HTTPRoute', 'Service'),
  ], async () => {
    await parents('not-granted', { Accepted: 'True', ResolvedRefs: 'RefNotPermitted' });
    await expect(await addressOf('same-namespace'), {}, { status: 500 });
  });

  behaviour('HTTPRoutePartiallyInvalidViaInvalidReferenceGrant', () => [
    grant(APP, 'only-v1', 'HTTPRoute', 'Service', { to: { name: 'app-backend-v1' } }),
    route('partial', SAME, [{ matches: [prefix('/v2')], backendRefs: [{ name: 'app-backend-v2', namespace: APP, port: 8080 }] }, { matches: [prefix('/')], backendRefs: [{ name: 'app-backend-v1', namespace: APP, port: 8080 }] }]),
  ], async () => {
    await parents('partial', { Accepted: 'True', ResolvedRefs: 'RefNotPermitted' });
    await expectAll(await addressOf('same-namespace'), [[{ path: '/v2' }, 500], [{ path: '/' }, 'app-backend-v1']]);
  });

  behaviour('HTTPRouteServiceTypes', () => {
    const ports = [{ name: 'first-port', port: 8080, targetPort: 3000 }];
    const slice = (name: string): Body => ({ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { namespace: INFRA, name, labels: { 'kubernetes.io/service-name': name } }, addressType: 'IPv4', endpoints: [], ports: [{ name: 'first-port', port: 3000, protocol: 'TCP' }] });
    const service = (name: string, spec: object = {}): Body => ({ apiVersion: 'v1', kind: 'Service', metadata: { namespace: INFRA, name }, spec: { ports, ...(name.startsWith('headless') ? { clusterIP: 'None' } : {}), ...spec } });
    const byHand = ['manual-endpointslices', 'headless-manual-endpointslices', 'manual-endpoints', 'headless-manual-endpoints'];
    return [
      service('headless', { selector: { app: V1 } }), service('empty', { selector: { app: 'nobody' } }), ...byHand.map((name) => service(name)), ...byHand.slice(0, 2).map(slice),
      route('service-types', SAME, ['headless', 'empty', ...byHand].map((name) => ({ matches: [prefix(`/${name}`)], backendRefs: [to(name)] }))),
    ];
  }, async () => {
    const { status } = await get(`/api/v1/namespaces/${INFRA}/pods/${V2}`);
    const byHand = ['', 'headless-'].flatMap((more) => ['endpointslices', 'endpoints'].map((kind) => `${more}manual-${kind}`));
    await accepted('service-types');
    const address = await addressOf('same-namespace');
    await expectAll(address, ['empty', ...byHand].map((name): [Ask, number] => [{ path: `/${name}` }, 503]));
    for (const more of ['', 'headless-']) {
      await patch(`/apis/discovery.k8s.io/v1/namespaces/${INFRA}/endpointslices/${more}manual-endpointslices`, { endpoints: [{ addresses: [status.podIP], conditions: { ready: true, serving: true, terminating: false } }] });
      await create(`/api/v1/namespaces/${INFRA}/endpoints`, { metadata: { name: `${more}manual-endpoints` }, subsets: [{ addresses: [{ ip: status.podIP }], ports: [{ name: 'first-port', port: 3000, protocol: 'TCP' }] }] });
    }
    await expectAll(address, [[{ path: '/headless' }, V1], ...byHand.map((name): [Ask, string] => [{ path: `/${name}` }, V2])]);
  });

  behaviour('HTTPRouteThatCannotBeCarriedOut', () => [
    gateway('carried', [http()]), route('broken', [...SAME, 'carried'], [{ matches: [{ path: { type: 'RegularExpression', value: '/(unclosed' } }], backendRefs: [to(V1)] }]),
    route('odd', SAME, [{ matches: [prefix('/odd')], filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x', value: 'a\nserver evil 192.0.2.1:80' }] } }], backendRefs: [to(V1)] }]), route('sound', [...SAME, 'carried'], [{ matches: [prefix('/sound')], backendRefs: [to(V2)] }]),
    route('half-odd', SAME, [{ matches: [prefix('/half')], backendRefs: [to(V1)] }, { matches: [{ path: { type: 'RegularExpression', value: '/(open' } }], backendRefs: [to(V1)] }]),
  ], async () => {
    await accepted('sound');
    await parents('broken', { Accepted: 'UnsupportedValue' });
    await parents('odd', { Accepted: 'UnsupportedValue' });
    await parents('half-odd', { Accepted: 'True', PartiallyInvalid: 'True' });
    await listener('carried', 'http', { Accepted: 'True' }, { attachedRoutes: 1 });
    await expectAll(await addressOf('same-namespace'), [[{ path: '/sound' }, V2], [{ path: '/odd' }, 404], [{ path: '/half' }, V1]]);
  });

  const extension = (name: string): object => ({ type: 'ExtensionRef', extensionRef: { group: 'example.com', kind: 'Limit', name } });
  behaviour('HTTPRouteExtensionRef', () => [
    route('extended', SAME, [{ matches: [prefix('/extended')], filters: [extension('x')], backendRefs: [to(V1)] }, { matches: [prefix('/half')], backendRefs: [to(V1, { filters: [extension('x')], weight: 0 }), to(V2)] }, { matches: [prefix('/plain')], backendRefs: [to(V2)] }]),
  ], async () => {
    await parents('extended', { Accepted: 'True', ResolvedRefs: 'InvalidKind' });
    await expectAll(await addressOf('same-namespace'), [[{ path: '/extended' }, 500], [{ path: '/half' }, V2], [{ path: '/plain' }, V2]]);
  });
}

const https = (more: object = {}): object => ({ name: 'https', port: 443, protocol: 'HTTPS', ...more });
const certified = (...refs: object[]): object => ({ tls: { certificateRefs: refs } });

export function gateways(): void {
  behaviour('GatewayClassObservedGenerationBump', () => [{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GatewayClass', metadata: { name: 'bumped' }, spec: { controllerName: 'llmos.dev/gateway' } }], async () => {
    const path = '/apis/gateway.networking.k8s.io/v1/gatewayclasses/bumped';
    const told = (object: Body): boolean => isTrue(object.status, 'Accepted') && condition(object.status, 'Accepted').observedGeneration === object.metadata.generation;
    await until(path, told);
    await patch(path, { spec: { description: 'new' } });
    const { metadata, status } = await until(path, (object) => object.metadata.generation === 2 && told(object));
    assert.equal(metadata.generation, 2);
    assert.ok(status.supportedFeatures.some(({ name }: Body) => name === 'HTTPRouteCORS'));
  });

  behaviour('GatewayObservedGenerationBump', () => [gateway('bumped', [http()])], async () => {
    await addressOf('bumped');
    await patch(pathOf(gateway('bumped', [])), { spec: { listeners: [http(), http({ name: 'alternate', hostname: 'foo.com' })] } });
    await addressOf('bumped');
    assert.equal((await gatewayOf('bumped')).status.listeners.length, 2);
  });

  behaviour('GatewayInvalidRouteKind', () => {
    const kinds = (...all: string[]): object => ({ allowedRoutes: { kinds: all.map((kind) => ({ kind })) } });
    return [gateway('only-invalid', [http(kinds('InvalidRoute'))]), gateway('some-invalid', [http(kinds('InvalidRoute', 'HTTPRoute'))])];
  }, async () => {
    await listener('only-invalid', 'http', { ResolvedRefs: 'InvalidRouteKinds' }, { kinds: [] });
    await listener('some-invalid', 'http', { ResolvedRefs: 'InvalidRouteKinds' }, { kinds: ['HTTPRoute'] });
  });

  behaviour('GatewayInvalidTLSConfiguration', () => [
    gateway('no-secret', [https(certified({ name: 'nonexistent' }))]), gateway('wrong-group', [https(certified({ group: 'wrong.group.company.io', name: 'nonexistent' }))]), gateway('wrong-kind', [https(certified({ kind: 'WrongKind', name: 'nonexistent' }))]),
    { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: INFRA, name: 'malformed' }, type: 'kubernetes.io/tls', stringData: { 'tls.crt': 'Hello world\n', 'tls.key': 'Hello world\n' } }, gateway('malformed', [https(certified({ name: 'malformed' }))]),
  ], async () => {
    for (const name of ['no-secret', 'wrong-group', 'wrong-kind', 'malformed']) await listener(name, 'https', { ResolvedRefs: 'InvalidCertificateRef', Programmed: 'False' }, { attachedRoutes: 0 });
    assert.equal(condition((await gatewayOf('no-secret')).status, 'ResolvedRefs').reason, 'ListenersNotResolved');
  });

  behaviour('GatewaySecretMissingReferencedSecret', () => [gateway('no-such-secret', [https(certified({ name: 'made-later' }))]), route('no-such-secret', ['no-such-secret'], [{ backendRefs: [to(V1)] }])], async () => {
    await listener('no-such-secret', 'https', { ResolvedRefs: 'InvalidCertificateRef' }, { kinds: ['HTTPRoute', 'GRPCRoute'] });
    await amid([tlsSecret(INFRA, 'made-later', 'later.example.org')], async () => {
      await listener('no-such-secret', 'https', { ResolvedRefs: 'True', Programmed: 'True' });
      await expect(await addressOf('no-such-secret'), { host: 'later.example.org', sni: 'later.example.org' }, { backend: V1 });
    });
    await listener('no-such-secret', 'https', { ResolvedRefs: 'InvalidCertificateRef', Programmed: 'False' });
  });

  const granted = (name: string, grants: Body[], reason: string): void => behaviour(name, () => [
    tlsSecret(WEB, 'certificate', 'example.org'), ...grants, gateway('secret-elsewhere', [http(), https(certified({ name: 'certificate', namespace: WEB }))]), route('beside-it', ['secret-elsewhere'], [{ backendRefs: [to(V1)] }]),
  ], async () => {
    const isGranted = reason === 'True';
    await listener('secret-elsewhere', 'https', { ResolvedRefs: reason, Programmed: isGranted ? 'True' : 'False' }, { kinds: ['HTTPRoute', 'GRPCRoute'], attachedRoutes: 1 });
    const address = await addressOf('secret-elsewhere');
    await expect(address, { host: 'example.org' }, { backend: V1 });
    if (isGranted) await expect(address, { host: 'example.org', sni: 'example.org' }, { backend: V1 });
    else assert.equal(await shown(address, 'example.org'), undefined, 'the listener takes no connections');
  });
  granted('GatewaySecretMissingReferenceGrant', [], 'RefNotPermitted');
  granted('GatewaySecretInvalidReferenceGrant', [grant(WEB, 'wrong', 'Gateway', 'Secret', { to: { name: 'not-the-certificate' } }), grant(WEB, 'wrong-kind', 'HTTPRoute', 'Secret')], 'RefNotPermitted');
  granted('GatewaySecretReferenceGrantAllInNamespace', [grant(WEB, 'all', 'Gateway', 'Secret')], 'True');
  granted('GatewaySecretReferenceGrantSpecific', [grant(WEB, 'one', 'Gateway', 'Secret', { to: { name: 'certificate' } })], 'True');

  behaviour('GatewayModifyListeners', () => [gateway('modified', [http(), http({ name: 'second', hostname: 'second.com' })]), tlsSecret(INFRA, 'modified', 'third.com'), route('modified', [{ name: 'modified', sectionName: 'second' }], [{ backendRefs: [to(V1)] }])], async () => {
    const path = pathOf(gateway('modified', []));
    await accepted('modified');
    await patch(path, { spec: { listeners: [http(), http({ name: 'second', hostname: 'second.com' }), https(certified({ name: 'modified' }))] } });
    await listener('modified', 'https', { Accepted: 'True', Programmed: 'True', ResolvedRefs: 'True' }, { attachedRoutes: 0 });
    await listener('modified', 'second', { Accepted: 'True', Programmed: 'True', ResolvedRefs: 'True' }, { attachedRoutes: 1 });
    await expect(await addressOf('modified'), { host: 'second.com' }, { backend: V1 });
    await patch(path, { spec: { listeners: [http()] } });
    await parents('modified', { Accepted: 'NoMatchingParent' });
    await expect(await addressOf('modified'), { host: 'second.com' }, { status: 404 });
    assert.equal((await gatewayOf('modified')).status.listeners.length, 1);
  });

  behaviour('GatewayListenerDynamicPorts', () => [gateway('dynamic-ports', [http()]), tlsSecret(INFRA, 'dynamic-ports', '*.example.com'), route('dynamic-ports', ['dynamic-ports'], [{ backendRefs: [to(V1)] }])], async () => {
    await accepted('dynamic-ports');
    const ports = [...new Set(Array.from({ length: 15 }, () => 49_152 + Math.floor(Math.random() * 16_000)))];
    const listeners = ports.map((port, index) => (index < 10 ? http({ name: `p${port}`, port }) : https({ name: `p${port}`, port, hostname: `${port}.example.com`, ...certified({ name: 'dynamic-ports' }) })));
    const path = pathOf(gateway('dynamic-ports', []));
    await patch(path, { spec: { listeners: [http(), ...listeners] } });
    for (const port of ports) await listener('dynamic-ports', `p${port}`, { Accepted: 'True', Programmed: 'True' }, { attachedRoutes: 1 });
    const address = await addressOf('dynamic-ports');
    await expectAll(address, ports.map((port, index): [Ask, string] => [{ port, host: `${port}.example.com`, ...(index < 10 ? {} : { sni: `${port}.example.com` }) }, V1]));
    await patch(path, { spec: { listeners: [http()] } });
    await eventually(async () => (await Promise.all(ports.map((port) => ask(address, { port }).then(() => false, (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED')))).every(Boolean), { what: 'the end of all of them' });
  });

  behaviour('GatewayListenerUnsupportedProtocol', () => [gateway('unsupported', [http(), { name: 'odd', port: 99, protocol: 'example.com/odd' }])], async () => {
    await listener('unsupported', 'odd', { Accepted: 'UnsupportedProtocol', Programmed: 'False' });
    await listener('unsupported', 'http', { Accepted: 'True', Programmed: 'True' });
    await until(pathOf(gateway('unsupported', [])), ({ status }) => condition(status, 'Accepted')?.reason === 'ListenersNotValid' && isTrue(status, 'Accepted'));
  });

  behaviour('GatewayListenerProtocolAndRouteKindConflicts', () => [tlsSecret(INFRA, 'conflict', 'a.com'), gateway('conflicts', [
    http(), { name: 'tls', port: 80, protocol: 'TLS', tls: { mode: 'Passthrough' } }, https({ ...certified({ name: 'conflict' }), hostname: 'a.com' }), { name: 'passthrough', port: 443, protocol: 'TLS', hostname: 'a.com', tls: { mode: 'Passthrough' } }, { name: 'other', port: 443, protocol: 'TLS', hostname: 'b.com', tls: { mode: 'Passthrough' } },
  ]), tlsRoute('conflict-free', ['conflicts'], ['a.com', 'b.com']), route('of-https', [{ name: 'conflicts', sectionName: 'https' }], [{ backendRefs: [to(V1)] }])], async () => {
    for (const name of ['http', 'tls', 'https', 'passthrough']) await listener('conflicts', name, { Conflicted: 'ProtocolConflict', Accepted: 'False', Programmed: 'False' });
    await listener('conflicts', 'other', { Conflicted: 'NoConflicts', Accepted: 'True' }, { attachedRoutes: 1 });
    await listener('conflicts', 'https', { Accepted: 'Invalid' }, { attachedRoutes: 0 });
    await listener('conflicts', 'passthrough', { Accepted: 'Invalid' }, { attachedRoutes: 0 });
    const address = await addressOf('conflicts');
    await eventually(async () => (await shown(address, 'b.com'))?.includes('abc.example.com') === true, { what: 'the backend of the one without a conflict' });
    assert.equal(await shown(address, 'a.com'), undefined, 'of two that conflict neither serves');
  });

  behaviour('GatewayStaticAddresses', () => [gateway('static', [http()], { spec: { addresses: [{ type: 'test/fake-invalid-type', value: 'fake' }, { type: 'IPAddress', value: '192.0.2.9' }, { type: 'IPAddress', value: '10.97.0.200' }] } })], async () => {
    const path = pathOf(gateway('static', []));
    const told = (type: string, reason: string) => (object: Body): boolean => condition(object.status, type)?.reason === reason && condition(object.status, type).observedGeneration === object.metadata.generation;
    await until(path, told('Accepted', 'UnsupportedAddress'));
    await patch(path, { spec: { addresses: [{ type: 'IPAddress', value: '192.0.2.9' }, { type: 'IPAddress', value: '10.97.0.200' }] } });
    await until(path, told('Programmed', 'AddressNotUsable'));
    assert.ok(isTrue((await get(path)).status, 'Accepted'));
    await patch(path, { spec: { addresses: [{ type: 'IPAddress', value: '10.97.0.200' }] } });
    assert.equal(await addressOf('static'), '10.97.0.200');
    assert.deepEqual((await get(path)).status.addresses, [{ type: 'IPAddress', value: '10.97.0.200' }]);
    await listener('static', 'http', { Accepted: 'True', ResolvedRefs: 'True' }, { attachedRoutes: 0 });
    await expect('10.97.0.200', {}, { status: 404 });
  });

  behaviour('GatewayOptionalAddressValue', () => [gateway('dynamic', [http()], { spec: { addresses: [{ type: 'IPAddress' }] } })], async () => {
    assert.match(await addressOf('dynamic'), /^10\.97\./);
  });

  behaviour('GatewayInfrastructure', () => [gateway('infrastructure', [http()], { spec: { infrastructure: { labels: { key1: 'value1' }, annotations: { 'example.com/key2': 'value2' } } } })], async () => {
    await addressOf('infrastructure');
    const { items } = await get(`/api/v1/namespaces/${INFRA}/services?labelSelector=gateway.networking.k8s.io%2Fgateway-name%3Dinfrastructure`);
    assert.equal(items.length, 1);
    assert.deepEqual([items[0].metadata.labels.key1, items[0].metadata.annotations['example.com/key2'], items[0].metadata.ownerReferences[0].name], ['value1', 'value2', 'infrastructure']);
    const [service, slices] = [`/api/v1/namespaces/${INFRA}/services/${items[0].metadata.name}`, `/apis/discovery.k8s.io/v1/namespaces/${INFRA}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D${items[0].metadata.name}`];
    await patch(service, { metadata: { labels: { theirs: 'stays' } } });
    await patch(pathOf(gateway('infrastructure', [])), { spec: { infrastructure: { labels: { key1: null, key3: 'value3' }, annotations: { 'example.com/key2': null } } } });
    await until(service, ({ metadata: { labels, annotations } }) => labels.key3 === 'value3' && labels.key1 === undefined && labels.theirs === 'stays' && annotations?.['example.com/key2'] === undefined);
    await until(slices, ({ items: found }) => found.length > 0 && found.every(({ metadata: { labels } }: Body) => labels.key3 === 'value3' && labels.key1 === undefined));
  });

  behaviour('GatewayWhoseServiceIsAnothers', () => [
    { apiVersion: 'v1', kind: 'Service', metadata: { namespace: INFRA, name: 'taken-llmos' }, spec: { selector: { app: V1 }, ports: [{ name: 'own', port: 8080, targetPort: 3000 }] } }, gateway('taken', [http()]),
  ], async () => {
    const [taken, service] = [pathOf(gateway('taken', [])), `/api/v1/namespaces/${INFRA}/services/taken-llmos`];
    await until(taken, ({ status }) => condition(status, 'Programmed')?.reason === 'AddressNotAssigned' && /somebody else made/.test(condition(status, 'Programmed')?.message ?? ''));
    const { metadata, spec } = await get(service);
    assert.deepEqual([spec.type, spec.ports.map(({ name }: Body) => name), metadata.ownerReferences], ['ClusterIP', ['own'], undefined]);
    await ok('DELETE', service);
    await addressOf('taken');
  });

  behaviour('GatewayInvalidParametersRef', () => [gateway('parameters', [http()], { spec: { infrastructure: { parametersRef: { group: 'example.com', kind: 'Nothing', name: 'x' } } } })], async () => {
    await until(pathOf(gateway('parameters', [])), ({ status }) => condition(status, 'Accepted')?.reason === 'InvalidParameters');
  });

  behaviour('GatewayPreserveForeignConditions', () => [gateway('foreign', [http()])], async () => {
    await addressOf('foreign');
    const path = pathOf(gateway('foreign', []));
    const type = 'example.com/Foreign';
    const of = ({ status }: Body): Body[] => [condition(status, type), condition(status.listeners[0], type)];
    let seeded: Body;
    for (;;) {
      const object = await get(path);
      const foreign = { type, status: 'True', reason: 'Set', message: 'by another', observedGeneration: object.metadata.generation, lastTransitionTime: '2026-01-01T00:00:00Z' };
      for (const each of [object.status, object.status.listeners[0]]) each.conditions.push(foreign);
      const { code, body } = await call('PUT', `${path}/status`, { body: object });
      if (code === 409) continue;
      assert.equal(code, 200, JSON.stringify(body));
      seeded = body;
      break;
    }
    assert.ok(of(seeded).every((each) => each !== undefined));
    await patch(path, { spec: { listeners: [http({ hostname: 'second.example.com' })] } });
    const changed = await until(path, ({ status, metadata }) => [status, status.listeners[0]].every(({ conditions }: Body) => conditions.every((each: Body) => each.type === type || each.observedGeneration === metadata.generation)));
    assert.deepEqual(of(changed), of(seeded));
  });

  const longest = `g${'a'.repeat(252)}`;
  behaviour('GatewayMaxLengthName', () => [gateway(longest, [http({ port: 8080 })]), route('longest', [longest], [{ backendRefs: [to(V2)] }])], async () => {
    await accepted('longest');
    await expect(await addressOf(longest), { port: 8080 }, { backend: V2 });
  });

  behaviour('GatewayOfAnyName', () => [gateway(`0.${'long-name.'.repeat(20)}x`, [http()]), route('long', [`0.${'long-name.'.repeat(20)}x`], [{ backendRefs: [to(V3)] }])], async () => {
    await accepted('long');
    await expect(await addressOf(`0.${'long-name.'.repeat(20)}x`), {}, { backend: V3 });
  });
}

