import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackendTLSPolicy, GRPCRoute, Gateway, HTTPRoute } from '../../api/gateway/kinds.ts';
import type { HttpRule, Listener } from '../../api/gateway/types.ts';
import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { datagramSlices } from './datagrams.ts';
import { endpointsFrom } from './endpoints.ts';
import { configurationOf } from './haproxy/configuration.ts';
import { doorName } from './haproxy/page.ts';
import { faultsOf } from './haproxy/proxy.ts';
import { commandsFor, hasRoom, slotsFor } from './haproxy/slots.ts';
import { Unsayable, quoted } from './haproxy/words.ts';
import { compareHostnames, hostnamesOn, intersection } from './hostnames.ts';
import { isLocalName } from './local-certificates.ts';
import { CONTROLLER, type Observed } from './observed.ts';
import { planOf, type Door } from './plan.ts';

test('what hostnames have in common', () => {
  const table: [string | undefined, string, string | undefined][] = [
    [undefined, 'a.com', 'a.com'], ['a.com', '', 'a.com'], ['a.com', 'a.com', 'a.com'], ['a.com', 'b.com', undefined], ['*.a.com', 'x.y.a.com', 'x.y.a.com'], ['*.a.com', 'a.com', undefined],
    ['x.a.com', '*.a.com', 'x.a.com'], ['*.a.com', '*.b.a.com', '*.b.a.com'], ['*.b.a.com', '*.a.com', '*.b.a.com'], ['*.a.com', '*.b.com', undefined], ['*.a.com', '*.xa.com', undefined],
  ];
  for (const [listener, route, expected] of table) assert.equal(intersection(listener, route), expected, `${listener} ${route}`);
  assert.deepEqual([...hostnamesOn('*.a.com', ['*.com', 'x.a.com', 'b.com', '*.a.com'])], [['x.a.com', 'x.a.com'], ['*.a.com', '*.a.com']]);
  assert.deepEqual([...hostnamesOn('*.a.com', ['*.com']), ...hostnamesOn('a.com', undefined)], [['*.a.com', '*.com'], ['a.com', '']]);
  assert.deepEqual(['', '*.com', '*.a.com', 'a.com', 'b.a.com'].sort(compareHostnames), ['b.a.com', 'a.com', '*.a.com', '*.com', '']);
});

test('local names', () => {
  for (const name of ['localhost', 'a.localhost', '*.b.local', 'x.internal', 'y.test']) assert.ok(isLocalName(name), name);
  for (const name of ['example.com', 'notlocal', 'local.com', 'xlocalhost']) assert.ok(!isLocalName(name), name);
});

test('endpoints are slots', () => {
  const [a, b, c] = [1, 2, 3].map((n) => ({ address: `10.0.0.${n}`, port: 80 }));
  const slots = slotsFor(new Map([['web', [a!, b!]]]), new Map());
  assert.equal(slots.get('web')!.length, 6);
  assert.deepEqual(commandsFor(new Map([['web', [b!, c!]]]), slots), ['set server web/s2 addr 10.0.0.3 port 80', 'set server web/s2 state ready', 'set server web/s0 state maint'], 'somebody is there at every moment');
  const full = new Map([['web', [a!]]]);
  assert.deepEqual(commandsFor(new Map([['web', [b!]]]), full), ['set server web/s0 state maint', 'set server web/s0 addr 10.0.0.2 port 80', 'set server web/s0 state ready'], 'without a free slot');
  assert.deepEqual(commandsFor(new Map([['web', [b!, c!]]]), slots), []);
  assert.ok(!hasRoom(new Map([['web', Array(7).fill(a)]]), slots));
  assert.equal(slotsFor(new Map([['web', [a!]]]), slots).get('web')!.length, 6);
});

test('a port for datagrams: endpoints of its backends with their shares, and a refusal for those that are not there', () => {
  const endpoints: Record<string, readonly string[]> = { a: ['10.0.0.1', '10.0.0.2'], b: ['10.0.0.3'], c: ['10.0.0.3', '10.0.0.4', '10.0.0.5'], none: [] };
  const table: [Record<string, number>, Record<string, number>][] = [
    [{ a: 1 }, { '10.0.0.1:53': 1, '10.0.0.2:53': 1 }], [{ a: 1, b: 1 }, { '10.0.0.1:53': 1, '10.0.0.2:53': 1, '10.0.0.3:53': 2 }], [{ a: 9, none: 1 }, { '10.0.0.1:53': 9, '10.0.0.2:53': 9, '10.1.1.1:1': 2 }], [{ none: 1, nowhere: 3 }, {}],
    [{ b: 1, c: 3 }, { '10.0.0.3:53': 2, '10.0.0.4:53': 1, '10.0.0.5:53': 1 }], [{ a: 2_000_000, b: 1 }, { '10.0.0.1:53': 256, '10.0.0.2:53': 256, '10.0.0.3:53': 1 }],
  ];
  for (const [weights, expected] of table) {
    const targets = Object.entries(weights).map(([name, weight]) => (name === 'nowhere' ? { weight } : { weight, backend: { serviceKey: name, portName: 'dns' } }));
    const slices = datagramSlices({ owner: 'x/edge', port: 53, targets }, '10.1.1.1', ({ serviceKey }) => endpoints[serviceKey]!.map((address) => ({ address, port: 53 })));
    assert.deepEqual(Object.fromEntries(slices.flatMap(({ addresses, port, weight }) => addresses.map((each) => [`${each}:${port}`, weight])).sort()), expected, JSON.stringify(weights));
    assert.equal(new Set(slices.map(({ suffix }) => suffix)).size, slices.length);
  }
});

test('endpoints weigh what they are said to; who had a slot keeps it over a reload', () => {
  const [a, b, c] = [1, 2, 3].map((n) => ({ address: `10.0.0.${n}`, port: 80 }));
  const slots = slotsFor(new Map([['web', [a!, b!]]]), new Map());
  assert.deepEqual(commandsFor(new Map([['web', [{ ...a!, weight: 3 }, b!]]]), slots), ['set server web/s0 weight 3']);
  assert.deepEqual(commandsFor(new Map([['web', [b!]]]), slots), ['set server web/s0 state maint', 'set server web/s0 weight 1']);
  assert.deepEqual(commandsFor(new Map([['web', [b!, { ...c!, weight: 0 }]]]), slots), ['set server web/s0 addr 10.0.0.3 port 80', 'set server web/s0 weight 0', 'set server web/s0 state ready']);
  assert.deepEqual(slotsFor(new Map([['web', [a!, b!, c!]]]), slots).get('web')!.slice(0, 3), [c, b, a]);
});

test('backends are shared, checked and spared as their Service asks for', () => {
  const asking = (annotations: Record<string, string>): string => {
    const annotated = { ...service, metadata: { ...service.metadata, annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`llmos.dev/${key}`, value])) } };
    return textOf(planOf(observedOf([{}], [[{ backendRefs: to }]], { service: (key) => (key === 'shop/web' ? annotated : undefined) })).doors);
  };
  const plain = asking({});
  assert.equal(asking({ 'load-balancing': 'weighted', drain: '5s' }), plain, 'what it does in any case, and what needs no reload');
  assert.match(asking({ 'load-balancing': 'consistent-hash', 'hash-on': 'header:x-user' }), /\n {2}balance hdr\(x-user\)\n {2}hash-type consistent\n/);
  assert.match(asking({ 'load-balancing': 'consistent-hash' }), /\n {2}balance source\n/);
  assert.match(asking({ 'load-balancing': 'least-connection', 'health-check': '/healthz' }), /\n {2}balance leastconn\n {2}timeout check 2000ms\n {2}option httpchk\n {2}http-check send meth GET uri \/healthz ver HTTP\/1.1 hdr Host web\.shop hdr Connection close\n/);
  assert.match(asking({ 'response-timeout': '300ms' }), /timeout server 300ms\n.*retries 3\n.*retry-on conn-failure empty-response response-timeout\n/);
});

test('endpoints are the ready ones that are near; those of IPv6 where there are no others', () => {
  const slice = (addressType: string, ...endpoints: object[]): EndpointSlice => ({ metadata: { name: 's' }, addressType, endpoints, ports: [{ name: 'http', port: 80 }] }) as unknown as EndpointSlice;
  const at = (address: string, more: object = {}): object => ({ addresses: [address], ...more });
  const found = (...slices: EndpointSlice[]): string[] => endpointsFrom(slices, 'http', { nodeName: 'n1', zone: 'z1' }).map(({ address }) => address);
  const zone = (name: string): object => ({ hints: { forZones: [{ name }] } });
  assert.deepEqual(found(slice('IPv4', at('10.0.0.2'), at('10.0.0.3', { conditions: { ready: false } })), slice('IPv6', at('fd00::2'))), ['10.0.0.2']);
  assert.deepEqual(found(slice('IPv6', at('fd00::2'))), ['fd00::2']);
  assert.deepEqual(found(slice('IPv4', at('10.0.0.2', zone('z1')), at('10.0.0.3', zone('z2')))), ['10.0.0.2']);
  assert.deepEqual(found(slice('IPv4', at('10.0.0.2', zone('z2')), at('10.0.0.3', zone('z2')))), ['10.0.0.2', '10.0.0.3'], 'none is near');
  assert.deepEqual(found(slice('IPv4', at('10.0.0.2', { hints: { forNodes: [{ name: 'n1' }] } }), at('10.0.0.3', { hints: { forNodes: [{ name: 'n2' }] } }))), ['10.0.0.2']);
});

test('no value can end the word that it stands in', () => {
  assert.equal(quoted("a 'b' \"c\" # $X"), `'a '"'"'b'"'"' "c" # $X'`);
  for (const value of ['a\nb', 'a\rb', '\0']) assert.throws(() => quoted(value), Unsayable);
});

const service = { metadata: { namespace: 'shop', name: 'web' }, spec: { clusterIP: '10.96.0.9', ports: [{ name: 'http', port: 80 }] } } as Service;

function observedOf(listeners: Partial<Listener>[], rules: HttpRule[][], more: Partial<Observed> = {}): Observed {
  const gateway = { metadata: { namespace: 'shop', name: 'edge' }, spec: { gatewayClassName: 'llmos', listeners: listeners.map((each, index) => ({ name: `l${index}`, port: 80, protocol: 'HTTP', ...each })) } } as Gateway;
  const routes = rules.map((each, index): HTTPRoute => ({ metadata: { namespace: 'shop', name: `r${index}`, creationTimestamp: `2026-01-0${9 - index}T00:00:00Z` }, spec: { parentRefs: [{ name: 'edge' }], rules: each } }));
  return {
    classes: [{ metadata: { name: 'llmos' }, spec: { controllerName: CONTROLLER } }], gateways: [gateway], listenerSets: [], httpRoutes: routes, grpcRoutes: [], tlsRoutes: [], tcpRoutes: [], udpRoutes: [], grants: [], policies: [], ingresses: [], ingressClasses: [],
    service: (key) => (key === 'shop/web' ? service : undefined), secret: () => undefined, configMap: () => undefined, trustBundle: () => undefined, namespace: () => undefined, ...more,
  };
}

const textOf = (doors: readonly Door[]): string => configurationOf(doors, { gatewayIp: '10.244.0.1', folder: '/run/x', linesPort: 1_023, ports: new Map(doors.map((door, index) => [doorName(door), 23_000 + index])) }).text(new Map());
const to = [{ name: 'web', port: 80 }];

test('entries are tried by precision, then by age', () => {
  const match = (type: string, value: string, more: object = {}): object => ({ path: { type, value }, ...more });
  const { doors } = planOf(observedOf([{}], [
    [{ matches: [match('PathPrefix', '/a'), match('Exact', '/a'), match('PathPrefix', '/aa'), match('PathPrefix', '/a', { headers: [{ name: 'x', value: '1' }] }), match('PathPrefix', '/a', { method: 'GET' })], backendRefs: to }],
    [{ matches: [match('PathPrefix', '/a')], backendRefs: to }],
  ]));
  assert.deepEqual(doors[0]!.entries.map(({ match: { path, method, headers }, key }) => `${path.type} ${path.value} ${method ?? ''} ${headers.length} ${key}`), [
    'Exact /a  0 shop/r0', 'PathPrefix /aa  0 shop/r0', 'PathPrefix /a GET 0 shop/r0', 'PathPrefix /a  1 shop/r0', 'PathPrefix /a  0 shop/r1', 'PathPrefix /a  0 shop/r0',
  ]);
});

test('calls of gRPC go to the rule that says more of the service, then of the method', () => {
  const says = (service?: string, method?: string, more: object = {}): object => ({ method: { ...(service === undefined ? {} : { service }), ...(method === undefined ? {} : { method }), ...more } });
  const matches = [says(undefined, 'Echo'), says('a.Service'), { ...says('a.Service'), headers: [{ name: 'x', value: '1' }] }, says('a.Service', 'Echo'), {}, says('.*Service', 'Ec.*', { type: 'RegularExpression' })];
  const route: GRPCRoute = { metadata: { namespace: 'shop', name: 'calls', creationTimestamp: '2026-01-01T00:00:00Z' }, spec: { parentRefs: [{ name: 'edge' }], rules: [{ matches, backendRefs: to }] } };
  const { doors } = planOf(observedOf([{}], [], { grpcRoutes: [route] }));
  assert.deepEqual(doors[0]!.entries.map(({ at }) => at[1]), [3, 5, 2, 1, 0, 4]);
});

test('a backend that does not speak what a route sends is told of', () => {
  const policies = [{ metadata: { namespace: 'shop', name: 'p' }, spec: { targetRefs: [{ group: '', kind: 'Service', name: 'web' }], validation: { hostname: 'web', wellKnownCACertificates: 'System' } } }] as BackendTLSPolicy[];
  const grpcRoutes: GRPCRoute[] = [{ metadata: { namespace: 'shop', name: 'calls' }, spec: { parentRefs: [{ name: 'edge' }], rules: [{ backendRefs: to }] } }];
  const said = (appProtocol: string, rules: HttpRule[][], more: Partial<Observed> = {}): string | undefined => {
    const of = { ...service, spec: { ...service.spec, ports: [{ port: 80, appProtocol }] } };
    return planOf(observedOf([{}], rules, { service: () => of, ...more })).routes[0]!.resolved.unresolved?.reason;
  };
  const http = [[{ backendRefs: to }]];
  assert.deepEqual(['kubernetes.io/ws', 'kubernetes.io/h2c', 'http', 'kubernetes.io/wss'].map((each) => said(each, http)), [undefined, undefined, undefined, 'UnsupportedProtocol']);
  assert.equal(said('kubernetes.io/wss', http, { policies }), undefined);
  assert.deepEqual(['kubernetes.io/h2c', 'kubernetes.io/ws', 'kubernetes.io/wss'].map((each) => said(each, [], { grpcRoutes, policies })), [undefined, 'UnsupportedProtocol', 'UnsupportedProtocol']);
});

test('a rule that nothing can say, or that HAProxy refuses, is left out by name', () => {
  const observed = observedOf([{}], [[{ filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x', value: 'a\nb' }] } }], backendRefs: to }], [{ backendRefs: to }]]);
  const { doors } = planOf(observed);
  const made = configurationOf(doors, { gatewayIp: '10.244.0.1', folder: '/run/x', linesPort: 1_023, ports: new Map() });
  assert.deepEqual([...made.unsayable.keys()], ['HTTPRoute:shop:r0:0']);
  const { doors: rest, routes } = planOf(observed, made.unsayable);
  assert.deepEqual([rest[0]!.entries.map(({ key }) => key), routes[0]!.resolved.unsupported?.reason], [['shop/r1'], 'UnsupportedValue']);
  assert.ok(textOf(rest).includes('use_backend HTTPRoute:shop:r1:0:0'));
  const half = planOf(observedOf([{}], [[{ backendRefs: to }, { backendRefs: to }]]), new Map([['HTTPRoute:shop:r0:1', 'no such thing']]));
  assert.deepEqual([half.doors[0]!.entries.map(({ action }) => action.id), half.routes[0]!.resolved.unsupported, half.routes[0]!.resolved.partial?.message], [['HTTPRoute:shop:r0:0'], undefined, 'Dropped Rule 1: no such thing']);
  assert.deepEqual([...faultsOf('[WARNING] (1) : config : parsing [/x:3] : harmless\n[ALERT]    (1) : config : parsing [/x:4] : no such thing\n[ALERT] (1) : config : Fatal errors found', '/x', (line) => `owner of ${line}`)], [['owner of 4', 'no such thing']]);
});

test('a protocol that nobody knows is refused, and stands in nobody\'s way, whatever its name', () => {
  for (const protocol of ['example.com/odd', 'constructor', 'toString']) {
    const plan = planOf(observedOf([{ protocol, port: 81 }, { protocol, port: 82 }, {}], [[{ backendRefs: to }]]));
    assert.deepEqual(plan.doors.map(({ port }) => port), [80], protocol);
    assert.deepEqual(plan.gateways[0]!.listeners.map(({ refused, works }) => [refused?.reason, works]), [['UnsupportedProtocol', false], ['UnsupportedProtocol', false], [undefined, true]]);
  }
});

test('listeners that are in each other\'s way are not used; weights share requests', () => {
  const conflicting = planOf(observedOf([{}, { protocol: 'TLS', tls: { mode: 'Passthrough' } }, { port: 81 }], [[{ backendRefs: to }]]));
  assert.deepEqual(conflicting.doors.map(({ port }) => port), [81]);
  const text = textOf(planOf(observedOf([{}], [[{ backendRefs: [{ ...to[0]!, weight: 1 }, { name: 'gone', port: 80, weight: 3 }] }]])).doors);
  assert.match(text, /use_backend HTTPRoute:shop:r0:0:0:to:shop:web if \{ var\(txn.rand\),mod\(4\) lt 1 \}\n {2}use_backend HTTPRoute:shop:r0:0:1\n/);
  assert.match(text, /backend HTTPRoute:shop:r0:0:1\n.*\n.*\n {2}http-request return status 500 /);
});
