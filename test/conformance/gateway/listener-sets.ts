/** ListenerSets: listeners that others add to a Gateway which lets them (GEP-1713). */
import assert from 'node:assert/strict';
import { get, patch, until, type Body } from '../cluster.ts';
import { accepted, addressOf, APP, behaviour, condition, expect, expectAll, from, gateway, gatewayOf, GROUP, http, INFRA, listener, parents, pathOf, prefix, route, tlsSecret, to, V1, V2, V3, WEB, type Ask } from './world.ts';

const letsIn = (from: string, selector?: object): object => ({ allowedListeners: { namespaces: { from, ...(selector === undefined ? {} : { selector }) } } });

function listenerSet(name: string, parent: string, listeners: object[], namespace = INFRA): Body {
  return { apiVersion: GROUP, kind: 'ListenerSet', metadata: { name, namespace }, spec: { parentRef: { name: parent, namespace: INFRA }, listeners } };
}

const ofSet = (name: string, namespace = INFRA): object => ({ kind: 'ListenerSet', name, namespace });
const pathOfSet = (name: string, namespace = INFRA): string => pathOf(listenerSet(name, '', [], namespace));

/** Settles when Accepted and Programmed say so: `True`, or a reason for `False`. */
async function setSays(name: string, said: string, more: { namespace?: string; conflicts?: Record<string, string> } = {}): Promise<Body> {
  return until(pathOfSet(name, more.namespace), ({ status, metadata }) => ['Accepted', 'Programmed'].every((type) => {
    const found = condition(status, type);
    return found?.observedGeneration === metadata.generation && (said === 'True' ? found.status === 'True' : found.status === 'False' && found.reason === said);
  }) && Object.entries(more.conflicts ?? {}).every(([listenerName, reason]) => {
    const own = status.listeners?.find((each: Body) => each.name === listenerName);
    return condition(own, 'Conflicted')?.reason === reason && ['Accepted', 'Programmed'].every((type) => condition(own, type)?.status === (reason === 'NoConflicts' ? 'True' : 'False') && (reason === 'NoConflicts' || condition(own, type).reason === reason));
  }));
}

const attachedSets = (name: string, count: number): Promise<Body> => until(`/apis/${GROUP}/namespaces/${INFRA}/gateways/${name}`, ({ status }) => status?.attachedListenerSets === count);
const own = (name: string, hostname: string, more: object = {}): object => http({ name, hostname, ...more });

export function listenerSets(): void {
  behaviour('ListenerSetRoutes', () => [
    gateway('with-sets', [own('own', 'own.example.com')], { spec: letsIn('Same') }),
    listenerSet('more', 'with-sets', [own('first', 'first.example.com'), own('second', 'second.example.com', { port: 8080 })]),
    route('of-gateway', ['with-sets'], [{ backendRefs: [to(V1)] }]), route('of-set', [ofSet('more')], [{ backendRefs: [to(V2)] }]), route('of-section', [{ ...ofSet('more'), sectionName: 'second' }], [{ matches: [{ path: { type: 'PathPrefix', value: '/section' } }], backendRefs: [to(V1)] }]),
    route('of-no-section', [{ ...ofSet('more'), sectionName: 'own' }], [{ backendRefs: [to(V1)] }]),
  ], async () => {
    await setSays('more', 'True', { conflicts: { first: 'NoConflicts', second: 'NoConflicts' } });
    await attachedSets('with-sets', 1);
    await accepted('of-gateway', 'of-set', 'of-section');
    await parents('of-no-section', { Accepted: 'NoMatchingParent' });
    const { status } = await until(pathOfSet('more'), (object) => object.status.listeners.every(({ attachedRoutes }: Body) => attachedRoutes > 0));
    assert.deepEqual(status.listeners.map((each: Body) => [each.name, each.attachedRoutes]), [['first', 1], ['second', 2]]);
    assert.deepEqual((await gatewayOf('with-sets')).status.listeners.map((each: Body) => [each.name, each.attachedRoutes]), [['own', 1]], 'a Gateway tells of its own listeners');
    const address = await addressOf('with-sets');
    // A route of the Gateway is not one of its sets, nor the other way round.
    await expectAll(address, [
      [{ host: 'own.example.com' }, V1], [{ host: 'first.example.com' }, V2], [{ host: 'second.example.com', port: 8080 }, V2], [{ host: 'second.example.com', port: 8080, path: '/section' }, V1], [{ host: 'first.example.com', path: '/section' }, V2], [{ host: 'second.example.com' }, 404],
    ]);
  });

  behaviour('ListenerSetHTTPRouting', () => {
    const section = (parent: object, sectionName: string): object => ({ ...parent, sectionName });
    const onlyAt = (path: string, name: string, parent: object, backend: string): Body => route(name, [parent], [{ matches: [prefix(path)], backendRefs: [to(backend)] }]);
    const ofGateway = { name: 'sets-routing', namespace: INFRA };
    return [
      gateway('sets-routing', [own('g1', 'g1.com'), own('g2', 'g2.com')], { spec: letsIn('Same') }), listenerSet('routing-1', 'sets-routing', [own('l1', 's1l1.com'), own('l2', 's1l2.com')]), listenerSet('routing-2', 'sets-routing', [own('l1', 's2l1.com'), own('l2', 's2l2.com')]),
      route('everywhere', [ofGateway, ofSet('routing-1'), ofSet('routing-2')], [{ matches: [prefix('/route')], backendRefs: [to(V1)] }]),
      onlyAt('/gateway-route', 'at-gateway', ofGateway, V2), onlyAt('/gateway-section', 'at-gateway-section', section(ofGateway, 'g1'), V3),
      onlyAt('/set-1-route', 'at-set-1', ofSet('routing-1'), V2), onlyAt('/set-1-section', 'at-set-1-section', section(ofSet('routing-1'), 'l1'), V3), onlyAt('/set-2-route', 'at-set-2', ofSet('routing-2'), V2),
    ];
  }, async () => {
    await accepted('everywhere', 'at-gateway', 'at-gateway-section', 'at-set-1', 'at-set-1-section', 'at-set-2');
    await attachedSets('sets-routing', 2);
    const told = async (name: string): Promise<unknown> => (await get(pathOfSet(name))).status.listeners.map((each: Body) => [each.name, each.attachedRoutes, each.supportedKinds.map(({ kind }: Body) => kind)]);
    const kinds = ['HTTPRoute', 'GRPCRoute'];
    await setSays('routing-1', 'True', { conflicts: { l1: 'NoConflicts', l2: 'NoConflicts' } });
    assert.deepEqual([await told('routing-1'), await told('routing-2')], [[['l1', 3, kinds], ['l2', 2, kinds]], [['l1', 2, kinds], ['l2', 2, kinds]]]);
    const hosts = ['g1.com', 'g2.com', 's1l1.com', 's1l2.com', 's2l1.com', 's2l2.com'];
    const table: Record<string, [string, string[]]> = { '/route': [V1, hosts], '/gateway-route': [V2, ['g1.com', 'g2.com']], '/gateway-section': [V3, ['g1.com']], '/set-1-route': [V2, ['s1l1.com', 's1l2.com']], '/set-1-section': [V3, ['s1l1.com']], '/set-2-route': [V2, ['s2l1.com', 's2l2.com']] };
    await expectAll(await addressOf('sets-routing'), Object.entries(table).flatMap(([path, [backend, at]]) => hosts.map((host): [Ask, string | number] => [{ host, path }, at.includes(host) ? backend : 404])));
  });

  behaviour('ListenerSetHostnameConflict', () => [
    gateway('set-conflicts', [own('own', 'own.example.com'), own('taken', 'taken.example.com')], { spec: letsIn('All') }),
    listenerSet('a-older', 'set-conflicts', [own('good', 'good.example.com'), own('taken', 'taken.example.com'), own('mine', 'mine.example.com'), own('wild', '*.wild.example.com')]),
    listenerSet('b-younger', 'set-conflicts', [own('mine', 'mine.example.com')]), listenerSet('c-none', 'set-conflicts', [own('taken', 'taken.example.com')]),
    listenerSet('d-wild', 'set-conflicts', [own('wild', '*.wild.example.com')]), listenerSet('e-elsewhere', 'set-conflicts', [own('mine', 'mine.example.com'), own('alone', 'alone.example.com')], WEB),
    route('of-older', [ofSet('a-older')], [{ backendRefs: [to(V2)] }]), route('of-taken', ['set-conflicts'], [{ backendRefs: [to(V1)] }]), route('of-elsewhere', [ofSet('e-elsewhere', WEB)], [{ backendRefs: [to('web-backend')] }], { namespace: WEB }),
  ], async () => {
    await setSays('a-older', 'True', { conflicts: { good: 'NoConflicts', taken: 'HostnameConflict', mine: 'NoConflicts', wild: 'NoConflicts' } });
    await setSays('b-younger', 'ListenersNotValid', { conflicts: { mine: 'HostnameConflict' } });
    await setSays('c-none', 'ListenersNotValid', { conflicts: { taken: 'HostnameConflict' } });
    await setSays('d-wild', 'ListenersNotValid', { conflicts: { wild: 'HostnameConflict' } });
    await setSays('e-elsewhere', 'True', { namespace: WEB, conflicts: { mine: 'HostnameConflict', alone: 'NoConflicts' } });
    await listener('set-conflicts', 'taken', { Accepted: 'True', Programmed: 'True', Conflicted: 'False' });
    await attachedSets('set-conflicts', 2);
    const address = await addressOf('set-conflicts');
    await expectAll(address, [[{ host: 'taken.example.com' }, V1], [{ host: 'mine.example.com' }, V2], [{ host: 'good.example.com' }, V2], [{ host: 'a.wild.example.com' }, V2], [{ host: 'alone.example.com' }, 'web-backend']]);
  });

  behaviour('ListenerSetProtocolConflict', () => {
    const passed = (name: string, hostname: string, port: number): object => ({ name, port, protocol: 'TLS', hostname, tls: { mode: 'Passthrough' } });
    return [
      gateway('set-protocols', [own('own', 'own.example.com')], { spec: letsIn('Same') }),
      listenerSet('other-protocol', 'set-protocols', [passed('passed', 'tls.example.com', 80)]),
      listenerSet('p-older', 'set-protocols', [own('good', 'good.example.com'), own('first', 'first.example.com', { port: 8080 }), passed('with-gateway', 'own.example.com', 80)]), listenerSet('q-younger', 'set-protocols', [own('fine', 'fine.example.com'), passed('second', 'first.example.com', 8080)]),
      ...[['own', 'set-protocols', V1], ['older', ofSet('p-older'), V2], ['younger', ofSet('q-younger'), V3]].map(([name, parent, backend]) => route(`protocols-${name as string}`, [parent as string], [{ matches: [prefix(`/${name as string}`)], backendRefs: [to(backend as string)] }])),
    ];
  }, async () => {
    await setSays('other-protocol', 'ListenersNotValid', { conflicts: { passed: 'ProtocolConflict' } });
    await setSays('p-older', 'True', { conflicts: { good: 'NoConflicts', first: 'NoConflicts', 'with-gateway': 'ProtocolConflict' } });
    await setSays('q-younger', 'True', { conflicts: { fine: 'NoConflicts', second: 'ProtocolConflict' } });
    await listener('set-protocols', 'own', { Accepted: 'True', Programmed: 'True', Conflicted: 'False' });
    await attachedSets('set-protocols', 2);
    await expectAll(await addressOf('set-protocols'), [
      [{ host: 'own.example.com', path: '/own' }, V1], [{ host: 'own.example.com', path: '/older' }, 404], [{ host: 'good.example.com', path: '/older' }, V2], [{ host: 'fine.example.com', path: '/younger' }, V3],
      [{ host: 'first.example.com', path: '/older', port: 8080 }, V2], [{ host: 'first.example.com', path: '/younger', port: 8080 }, 404],
    ]);
  });

  /** Of a set here and one of another namespace: which are let in, by what is said and what is answered. */
  const letting = (name: string, spec: object | undefined, expected: { here: boolean; there: boolean }): void => behaviour(name, () => [
    gateway('lets', [own('own', 'own.example.com')], { spec: spec ?? {} }), listenerSet('here', 'lets', [own('one', 'one.here.example.com'), own('two', 'two.here.example.com')]), listenerSet('there', 'lets', [own('there', 'there.example.com')], APP),
    route('anywhere', ['lets', ofSet('here')], [{ backendRefs: [to(V1)] }]), route('there', [ofSet('there', APP)], [{ backendRefs: [to('app-backend-v1')] }], { namespace: APP }),
  ], async () => {
    await setSays('here', expected.here ? 'True' : 'NotAllowed');
    await setSays('there', expected.there ? 'True' : 'NotAllowed', { namespace: APP });
    const count = [expected.here, expected.there].filter(Boolean).length;
    await until(pathOf(gateway('lets', [])), ({ status }) => (status?.attachedListenerSets ?? 0) === count);
    await expectAll(await addressOf('lets'), [
      [{ host: 'own.example.com' }, V1], [{ host: 'one.here.example.com' }, expected.here ? V1 : 404], [{ host: 'two.here.example.com' }, expected.here ? V1 : 404], [{ host: 'there.example.com' }, expected.there ? 'app-backend-v1' : 404],
    ]);
  });
  letting('ListenerSetDefaultNotAllowed', undefined, { here: false, there: false });
  letting('ListenerSetAllowedNamespaceNone', letsIn('None'), { here: false, there: false });
  letting('ListenerSetAllowedNamespaceSame', letsIn('Same'), { here: true, there: false });
  letting('ListenerSetAllowedNamespaceSelector', letsIn('Selector', { matchLabels: { 'gateway-conformance': 'backend' } }), { here: false, there: true });
  letting('ListenerSetAllowedNamespaceAll', letsIn('All'), { here: true, there: true });

  behaviour('ListenerSetAllowedNamespaces', () => [
    gateway('lets-nobody', [own('own', 'own.example.com')]), listenerSet('not-let', 'lets-nobody', [own('more', 'more.example.com')]),
    gateway('lets-some', [own('own', 'own.example.com')], { spec: letsIn('Selector', { matchLabels: { 'gateway-conformance': 'backend' } }) }),
    listenerSet('let', 'lets-some', [own('more', 'more.example.com')], APP), listenerSet('not-let-here', 'lets-some', [own('here', 'here.example.com')]),
    route('beside-set', [ofSet('let', APP)], [{ backendRefs: [to('app-backend-v1')] }], { namespace: APP }), route('away-from-set', [ofSet('let', APP)], [{ backendRefs: [to('web-backend')] }], { namespace: WEB }),
  ], async () => {
    await setSays('not-let', 'NotAllowed');
    await setSays('not-let-here', 'NotAllowed');
    await setSays('let', 'True', { namespace: APP });
    await attachedSets('lets-some', 1);
    // Of the same namespace: as the set, not as the Gateway.
    await parents('beside-set', { Accepted: 'True' }, { namespace: APP });
    await parents('away-from-set', { Accepted: 'NotAllowedByListeners' }, { namespace: WEB });
    await expectAll(await addressOf('lets-some'), [[{ host: 'more.example.com' }, 'app-backend-v1'], [{ host: 'here.example.com' }, 404]]);
    await patch(pathOf(gateway('lets-some', [])), { spec: letsIn('All') });
    await setSays('not-let-here', 'True');
    await attachedSets('lets-some', 2);
    await patch(pathOf(gateway('lets-some', [])), { spec: { allowedListeners: { namespaces: { from: 'None', selector: null } } } });
    await setSays('let', 'NotAllowed', { namespace: APP });
    await attachedSets('lets-some', 0);
    await expect(await addressOf('lets-some'), { host: 'more.example.com' }, { status: 404 });
  });

  behaviour('ListenerSetCertificates', () => [
    gateway('set-tls', [own('own', 'own.example.com')], { spec: letsIn('All') }), tlsSecret(APP, 'of-the-set', 'set.example.com'),
    listenerSet('secure', 'set-tls', [{ name: 'https', port: 443, protocol: 'HTTPS', hostname: 'set.example.com', tls: { certificateRefs: [{ name: 'of-the-set' }] } }], APP),
    listenerSet('no-certificate', 'set-tls', [{ name: 'https', port: 443, protocol: 'HTTPS', hostname: 'away.example.com', tls: { certificateRefs: [{ name: 'of-the-set', namespace: APP }] } }], WEB),
    route('by-tls', [ofSet('secure', APP)], [{ backendRefs: [to('app-backend-v2')] }], { namespace: APP }),
  ], async () => {
    await setSays('secure', 'True', { namespace: APP });
    await setSays('no-certificate', 'ListenersNotValid', { namespace: WEB });
    const { status } = await get(pathOfSet('no-certificate', WEB));
    assert.equal(condition(status.listeners[0], 'ResolvedRefs').reason, 'RefNotPermitted');
    await expect(await addressOf('set-tls'), { host: 'set.example.com', sni: 'set.example.com' }, { backend: 'app-backend-v2' });
  });

  behaviour('ListenerSetAllowedRoutesNamespaces', () => [
    gateway('set-allows', [own('own', 'own.example.com')], { spec: letsIn('All') }),
    listenerSet('allows', 'set-allows', [own('all', 'all.example.com', from('All')), own('same', 'same.example.com', from('Same')), own('some', 'some.example.com', from('Selector', { matchLabels: { 'gateway-conformance': 'backend' } }))]),
    route('here', [ofSet('allows')], [{ matches: [prefix('/here')], backendRefs: [to(V1)] }]), route('selected', [ofSet('allows')], [{ matches: [prefix('/selected')], backendRefs: [to('app-backend-v1')] }], { namespace: APP }),
  ], async () => {
    await setSays('allows', 'True');
    await until(pathOfSet('allows'), ({ status }) => JSON.stringify(status.listeners.map((each: Body) => [each.name, each.attachedRoutes])) === JSON.stringify([['all', 2], ['same', 1], ['some', 1]]));
    const host = (name: string): string => `${name}.example.com`;
    await expectAll(await addressOf('set-allows'), [
      [{ host: host('all'), path: '/here' }, V1], [{ host: host('all'), path: '/selected' }, 'app-backend-v1'], [{ host: host('same'), path: '/here' }, V1], [{ host: host('same'), path: '/selected' }, 404],
      [{ host: host('some'), path: '/here' }, 404], [{ host: host('some'), path: '/selected' }, 'app-backend-v1'],
    ]);
  });

  behaviour('ListenerSetDualParentRefIndependence', () => [
    gateway('dual', [own('own', 'own.example.com')], { spec: letsIn('Same') }), listenerSet('dual-set', 'dual', [own('set', 'set.example.com')]),
    route('by-both', ['dual', ofSet('dual-set')], [{ matches: [prefix('/both')], backendRefs: [to(V1)] }]), route('by-one', [{ name: 'dual', namespace: INFRA, sectionName: 'nowhere' }, ofSet('dual-set')], [{ matches: [prefix('/one')], backendRefs: [to(V2)] }]),
  ], async () => {
    await parents('by-both', { Accepted: 'True' }, { count: 2 });
    const { status } = await until(pathOf(route('by-one', [], [])), (object) => object.status?.parents?.length === 2);
    assert.deepEqual(status.parents.map((each: Body) => [each.parentRef.kind, condition(each, 'Accepted').reason]).sort(), [['Gateway', 'NoMatchingParent'], ['ListenerSet', 'Accepted']]);
    assert.deepEqual((await until(pathOfSet('dual-set'), (object) => object.status?.listeners?.[0]?.attachedRoutes === 2)).status.listeners[0].supportedKinds.map(({ kind }: Body) => kind), ['HTTPRoute', 'GRPCRoute']);
    await expectAll(await addressOf('dual'), [[{ host: 'own.example.com', path: '/both' }, V1], [{ host: 'set.example.com', path: '/both' }, V1], [{ host: 'own.example.com', path: '/one' }, 404], [{ host: 'set.example.com', path: '/one' }, V2]]);
  });

  // A section of a set is found by the set alone, though the Gateway has it too.
  behaviour('ListenerSetGatewayParentSectionNameNotFound', () => [
    gateway('sections', [own('own', 'own.example.com')], { spec: letsIn('Same') }), listenerSet('section-set', 'sections', [own('set-alone', 'set.example.com')]),
    route('by-set', [{ ...ofSet('section-set'), sectionName: 'set-alone' }], [{ matches: [prefix('/good-section')], backendRefs: [to(V1)] }]), route('by-gateway', [{ name: 'sections', namespace: INFRA, sectionName: 'set-alone' }], [{ matches: [prefix('/bad-section')], backendRefs: [to(V2)] }]),
  ], async () => {
    await accepted('by-set');
    await parents('by-gateway', { Accepted: 'NoMatchingParent' });
    await attachedSets('sections', 1);
    assert.deepEqual((await get(pathOfSet('section-set'))).status.listeners.map((each: Body) => each.attachedRoutes), [1]);
    await expectAll(await addressOf('sections'), [[{ host: 'set.example.com', path: '/good-section' }, V1], [{ host: 'set.example.com', path: '/bad-section' }, 404], [{ host: 'own.example.com', path: '/bad-section' }, 404]]);
  });

  behaviour('ListenerSetParentNotAccepted', () => [
    gateway('not-taken', [http()], { spec: { ...letsIn('Same'), infrastructure: { parametersRef: { group: 'example.com', kind: 'Nothing', name: 'x' } } } }), listenerSet('of-not-taken', 'not-taken', [http({ port: 8080 })]),
  ], async () => {
    await until(pathOfSet('of-not-taken'), ({ status }) => condition(status, 'Accepted')?.reason === 'ParentNotAccepted' && condition(status, 'Programmed')?.status === 'False');
    await attachedSets('not-taken', 0);
  });

  behaviour('ListenerSetReferenceGrant', () => [
    gateway('set-granted', [own('own', 'own.example.com')], { spec: letsIn('All') }), tlsSecret(WEB, 'lent', 'lent.example.com'),
    ...['lent', 'not-lent'].map((name) => listenerSet(name, 'set-granted', [{ name: 'https', port: 443, protocol: 'HTTPS', hostname: `${name}.example.com`, tls: { certificateRefs: [{ name: 'lent', namespace: WEB }] } }], name === 'lent' ? APP : INFRA)),
    { apiVersion: 'gateway.networking.k8s.io/v1beta1', kind: 'ReferenceGrant', metadata: { name: 'lends', namespace: WEB }, spec: { from: [{ group: 'gateway.networking.k8s.io', kind: 'ListenerSet', namespace: APP }], to: [{ group: '', kind: 'Secret', name: 'lent' }] } },
  ], async () => {
    await setSays('lent', 'True', { namespace: APP });
    await setSays('not-lent', 'ListenersNotValid');
    assert.equal(condition((await get(pathOfSet('not-lent'))).status.listeners[0], 'ResolvedRefs').reason, 'RefNotPermitted');
  });

  behaviour('ListenerSetRouteStatusScopedToParentRef', () => [
    gateway('scoped', [own('own', 'own.example.com')], { spec: letsIn('Same') }), listenerSet('scoped-set', 'scoped', [own('set', 'set.example.com')]), listenerSet('beside', 'scoped', [own('beside', 'beside.example.com')]),
    route('gateway-alone', ['scoped'], [{ matches: [prefix('/gateway')], backendRefs: [to(V1)] }]), route('set-alone', [ofSet('scoped-set')], [{ matches: [prefix('/set')], backendRefs: [to(V2)] }]),
  ], async () => {
    for (const [name, kind] of [['gateway-alone', 'Gateway'], ['set-alone', 'ListenerSet']] as const) assert.deepEqual((await parents(name, { Accepted: 'True' })).status.parents.map((each: Body) => each.parentRef.kind), [kind]);
    await expectAll(await addressOf('scoped'), [[{ host: 'own.example.com', path: '/gateway' }, V1], [{ host: 'set.example.com', path: '/gateway' }, 404], [{ host: 'set.example.com', path: '/set' }, V2], [{ host: 'own.example.com', path: '/set' }, 404]]);
    assert.deepEqual((await get(pathOfSet('scoped-set'))).status.listeners.map((each: Body) => each.attachedRoutes), [1]);
  });

  behaviour('ListenerSetUpdateListenerHostname', () => [
    gateway('set-moves', [own('own', 'own.example.com')], { spec: letsIn('Same') }), listenerSet('moves', 'set-moves', [own('set', 'before.example.com')]), route('waits', [ofSet('moves')], [{ backendRefs: [to(V1)] }], { hostnames: ['after.example.com'] }),
  ], async () => {
    await parents('waits', { Accepted: 'NoMatchingListenerHostname' });
    await patch(pathOfSet('moves'), { spec: { listeners: [own('set', 'after.example.com')] } });
    await parents('waits', { Accepted: 'True' });
    await expect(await addressOf('set-moves'), { host: 'after.example.com' }, { backend: V1 });
  });
}
