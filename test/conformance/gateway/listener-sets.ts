/** ListenerSets: listeners that others add to a Gateway which lets them (GEP-1713). */
import assert from 'node:assert/strict';
import { get, patch, until, type Body } from '../cluster.ts';
import { accepted, addressOf, APP, behaviour, condition, expect, expectAll, gateway, gatewayOf, GROUP, http, INFRA, listener, parents, pathOf, route, tlsSecret, to, V1, V2, WEB } from './world.ts';

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
    return condition(own, 'Conflicted')?.reason === reason && ['Accepted', 'Programmed'].every((type) => condition(own, type)?.status === (reason === 'NoConflicts' ? 'True' : 'False'));
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

  behaviour('ListenerSetHostnameConflict', () => [
    gateway('set-conflicts', [own('own', 'own.example.com'), own('taken', 'taken.example.com')], { spec: letsIn('Same') }),
    listenerSet('a-older', 'set-conflicts', [own('good', 'good.example.com'), own('taken', 'taken.example.com'), own('mine', 'mine.example.com')]),
    listenerSet('b-younger', 'set-conflicts', [own('mine', 'mine.example.com')]), listenerSet('c-none', 'set-conflicts', [own('taken', 'taken.example.com')]),
    route('of-older', [ofSet('a-older')], [{ backendRefs: [to(V2)] }]), route('of-taken', ['set-conflicts'], [{ backendRefs: [to(V1)] }]),
  ], async () => {
    await setSays('a-older', 'True', { conflicts: { good: 'NoConflicts', taken: 'HostnameConflict', mine: 'NoConflicts' } });
    await setSays('b-younger', 'ListenersNotValid', { conflicts: { mine: 'HostnameConflict' } });
    await setSays('c-none', 'ListenersNotValid', { conflicts: { taken: 'HostnameConflict' } });
    await listener('set-conflicts', 'taken', { Accepted: 'True', Programmed: 'True', Conflicted: 'False' });
    await attachedSets('set-conflicts', 1);
    const address = await addressOf('set-conflicts');
    await expectAll(address, [[{ host: 'taken.example.com' }, V1], [{ host: 'mine.example.com' }, V2], [{ host: 'good.example.com' }, V2]]);
  });

  behaviour('ListenerSetProtocolConflict', () => [
    gateway('set-protocols', [own('own', 'own.example.com')], { spec: letsIn('Same') }),
    listenerSet('other-protocol', 'set-protocols', [{ name: 'passed', port: 80, protocol: 'TLS', hostname: 'tls.example.com', tls: { mode: 'Passthrough' } }]),
  ], async () => {
    await setSays('other-protocol', 'ListenersNotValid', { conflicts: { passed: 'ProtocolConflict' } });
    await listener('set-protocols', 'own', { Accepted: 'True', Programmed: 'True', Conflicted: 'False' });
    await attachedSets('set-protocols', 0);
  });

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
}
