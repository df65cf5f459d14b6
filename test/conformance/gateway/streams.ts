/** TCPRoutes and UDPRoutes: whatever comes to a port. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { connect as secureConnect } from 'node:tls';
import { eventually } from '../../fixtures/instance.ts';
import { patch, until, type Body } from '../cluster.ts';
import { passthrough, tlsRoute } from './tls.ts';
import { addressOf, APP, AUTHORITY_PEM, behaviour, condition, expect, from, gateway, http, INFRA, listener, parents, pathOf, route, tlsSecret, to, V1, V2, V3, WEB } from './world.ts';

type Protocol = 'TCP' | 'UDP';

/** Of a backend: its port on which it says its name, by TCP and by UDP. */
const sayer = (name: string, namespace = INFRA): Body => ({
  apiVersion: 'v1', kind: 'Service', metadata: { name: `says-${name}`, namespace },
  spec: { selector: { app: name }, ports: (['TCP', 'UDP'] as const).map((protocol) => ({ name: protocol.toLowerCase(), protocol, port: 9000, targetPort: 3003 })) },
});
const says = (name: string, more: object = {}): object => ({ name: `says-${name}`, port: 9000, ...more });
const stream = (protocol: Protocol, name: string, parentRefs: (string | object)[], backendRefs: object[], version = 'v1'): Body => ({ ...route(name, parentRefs, [{ backendRefs }], { kind: `${protocol}Route` }), apiVersion: `gateway.networking.k8s.io/${version}` });
const on = (protocol: Protocol, name: string, port: number, more: object = {}): object => ({ name, port, protocol, ...more });
const told = (protocol: Protocol, name: string, expected: Record<string, string>, more: object = {}): Promise<Body> => parents(name, expected, { plural: `${protocol.toLowerCase()}routes`, ...more });
const taken = { Accepted: 'True', ResolvedRefs: 'True' };

/** What is said by who answers: `namespace/name`, then what it was told. Rejects where nobody does. */
function speak(protocol: Protocol, address: string, port: number, text = 'hello'): Promise<string> {
  return protocol === 'TCP' ? listenTo(connect({ host: address, port }), text) : sendTo(address, port, text);
}

function listenTo(socket: Socket, text: string): Promise<string> {
  return new Promise((settle, fail) => {
    let heard = '';
    socket.setTimeout(10_000, () => socket.destroy(new Error('silence')));
    socket.on('data', (data) => {
      // Who is asked speaks first, so nothing may wait for the client.
      if (heard === '') socket.end(text);
      heard += String(data);
    }).on('error', fail).on('close', () => (heard === '' ? fail(new Error('closed')) : settle(heard)));
  });
}

function sendTo(address: string, port: number, text: string): Promise<string> {
  return new Promise((settle, fail) => {
    const socket = createSocket('udp4');
    const timer = setTimeout(() => done(new Error('silence')), 2_000);
    const done = (told: Error | string): void => {
      clearTimeout(timer);
      socket.close();
      if (typeof told === 'string') settle(told);
      else fail(told);
    };
    // Connected, so that the kernel tells of a port that cannot be reached.
    socket.on('message', (data) => done(String(data))).on('error', done).connect(port, address, () => socket.send(text));
  });
}

/** Settles when all that ask are answered by it; `undefined`: by nobody. */
async function answers(protocol: Protocol, address: string, port: number, name: string | undefined): Promise<void> {
  let last: unknown;
  await eventually(async () => {
    last = await Promise.all([1, 2, 3].map(() => speak(protocol, address, port).catch(() => undefined)));
    return (last as unknown[]).every((each) => each === (name === undefined ? undefined : `${name} hello`));
  }, { timeoutMs: 30_000, what: `the answer of ${name ?? 'nobody'}` }).catch(() => assert.fail(`${protocol} ${port} should be answered by ${name ?? 'nobody'}, is by ${JSON.stringify(last)}`));
}

async function shares(protocol: Protocol, address: string, port: number, count: number): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (let at = 0; at < count; at++) {
    const who = await speak(protocol, address, port).then((text) => text.split(' ')[0]!, () => 'nobody');
    found[who] = (found[who] ?? 0) + 1;
  }
  return found;
}

function ofBoth(protocol: Protocol): void {
  const name = (text: string): string => `${protocol.toLowerCase()}-${text}`;
  const kind = `${protocol}Route`;
  const own = (text: string, ports: number[], more: object = {}): Body => gateway(name(text), ports.map((port) => on(protocol, `on-${port}`, port, more)));

  behaviour(protocol === 'UDP' ? 'UDPRoute' : 'TCPRouteSimpleSameNamespace', () => [sayer(V1), own('plain', [5300]), stream(protocol, name('plain'), [name('plain')], [says(V1)])], async () => {
    await told(protocol, name('plain'), taken);
    await listener(name('plain'), 'on-5300', { Accepted: 'True', Programmed: 'True', ResolvedRefs: 'True', Conflicted: 'False' }, { attachedRoutes: 1, kinds: [kind] });
    await answers(protocol, await addressOf(name('plain')), 5300, `${INFRA}/${V1}`);
  });

  behaviour(`${kind}ParentRefPortAndSectionName`, () => [
    ...[V1, V2, V3].map((each) => sayer(each)), own('several', [5301, 5302, 5303]),
    stream(protocol, name('by-port'), [{ name: name('several'), port: 5301 }], [says(V1)]), stream(protocol, name('by-section'), [{ name: name('several'), sectionName: 'on-5302' }], [says(V2)]), stream(protocol, name('by-both'), [{ name: name('several'), sectionName: 'on-5303', port: 5303 }], [says(V3)]),
  ], async () => {
    const address = await addressOf(name('several'));
    for (const [port, backend] of [[5301, V1], [5302, V2], [5303, V3]] as const) await answers(protocol, address, port, `${INFRA}/${backend}`);
  });

  behaviour(protocol === 'UDP' ? 'UDPRouteParentRefAttachAllListeners' : 'TCPRouteParentRefAttachAll', () => [sayer(V1), gateway(name('all'), [on(protocol, 'one', 5304), on(protocol, 'two', 5305), http()]), stream(protocol, name('all'), [name('all')], [says(V1)])], async () => {
    const address = await addressOf(name('all'));
    for (const port of [5304, 5305]) await answers(protocol, address, port, `${INFRA}/${V1}`);
    for (const [each, attachedRoutes] of [['one', 1], ['two', 1], ['http', 0]] as const) await listener(name('all'), each, { Accepted: 'True' }, { attachedRoutes });
  });

  behaviour(`${kind}WeightedRouting`, () => [...[V1, V2, V3].map((each) => sayer(each)), own('weighted', [5306]), stream(protocol, name('weighted'), [name('weighted')], [says(V1, { weight: 6 }), says(V2, { weight: 3 }), says(V3, { weight: 0 }), { name: 'nowhere', port: 9000, weight: 1 }])], async () => {
    await told(protocol, name('weighted'), { Accepted: 'True', ResolvedRefs: 'BackendNotFound' });
    const address = await addressOf(name('weighted'));
    await eventually(async () => (await shares(protocol, address, 5306, 10))[`${INFRA}/${V2}`] !== undefined, { timeoutMs: 30_000, what: 'the second of the backends' });
    const found = await shares(protocol, address, 5306, 200);
    for (const [who, share] of [[`${INFRA}/${V1}`, 0.6], [`${INFRA}/${V2}`, 0.3], ['nobody', 0.1]] as const) assert.ok(Math.abs((found[who] ?? 0) / 200 - share) < 0.12, JSON.stringify(found));
    assert.equal(found[`${INFRA}/${V3}`], undefined);
  });

  behaviour(`${kind}MultipleRoutesAttachment`, () => [...[V1, V2].map((each) => sayer(each)), own('shared', [5307]), stream(protocol, name('first'), [name('shared')], [says(V1)])], async () => {
    const address = await addressOf(name('shared'));
    await answers(protocol, address, 5307, `${INFRA}/${V1}`);
    // One of a later second is younger for everybody.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const second = stream(protocol, name('a-second'), [name('shared')], [says(V2)]);
    const { apply, remove } = await import('./world.ts');
    await apply(second);
    try {
      await told(protocol, name('a-second'), taken);
      await listener(name('shared'), 'on-5307', { Programmed: 'True' }, { attachedRoutes: 2 });
      await answers(protocol, address, 5307, `${INFRA}/${V1}`);
      await remove(stream(protocol, name('first'), [], []));
      await answers(protocol, address, 5307, `${INFRA}/${V2}`);
    } finally {
      await remove(second);
    }
  });

  behaviour(`${kind}InvalidBackendRefNonexistent`, () => [own('away', [5308]), stream(protocol, name('away'), [name('away')], [{ name: 'nowhere', port: 9000 }])], async () => {
    await told(protocol, name('away'), { Accepted: 'True', ResolvedRefs: 'BackendNotFound' });
    await answers(protocol, await addressOf(name('away')), 5308, undefined);
  });

  behaviour(`${kind}InvalidCrossNamespaceBackendRef`, () => [sayer('web-backend', WEB), own('foreign', [5309]), stream(protocol, name('foreign'), [name('foreign')], [says('web-backend', { namespace: WEB })])], async () => {
    await told(protocol, name('foreign'), { Accepted: 'True', ResolvedRefs: 'RefNotPermitted' });
    await answers(protocol, await addressOf(name('foreign')), 5309, undefined);
  });

  behaviour(`${kind}ReferenceGrant`, () => [
    sayer('web-backend', WEB), own('granted', [5310]), stream(protocol, name('granted'), [name('granted')], [says('web-backend', { namespace: WEB })]),
    { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'ReferenceGrant', metadata: { name: name('grants'), namespace: WEB }, spec: { from: [{ group: 'gateway.networking.k8s.io', kind, namespace: INFRA }], to: [{ group: '', kind: 'Service', name: 'says-web-backend' }] } },
  ], async () => {
    await told(protocol, name('granted'), taken);
    await answers(protocol, await addressOf(name('granted')), 5310, `${WEB}/web-backend`);
  });

  behaviour(`${kind}InvalidNon${protocol}Listener`, () => [gateway(name('not'), [http()]), stream(protocol, name('not'), [{ name: name('not'), sectionName: 'http' }], [says(V1)])], async () => {
    await told(protocol, name('not'), { Accepted: 'NotAllowedByListeners' });
  });

  behaviour(`${kind}Endpoints`, () => [{ ...sayer('nobody'), spec: { ...sayer('nobody').spec, selector: { app: 'nobody' } } }, own('moves', [5311]), stream(protocol, name('moves'), [name('moves')], [says('nobody')], 'v1alpha2')], async () => {
    await told(protocol, name('moves'), taken);
    const address = await addressOf(name('moves'));
    await answers(protocol, address, 5311, undefined);
    for (const backend of [V1, V2]) {
      await patch(pathOf(sayer('nobody')), { spec: { selector: { app: backend } } });
      await answers(protocol, address, 5311, `${INFRA}/${backend}`);
    }
  });
}

export function streams(): void {
  ofBoth('TCP');
  ofBoth('UDP');

  behaviour('UDPRouteValidInvalidListeners', () => [sayer(V1), gateway('udp-and-tcp', [on('UDP', 'udp', 5340), on('TCP', 'tcp', 5341)]), stream('UDP', 'udp-alone', ['udp-and-tcp'], [says(V1)])], async () => {
    await told('UDP', 'udp-alone', taken);
    await listener('udp-and-tcp', 'udp', { Accepted: 'True', ResolvedRefs: 'True' }, { attachedRoutes: 1, kinds: ['UDPRoute'] });
    await listener('udp-and-tcp', 'tcp', { Accepted: 'True', ResolvedRefs: 'True' }, { attachedRoutes: 0, kinds: ['TCPRoute'] });
    const address = await addressOf('udp-and-tcp');
    await answers('UDP', address, 5340, `${INFRA}/${V1}`);
    await answers('TCP', address, 5341, undefined);
  });

  behaviour('UDPRouteNotAllowedByListeners', () => [gateway('tls-alone', [passthrough({ hostname: 'tls.example.com' })]), stream('UDP', 'udp-to-tls', ['tls-alone'], [says(V1)])], async () => {
    await told('UDP', 'udp-to-tls', { Accepted: 'NotAllowedByListeners' });
    await listener('tls-alone', 'tls', { Accepted: 'True' }, { attachedRoutes: 0 });
  });

  const wrongGrant = (name: string, from: object, to: object): Body => ({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'ReferenceGrant', metadata: { name, namespace: WEB }, spec: { from: [{ group: 'gateway.networking.k8s.io', kind: 'TCPRoute', namespace: INFRA, ...from }], to: [{ group: '', kind: 'Service', ...to }] } });
  behaviour('TCPRouteInvalidReferenceGrant', () => [
    sayer('web-backend', WEB), gateway('tcp-not-granted', [on('TCP', 'tcp', 5350)]), stream('TCP', 'tcp-not-granted', ['tcp-not-granted'], [says('web-backend', { namespace: WEB })]),
    wrongGrant('other-kind', { kind: 'UDPRoute' }, {}), wrongGrant('other-namespace', { namespace: APP }, {}), wrongGrant('other-name', {}, { name: 'another' }), wrongGrant('other-target', {}, { kind: 'Secret' }),
  ], async () => {
    await told('TCP', 'tcp-not-granted', { Accepted: 'True', ResolvedRefs: 'RefNotPermitted' });
    await answers('TCP', await addressOf('tcp-not-granted'), 5350, undefined);
  });

  behaviour('UDPTCPListenerMerge', () => [
    sayer(V1), sayer(V2), gateway('several-protocols', [on('TCP', 'tcp', 5320), on('UDP', 'udp', 5320), on('TCP', 'tcp-beside-http', 80), http()]),
    stream('TCP', 'tcp-beside', [{ name: 'several-protocols', sectionName: 'tcp' }], [says(V1)]), stream('UDP', 'udp-beside', ['several-protocols'], [says(V2)]),
  ], async () => {
    for (const name of ['tcp-beside-http', 'http']) await listener('several-protocols', name, { Conflicted: 'ProtocolConflict', Accepted: 'False' });
    const address = await addressOf('several-protocols');
    await answers('TCP', address, 5320, `${INFRA}/${V1}`);
    await answers('UDP', address, 5320, `${INFRA}/${V2}`);
  });

  const tls = (more: object = {}): object => ({ name: 'tls-terminate', port: 443, protocol: 'TLS', hostname: 'tls.example.com', tls: { mode: 'Terminate', certificateRefs: [{ name: 'tls-streams' }] }, ...more });

  behaviour('TCPRouteOnTLSTerminate', () => [
    sayer(V1), tlsSecret(INFRA, 'tls-streams', 'tls.example.com'), gateway('tcp-in-tls', [tls({ allowedRoutes: { kinds: [{ kind: 'TCPRoute' }] } })]), stream('TCP', 'tcp-in-tls', ['tcp-in-tls'], [says(V1)]),
  ], async () => {
    await told('TCP', 'tcp-in-tls', taken);
    const address = await addressOf('tcp-in-tls');
    await eventually(async () => (await listenTo(secureConnect({ host: address, port: 443, servername: 'tls.example.com', ca: AUTHORITY_PEM }), 'hello').catch(() => '')) === `${INFRA}/${V1} hello`, { what: 'what was said under TLS' });
    await assert.rejects(listenTo(secureConnect({ host: address, port: 443, servername: 'other.example.com', ca: AUTHORITY_PEM }), 'hello'));
  });

  behaviour('TLSRouteListenerTerminateSupportedKinds', () => [tlsSecret(INFRA, 'tls-streams', 'tls.example.com'), gateway('tls-kinds', [tls()])], async () => {
    await listener('tls-kinds', 'tls-terminate', { Accepted: 'True', ResolvedRefs: 'True' }, { attachedRoutes: 0, kinds: ['TLSRoute', 'TCPRoute'] });
  });

  behaviour('TLSRouteInvalidNoMatchingListenerHostname', () => [tlsSecret(INFRA, 'tls-streams', 'tls.example.com'), gateway('tls-other', [tls()]), route('tls-other', ['tls-other'], [{ backendRefs: [to(V1)] }], { kind: 'TLSRoute', hostnames: ['elsewhere.example.com'] })], async () => {
    await parents('tls-other', { Accepted: 'NoMatchingListenerHostname' }, { plural: 'tlsroutes' });
    await listener('tls-other', 'tls-terminate', { Accepted: 'True' }, { attachedRoutes: 0 });
  });

  const set = (name: string, listeners: object[], namespace: string): Body => ({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'ListenerSet', metadata: { name, namespace }, spec: { parentRef: { name: 'sets-of-all', namespace: INFRA }, listeners } });
  const pathOfSet = (name: string, namespace: string): string => pathOf(set(name, [], namespace));

  behaviour('ListenerSetAllowedRoutesSupportedKinds', () => [
    gateway('sets-of-all', [http({ hostname: 'own.example.com' })], { spec: { allowedListeners: { namespaces: { from: 'All' } } } }),
    set('kinds', [http({ name: 'http', port: 8081, allowedRoutes: { kinds: [{ kind: 'HTTPRoute' }] } }), http({ name: 'odd', port: 8082, allowedRoutes: { kinds: [{ kind: 'TCPRoute' }] } }), on('TCP', 'tcp', 5330), on('UDP', 'udp', 5330)], INFRA),
  ], async () => {
    const { status } = await until(pathOfSet('kinds', INFRA), (object) => object.status?.listeners?.length === 4);
    assert.deepEqual(status.listeners.map((each: Body) => [each.name, each.supportedKinds.map((kind: Body) => kind.kind), condition(each, 'ResolvedRefs').reason]), [['http', ['HTTPRoute'], 'ResolvedRefs'], ['odd', [], 'InvalidRouteKinds'], ['tcp', ['TCPRoute'], 'ResolvedRefs'], ['udp', ['UDPRoute'], 'ResolvedRefs']]);
  });

  behaviour('ListenerSetProtocolAndRouteKindConflicts', () => [
    tlsSecret(INFRA, 'tls-streams', '*.example.com', 'example.org'), gateway('sets-of-all', [http({ hostname: 'own.example.com' }), { name: 'https', port: 8443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'tls-streams' }] } }], { spec: { allowedListeners: { namespaces: { from: 'All' } } } }),
    set('mixed', [passthrough({ name: 'odd', hostname: 'odd.example.com', allowedRoutes: { kinds: [{ kind: 'HTTPRoute' }] } }), passthrough({ name: 'control', port: 9443, hostname: 'tls-backend' }), passthrough({ name: 'conflict', port: 8443, hostname: 'tls-backend' })], INFRA),
    route('of-https', [{ name: 'sets-of-all', sectionName: 'https' }], [{ backendRefs: [to(V1)] }]),
    ...['control', 'conflict'].map((each) => tlsRoute(`set-${each}`, [{ kind: 'ListenerSet', name: 'mixed', sectionName: each }], ['tls-backend'])),
  ], async () => {
    const { status } = await until(pathOfSet('mixed', INFRA), (object) => condition(object.status, 'Programmed')?.status === 'True' && object.status.listeners.some((each: Body) => each.attachedRoutes > 0));
    assert.equal(condition(status, 'Accepted').status, 'True');
    assert.deepEqual(status.listeners.map((each: Body) => [each.name, condition(each, 'Accepted').reason, condition(each, 'ResolvedRefs').reason, condition(each, 'Conflicted').reason]), [['odd', 'Accepted', 'InvalidRouteKinds', 'NoConflicts'], ['control', 'Accepted', 'ResolvedRefs', 'NoConflicts'], ['conflict', 'ProtocolConflict', 'ResolvedRefs', 'ProtocolConflict']]);
    await listener('sets-of-all', 'https', { Accepted: 'True', Programmed: 'True', Conflicted: 'False' });
    const address = await addressOf('sets-of-all');
    await expect(address, { host: 'tls-backend', sni: 'tls-backend', port: 9443 }, { backend: 'tls-backend' });
    await expect(address, { host: 'tls-backend', sni: 'tls-backend', port: 8443 }, { backend: V1 });
  });

  behaviour('ListenerSetMixedProtocolsOnOnePort', () => [
    gateway('sets-of-all', [{ name: 'https', port: 443, protocol: 'HTTPS', hostname: 'web.example.com', tls: { certificateRefs: [{ name: 'tls-streams' }] } }], { spec: { allowedListeners: { namespaces: { from: 'All' } } } }), tlsSecret(INFRA, 'tls-streams', 'web.example.com', 'ended.example.com'),
    set('passes', [{ name: 'passed', port: 443, protocol: 'TLS', hostname: 'tls-backend', tls: { mode: 'Passthrough' }, ...from('All') }], APP), set('ends', [{ ...tls({ name: 'ended', hostname: 'ended.example.com' }) }], INFRA), set('late', [on('TCP', 'tcp', 443)], WEB), sayer(V2),
    route('of-web', ['sets-of-all'], [{ backendRefs: [to(V1)] }]), route('of-passes', [{ kind: 'ListenerSet', name: 'passes', namespace: APP }], [{ backendRefs: [{ name: 'tls-backend', port: 443 }] }], { kind: 'TLSRoute', hostnames: ['tls-backend'] }),
    stream('TCP', 'of-ends', [{ kind: 'ListenerSet', name: 'ends' }], [says(V2)]),
  ], async () => {
    await until(pathOfSet('late', WEB), ({ status }) => condition(status?.listeners?.[0], 'Conflicted')?.reason === 'ProtocolConflict' && condition(status, 'Accepted')?.status === 'False');
    const address = await addressOf('sets-of-all');
    await expect(address, { host: 'web.example.com', sni: 'web.example.com' }, { backend: V1 });
    await expect(address, { host: 'tls-backend', sni: 'tls-backend' }, { backend: 'tls-backend' });
    await eventually(async () => (await listenTo(secureConnect({ host: address, port: 443, servername: 'ended.example.com', ca: AUTHORITY_PEM }), 'hello').catch(() => '')) === `${INFRA}/${V2} hello`, { what: 'what was said under TLS' });
  });
}
