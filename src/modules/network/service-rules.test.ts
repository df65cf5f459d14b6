import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Service, ServiceSpec } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { createBlocks } from './blocks.ts';
import { createRuleset } from './ruleset.ts';
import { nearOf } from '../../api/discovery/near.ts';
import { othersOf } from './rule-facts.ts';
import { fragmentFor } from './service-rules.ts';
import { byWeight } from './weights.ts';

const FACTS = { nodeName: 'n1', podCidr: '10.1.0.0/16', gatewayIp: '10.1.0.1' };
const TABLE = { table: 't', bridge: 'b', podCidr: '10.1.0.0/16', serviceCidr: '10.2.0.0/16', loadBalancerCidr: '10.3.0.0/24', seesBridged: true };

function service(spec: ServiceSpec, ingress?: string): Service {
  const status = ingress === undefined ? undefined : { loadBalancer: { ingress: [{ ip: ingress }] } };
  return { metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIP: '10.2.0.9', clusterIPs: ['10.2.0.9'], ports: [{ port: 80, protocol: 'TCP' }], ...spec }, status };
}

function slice(addresses: readonly (string | Endpoint)[], port = 8080, name = ''): EndpointSlice {
  const endpoints = addresses.map((each) => (typeof each === 'string' ? { addresses: [each], conditions: { ready: true }, nodeName: 'n1' } : each));
  return { metadata: { name: 'web-1', namespace: 'shop' }, addressType: 'IPv4' as EndpointSlice['addressType'], endpoints, ports: [{ name, port, protocol: 'TCP' }] };
}

function plain(fragment: ReturnType<typeof fragmentFor>): { chains: object; elements: object } {
  return { chains: Object.fromEntries(fragment.chains), elements: Object.fromEntries([...fragment.elements].map(([name, map]) => [name, Object.fromEntries(map)])) };
}

const ROUND = 'meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 10.1.0.2 . 8080, 1 : 10.1.0.3 . 8080 }';
const HAIRPIN = { '10.1.0.2 . 10.1.0.2': '', '10.1.0.3 . 10.1.0.3': '' };

const CASES: { name: string; service: Service; slices: EndpointSlice[]; chains: object; elements: object }[] = [
  {
    name: 'a cluster IP counts through its endpoints, in an order of its own',
    service: service({}), slices: [slice(['10.1.0.3', '10.1.0.2'])],
    chains: { 'svc/shop/web/tcp/80': [ROUND] },
    elements: { services: { '10.2.0.9 . tcp . 80': 'goto svc/shop/web/tcp/80' }, hairpin: HAIRPIN },
  },
  { name: 'without endpoints it rejects', service: service({}), slices: [], chains: {}, elements: { refused: { '10.2.0.9 . tcp . 80': '' } } },
  {
    name: 'SCTP, as the others but on 127.0.0.1',
    service: service({ type: 'LoadBalancer', ports: [{ port: 80, protocol: 'SCTP', nodePort: 30080 }] }, '10.3.0.1'), slices: [{ ...slice(['10.1.0.3', '10.1.0.2']), ports: [{ name: '', port: 8080, protocol: 'SCTP' }] }],
    chains: { 'svc/shop/web/sctp/80': [ROUND.replace('tcp', 'sctp')] },
    elements: { services: { '10.2.0.9 . sctp . 80': 'goto svc/shop/web/sctp/80', '10.3.0.1 . sctp . 80': 'goto svc/shop/web/sctp/80' }, nodeports: { 'sctp . 30080': 'goto svc/shop/web/sctp/80' }, hairpin: HAIRPIN },
  },
  { name: 'headless has no rules', service: service({ clusterIP: 'None' }), slices: [slice(['10.1.0.2'])], chains: {}, elements: {} },
  {
    name: 'not ready is left out',
    service: service({}), slices: [slice([{ addresses: ['10.1.0.4'], conditions: { ready: false } }, '10.1.0.2'])],
    chains: { 'svc/shop/web/tcp/80': ['meta l4proto tcp dnat ip to 10.1.0.2:8080'] },
    elements: { services: { '10.2.0.9 . tcp . 80': 'goto svc/shop/web/tcp/80' }, hairpin: { '10.1.0.2 . 10.1.0.2': '' } },
  },
  {
    name: 'one that terminates serves while no other is ready',
    service: service({}), slices: [slice([{ addresses: ['10.1.0.4'], conditions: { ready: false, serving: true, terminating: true } }])],
    chains: { 'svc/shop/web/tcp/80': ['meta l4proto tcp dnat ip to 10.1.0.4:8080'] },
    elements: { services: { '10.2.0.9 . tcp . 80': 'goto svc/shop/web/tcp/80' }, hairpin: { '10.1.0.4 . 10.1.0.4': '' } },
  },
  {
    name: 'a load balancer has node port and address',
    service: service({ type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }], loadBalancerSourceRanges: ['192.0.2.0/24'] }, '10.3.0.1'), slices: [slice(['10.1.0.2', '10.1.0.3'])],
    chains: { 'svc/shop/web/tcp/80': [ROUND], 'lb/shop/web/tcp/80': [...['192.0.2.0/24', '127.0.0.0/8', '10.1.0.1/32'].map((range) => `ip saddr ${range} goto svc/shop/web/tcp/80`), 'drop'] },
    elements: {
      hairpin: HAIRPIN, services: { '10.2.0.9 . tcp . 80': 'goto svc/shop/web/tcp/80', '10.3.0.1 . tcp . 80': 'goto lb/shop/web/tcp/80' },
      nodeports: { 'tcp . 30080': 'goto svc/shop/web/tcp/80' },
    },
  },
  {
    name: 'a Local policy drops where no endpoint is local',
    service: service({ internalTrafficPolicy: 'Local' }), slices: [slice([{ addresses: ['198.51.100.7'] }])],
    chains: { 'svc/shop/web/tcp/80': ['drop'] },
    elements: { services: { '10.2.0.9 . tcp . 80': 'goto svc/shop/web/tcp/80' }, hairpin: { '198.51.100.7 . 198.51.100.7': '' }, elsewhere: { '198.51.100.7': '' } },
  },
];

for (const each of CASES) {
  test(`rules: ${each.name}`, () => {
    assert.deepEqual(plain(fragmentFor(each.service, each.slices, FACTS)), { chains: each.chains, elements: each.elements });
  });
}

test('rules: a client that is new is shared by weight or by chance with session affinity, too', () => {
  const rule = (algorithm: string): string | undefined => {
    const sticky = service({ sessionAffinity: 'ClientIP' });
    return fragmentFor({ ...sticky, metadata: { ...sticky.metadata, annotations: { 'llmos.dev/load-balancing': algorithm } } }, [slice(['10.1.0.2', '10.1.0.3'])], { ...FACTS, weights: new Map([['10.1.0.2', 2]]) }).chains.get('svc/shop/web/tcp/80')?.at(-1);
  };
  const [two, three] = ['goto svc/shop/web/tcp/80/10.1.0.2/8080', 'goto svc/shop/web/tcp/80/10.1.0.3/8080'];
  assert.equal(rule('weighted'), `numgen inc mod 3 vmap { 0 : ${two}, 1 : ${three}, 2 : ${two} }`);
  assert.match(rule('random') ?? '', /^numgen random mod 3 /);
});

test('rules: ports are found by name', () => {
  const named = service({ ports: [{ name: 'web', port: 80, targetPort: 'http', protocol: 'TCP' }, { name: 'admin', port: 81, protocol: 'TCP' }] });
  const fragment = fragmentFor(named, [slice(['10.1.0.2'], 8080, 'web'), slice(['10.1.0.2'], 9090, 'admin')], FACTS);
  assert.deepEqual([...fragment.chains.values()].flat(), ['meta l4proto tcp dnat ip to 10.1.0.2:8080', 'meta l4proto tcp dnat ip to 10.1.0.2:9090']);
});

test('rules: one number by TCP, UDP and SCTP is three ports (upstream: nftables TestClusterIPGeneral)', () => {
  const protocols = ['TCP', 'UDP', 'SCTP'] as const;
  const dns = service({ ports: protocols.map((protocol) => ({ name: `dns-${protocol.toLowerCase()}`, port: 53, protocol })) });
  const endpoints = { ...slice(['10.1.0.2']), ports: protocols.map((protocol, index) => ({ name: `dns-${protocol.toLowerCase()}`, port: 5_353 + index, protocol })) };
  const { chains, elements } = fragmentFor(dns, [endpoints], FACTS);
  assert.deepEqual(Object.fromEntries(chains), Object.fromEntries(['tcp', 'udp', 'sctp'].map((protocol, index) => [`svc/shop/web/${protocol}/53`, [`meta l4proto ${protocol} dnat ip to 10.1.0.2:${5_353 + index}`]])));
  assert.deepEqual(Object.fromEntries(elements.get('services') ?? []), Object.fromEntries(['tcp', 'udp', 'sctp'].map((protocol) => [`10.2.0.9 . ${protocol} . 53`, `goto svc/shop/web/${protocol}/53`])));
});

test('a change of endpoints rewrites one chain', () => {
  const ruleset = createRuleset(TABLE);
  ruleset.change(new Map([['shop/web', fragmentFor(service({}), [slice(['10.1.0.2'])], FACTS)]]));
  const script = ruleset.change(new Map([['shop/web', fragmentFor(service({}), [slice(['10.1.0.2', '10.1.0.3'])], FACTS)]]));
  assert.equal(script, `flush chain ip t svc/shop/web/tcp/80\nadd rule ip t svc/shop/web/tcp/80 ${ROUND}\nadd element ip t hairpin { 10.1.0.3 . 10.1.0.3 }\n`);
  assert.equal(ruleset.change(new Map([['shop/web', fragmentFor(service({}), [slice(['10.1.0.2', '10.1.0.3'])], FACTS)]])), '');
});

test('the last owner of an element takes it away', () => {
  const ruleset = createRuleset(TABLE);
  const fragment = fragmentFor(service({}), [slice(['10.1.0.2'])], FACTS);
  const other = fragmentFor({ ...service({ clusterIP: '10.2.0.8', clusterIPs: ['10.2.0.8'] }), metadata: { name: 'api', namespace: 'shop' } }, [slice(['10.1.0.2'])], FACTS);
  ruleset.change(new Map([['a', fragment], ['b', other]]));
  assert.doesNotMatch(ruleset.change(new Map([['a', undefined]])), /hairpin/);
  const last = ruleset.change(new Map([['b', undefined]]));
  assert.match(last, /delete element ip t hairpin \{ 10\.1\.0\.2 \. 10\.1\.0\.2 \}/);
  assert.match(last, /delete chain ip t svc\/shop\/api\/tcp\/80/);
  assert.deepEqual(ruleset.size(), { chains: 0, elements: 0 });
});

test('a Service that somebody else serves, or nobody is to, is left alone', () => {
  for (const label of ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless']) {
    const other = service({ type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', nodePort: 30_080 }] });
    const { chains, elements } = fragmentFor({ ...other, metadata: { ...other.metadata, labels: { [label]: 'x' } } }, [slice(['10.1.0.2'])], FACTS);
    assert.deepEqual([chains.size, elements.size], [0, 0], label);
  }
});

test('weights are turns, spread over the round', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((address) => ({ address, port: 1, nodeName: 'n1' })) as [never, never, never];
  const turns = (weights: Record<string, number>): string => byWeight([a, b, c], new Map(Object.entries(weights))).map(({ address }) => address).join('');
  assert.equal(turns({}), 'abc');
  assert.equal(turns({ a: 5, c: 1 }), 'aabacaa');
  assert.equal(turns({ a: 100, b: 200, c: 100 }), turns({ a: 1, b: 2, c: 1 }));
  assert.equal(turns({ a: 2, b: 2, c: 2 }), 'abc');
  const weighs = (name: string, address: string, weight: string): object => ({ ...slice([address]), metadata: { name, namespace: 'shop', annotations: { 'llmos.dev/weight': weight } } });
  const said = plain(fragmentFor(service({}), [weighs('one', '10.1.0.2', '2'), weighs('other', '10.1.0.3', '0'), slice(['10.1.0.4'])] as never, FACTS)) as { chains: Record<string, string[]> };
  assert.match(said.chains['svc/shop/web/tcp/80']![0]!, /mod 3 map \{ 0 : 10\.1\.0\.2 \. 8080, 1 : 10\.1\.0\.4 \. 8080, 2 : 10\.1\.0\.2 \. 8080 \}/, 'shares that slices say');
  const service200 = { ...service({}), metadata: { name: 'web', namespace: 'shop', annotations: { 'llmos.dev/load-balancing': 'weighted' } } };
  const { chains, elements } = plain(fragmentFor(service200, [slice(['10.1.0.2', '10.1.0.3'])], { ...FACTS, weights: new Map([['10.1.0.2', 2]]) })) as { chains: Record<string, string[]>; elements: object };
  assert.match(chains['svc/shop/web/tcp/80']![0]!, /mod 3 map \{ 0 : 10\.1\.0\.2 \. 8080, 1 : 10\.1\.0\.3 \. 8080, 2 : 10\.1\.0\.2 \. 8080 \}/);
  assert.deepEqual(Object.keys(elements).includes('refused'), false);
  const none = fragmentFor(service200, [slice(['10.1.0.2'])], { ...FACTS, weights: new Map([['10.1.0.2', 0]]) });
  assert.equal(none.elements.get('refused')?.size, 1);
});

test('a change of one Service touches its own elements alone, whatever the others are', () => {
  const blocks = createBlocks();
  const facts = { ...FACTS, place: blocks.place };
  const named = (index: number): Service => ({ ...service({ clusterIP: `10.2.${index >> 8}.${index & 255}` }), metadata: { name: `web-${index}`, namespace: 'shop' } });
  const ruleset = createRuleset(TABLE);
  ruleset.change(new Map(Array.from({ length: 2_000 }, (_, index) => [`shop/web-${index}`, fragmentFor(named(index), [slice([`10.1.${index >> 8}.${index & 255}`, '10.1.250.1'])], facts)])));
  const script = ruleset.change(new Map([['shop/web-7', fragmentFor(named(7), [slice(['10.1.99.9', '10.1.250.1'])], facts)]]));
  const statements = script.trim().split('\n');
  assert.equal(statements.length, 4, script);
  assert.match(script, /delete element ip t endpoints\/(\d+) \{ (\d+), (\d+) \}\nadd element ip t endpoints\/\1 \{ /);
  assert.deepEqual(statements.filter((line) => line.includes('hairpin')), ['delete element ip t hairpin { 10.1.0.7 . 10.1.0.7 }', 'add element ip t hairpin { 10.1.99.9 . 10.1.99.9 }']);
  const rewritten = new Set([...ruleset.whole().matchAll(/offset (\d+) map @(endpoints\/\d+)/g)].map(([, base, map]) => `${map} ${base}`));
  assert.equal(rewritten.size, 2_000, 'no two chains share numbers');
  assert.equal(ruleset.change(new Map([['shop/web-7', fragmentFor(named(7), [slice(['10.1.99.9', '10.1.250.1'])], facts)]])), '');
});

test('a number leaves a shared map with the rule that gave it', () => {
  const ruleset = createRuleset(TABLE);
  const facts = { ...FACTS, place: createBlocks().place };
  const change = (...addresses: string[]): string => ruleset.change(new Map([['shop/web', addresses.length === 0 ? undefined : fragmentFor(service({}), [slice(addresses)], facts)]]));
  const [, map = ''] = /add map ip t (endpoints\/\d+)/.exec(change('10.1.0.2', '10.1.0.3', '10.1.0.4')) ?? [];
  assert.match(map, /^endpoints\/\d+$/);
  const inMap = (script: string): string[] => script.split('\n').filter((line) => line.includes(` element ip t ${map} `));
  assert.deepEqual(inMap(change('10.1.0.2', '10.1.0.3')), [`delete element ip t ${map} { 2 }`]);
  assert.deepEqual(inMap(change('10.1.0.2')), [`delete element ip t ${map} { 0, 1 }`]);
  assert.deepEqual(inMap(change('10.1.0.2', '10.1.0.5')), [`add element ip t ${map} { 0 : 10.1.0.2 . 8080, 1 : 10.1.0.5 . 8080 }`], 'wanted again');
  assert.deepEqual(inMap(change()), [`delete element ip t ${map} { 0, 1 }`]);
  assert.equal(ruleset.change(new Map()), '');
  assert.deepEqual(inMap(ruleset.whole()), []);
});

test('numbers are given again when they are free, and kept while they fit', () => {
  const blocks = createBlocks();
  const first = blocks.place('a', 3);
  assert.deepEqual(blocks.place('a', 4), first);
  assert.deepEqual(blocks.place('a', 1), first);
  const larger = blocks.place('a', 5);
  assert.equal(larger.map, first.map);
  assert.equal(larger.base, 4);
  blocks.release(['a']);
  const besides = Array.from({ length: 1_000 }, (_, index) => `b${index}`).find((name) => blocks.place(name, 1).map === larger.map)!;
  assert.notEqual(blocks.place(besides, 8).base, 4, 'rules may still lead there');
  blocks.settle();
  assert.equal(blocks.place('a', 8).base, 4);
});

test('endpoints meant for the node come first, then those for its zone, else all', () => {
  const at = (address: string, hints?: { node?: string; zone?: string }) => ({
    address, port: 80, ...(hints === undefined ? {} : { hints: { ...(hints.node === undefined ? {} : { forNodes: [{ name: hints.node }] }), ...(hints.zone === undefined ? {} : { forZones: [{ name: hints.zone }] }) } }),
  });
  const near = (...all: ReturnType<typeof at>[]): string => nearOf(all, { nodeName: 'n1', zone: 'z1' }).map(({ address }) => address).join('');
  assert.equal(near(at('a'), at('b')), 'ab');
  assert.equal(near(at('a', { node: 'n1', zone: 'z1' }), at('b', { node: 'n2', zone: 'z1' })), 'a');
  assert.equal(near(at('a', { node: 'n3', zone: 'z2' }), at('b', { node: 'n2', zone: 'z1' })), 'b');
  assert.equal(near(at('a', { zone: 'z1' }), at('b', { zone: 'z2' })), 'a');
  assert.equal(near(at('a', { zone: 'z1' }), at('b')), 'ab', 'one without a hint: none counts');
  assert.equal(near(at('a', { zone: 'z2' }), at('b', { zone: 'z3' })), 'ab', 'none for us: all');
});

test('hints lead connections, from inside and outside', () => {
  const hinted = (address: string, zone: string): Endpoint => ({ addresses: [address], conditions: { ready: true }, nodeName: 'n1', hints: { forZones: [{ name: zone }] } });
  const { chains } = plain(fragmentFor(service({ type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', nodePort: 30_080 }] }), [slice([hinted('10.1.0.2', 'z1'), hinted('10.1.0.3', 'z2')])], { ...FACTS, zone: 'z1' })) as { chains: Record<string, string[]> };
  assert.deepEqual(Object.values(chains), [['meta l4proto tcp dnat ip to 10.1.0.2:8080']]);
});

test('pods of further nodes are led to what is meant for them', () => {
  const others = [{ nodeName: 'n1-2', zone: 'z2', podCidr: '10.1.254.0/24' }, { nodeName: 'n1-3', podCidr: '10.1.253.0/24' }];
  const on = (address: string, nodeName: string, zone?: string): Endpoint => ({ addresses: [address], conditions: { ready: true }, nodeName, ...(zone === undefined ? {} : { hints: { forZones: [{ name: zone }] } }) });
  const chainsOf = (spec: object, endpoints: Endpoint[]): Record<string, string[]> => (plain(fragmentFor(service({ ...spec, ports: [{ port: 80, protocol: 'TCP' }] }), [slice(endpoints)], { ...FACTS, zone: 'z1', others })) as { chains: Record<string, string[]> }).chains;
  const to = (address: string): string[] => [`meta l4proto tcp dnat ip to ${address}:8080`];
  const local = chainsOf({ internalTrafficPolicy: 'Local' }, [on('10.1.0.2', FACTS.nodeName), on('10.1.254.2', 'n1-2')]);
  const [from = ''] = Object.keys(local).filter((name) => name.startsWith('from/'));
  const suffix = from.slice('from/'.length);
  assert.deepEqual(local, { [`svc/${suffix}`]: to('10.1.0.2'), [`svc2/${suffix}`]: to('10.1.254.2'), [`svc3/${suffix}`]: ['drop'], [from]: [`ip saddr 10.1.254.0/24 goto svc2/${suffix}`, `ip saddr 10.1.253.0/24 goto svc3/${suffix}`, `goto svc/${suffix}`] });
  const near = chainsOf({}, [on('10.1.0.2', FACTS.nodeName, 'z1'), on('10.1.254.2', 'n1-2', 'z2')]);
  assert.deepEqual([near[`svc/${suffix}`], near[`svc2/${suffix}`], near[`svc3/${suffix}`]], [to('10.1.0.2'), to('10.1.254.2'), ['meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 10.1.0.2 . 8080, 1 : 10.1.254.2 . 8080 }']]);
  assert.deepEqual(Object.keys(chainsOf({}, [on('10.1.0.2', FACTS.nodeName), on('10.1.254.2', 'n1-2')])), [`svc/${suffix}`], 'without a wish there is one chain');
  const node = (name: string, ...podCIDRs: string[]): Node => ({ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: { podCIDRs } }) as Node;
  assert.deepEqual(othersOf([node(FACTS.nodeName, FACTS.podCidr), node('far', '192.168.0.0/24'), node('n1-2', FACTS.podCidr.replace(/\.\d+\/\d+$/, '.128/25'))], FACTS).map(({ nodeName }) => nodeName), ['n1-2']);
});

test('a Local policy falls back to what ends on its node, whatever is ready elsewhere', () => {
  const others = [{ nodeName: 'n2', podCidr: '10.1.16.0/20' }];
  const on = (address: string, nodeName: string, conditions: Endpoint['conditions'] = { ready: true }): Endpoint => ({ addresses: [address], conditions, nodeName });
  const ending = { ready: false, serving: true, terminating: true };
  const rules = (spec: ServiceSpec, ...endpoints: Endpoint[]): Record<string, readonly string[]> => Object.fromEntries(fragmentFor(service(spec), [slice(endpoints)], { ...FACTS, others }).chains);
  const to = (address: string): readonly string[] => [`meta l4proto tcp dnat ip to ${address}:8080`];
  const [mine, theirs] = [on('10.1.0.2', 'n1', ending), on('10.1.16.2', 'n2')];
  const inner = rules({ internalTrafficPolicy: 'Local' }, mine, theirs);
  assert.deepEqual([inner['svc/shop/web/tcp/80'], inner['svc2/shop/web/tcp/80']], [to('10.1.0.2'), to('10.1.16.2')]);
  const outer = rules({ type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ port: 80, protocol: 'TCP', nodePort: 30_080 }] }, mine, theirs);
  assert.deepEqual([outer['svc/shop/web/tcp/80'], outer['local/shop/web/tcp/80'], outer['all/shop/web/tcp/80']], [to('10.1.16.2'), to('10.1.0.2'), to('10.1.16.2')]);
  assert.deepEqual(rules({}, mine, theirs), { 'svc/shop/web/tcp/80': to('10.1.16.2') }, 'others are led to what is ready');
  assert.deepEqual(rules({ internalTrafficPolicy: 'Local' }, mine, on('10.1.0.3', 'n1'))['svc/shop/web/tcp/80'], to('10.1.0.3'), 'a ready one of the node comes first');
  const silent = rules({ internalTrafficPolicy: 'Local' }, on('10.1.0.2', 'n1', { ready: false, serving: false, terminating: true }), theirs);
  assert.deepEqual(silent['svc/shop/web/tcp/80'], ['drop'], 'what serves no more is none');
});

test('hints count for whom a Local policy does not bind, by outer addresses too', () => {
  const hinted = (address: string, nodeName: string, zone: string): Endpoint => ({ addresses: [address], conditions: { ready: true }, nodeName, hints: { forZones: [{ name: zone }] } });
  const { chains } = fragmentFor(service({ type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ port: 80, protocol: 'TCP', nodePort: 30_080 }] }), [slice([hinted('10.1.0.2', 'n1', 'z2'), hinted('10.1.0.3', 'n9', 'z1')])], { ...FACTS, zone: 'z1' });
  assert.deepEqual([chains.get('all/shop/web/tcp/80'), chains.get('local/shop/web/tcp/80')], [['meta l4proto tcp dnat ip to 10.1.0.3:8080'], ['meta l4proto tcp dnat ip to 10.1.0.2:8080']]);
});

test('confined clients go past a proxy, by every way in', () => {
  const proxied = new Map([[80, { all: 26_000, inside: 26_000, outside: 26_000, others: new Map<string, number>() }]]);
  const { chains, elements } = fragmentFor(service({ type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] }), [slice(['10.1.0.2', '10.1.0.3'])], { ...FACTS, proxied, confined: true, weights: new Map([['10.1.0.3', 0]]) });
  assert.deepEqual(Object.fromEntries(chains), {
    'svc/shop/web/tcp/80': ['meta l4proto tcp dnat ip to 10.1.0.1:26000'], 'svc/shop/web/tcp/80/past': ['meta l4proto tcp dnat ip to 10.1.0.2:8080'],
    'cluster/shop/web/tcp/80': ['ip saddr @confined goto svc/shop/web/tcp/80/past', 'goto svc/shop/web/tcp/80'],
    'external/shop/web/tcp/80': ['ip saddr @confined goto svc/shop/web/tcp/80/past', 'goto svc/shop/web/tcp/80'],
  });
  assert.deepEqual([[...elements.get('services')!.values()], [...elements.get('nodeports')!.values()], [...elements.get('hairpin')!.keys()]], [['goto cluster/shop/web/tcp/80'], ['goto external/shop/web/tcp/80'], ['10.1.0.1 . 10.1.0.1', '10.1.0.2 . 10.1.0.2']]);
  const other = fragmentFor(service({}), [], { ...FACTS, proxied, confined: true });
  assert.deepEqual(other.chains.get('cluster/shop/web/tcp/80'), ['ip saddr @confined drop', 'goto svc/shop/web/tcp/80'], 'no endpoint of its own that they could go to');
});

test('of a proxy, each node has the port that is for it', () => {
  const others = [{ nodeName: 'n2', podCidr: '10.1.16.0/20' }, { nodeName: 'n3', podCidr: '10.1.32.0/20' }, { nodeName: 'n4', podCidr: '10.1.48.0/20' }];
  const proxied = new Map([[80, { all: 26_000, inside: 26_001, outside: 26_002, others: new Map([['n2', 26_001], ['n3', 26_000], ['n4', undefined]]) }]]);
  const { chains, elements } = fragmentFor(service({ type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] }), [slice(['10.1.0.2'])], { ...FACTS, others, proxied });
  const to = (port: number): readonly string[] => [`meta l4proto tcp dnat ip to 10.1.0.1:${port}`];
  assert.deepEqual(Object.fromEntries(chains), {
    'svc/shop/web/tcp/80': to(26_001), 'svc3/shop/web/tcp/80': to(26_000), 'svc4/shop/web/tcp/80': ['drop'],
    'from/shop/web/tcp/80': ['ip saddr 10.1.32.0/20 goto svc3/shop/web/tcp/80', 'ip saddr 10.1.48.0/20 goto svc4/shop/web/tcp/80', 'goto svc/shop/web/tcp/80'],
    'all/shop/web/tcp/80': to(26_000), 'local/shop/web/tcp/80': to(26_002), 'ext/shop/web/tcp/80': ['ip saddr 10.1.0.0/16 goto all/shop/web/tcp/80', 'fib saddr type local goto all/shop/web/tcp/80', 'goto local/shop/web/tcp/80'],
  });
  assert.deepEqual([...elements.get('nodeports') ?? []], [['tcp . 30080', 'goto ext/shop/web/tcp/80']]);
});

test('who serves UDP keeps its clients, chosen or not (upstream: conntrack/cleanup_test.go)', () => {
  const conditions = (ready: boolean, serving?: boolean, terminating?: boolean): Endpoint['conditions'] => ({ ready, ...(serving === undefined ? {} : { serving }), ...(terminating === undefined ? {} : { terminating }) });
  const endpoints: Endpoint[] = [
    { addresses: ['10.1.0.2'], conditions: conditions(true), nodeName: 'n1' }, { addresses: ['10.1.0.3'], conditions: conditions(true), nodeName: 'n2' },
    { addresses: ['10.1.0.4'], conditions: conditions(false, true, true), nodeName: 'n1' }, { addresses: ['10.1.0.5'], conditions: conditions(false, false, true), nodeName: 'n1' },
    { addresses: ['10.1.0.6'], conditions: conditions(false, undefined, true), nodeName: 'n1' }, { addresses: ['10.1.0.7'], conditions: conditions(false), nodeName: 'n1' },
  ];
  const servingOf = (protocol: string, spec: ServiceSpec = {}): string[] => {
    const port = { port: 53, protocol: protocol as 'UDP' };
    return [...fragmentFor(service({ ports: [port], ...spec }), [{ ...slice(endpoints), ports: [{ name: '', port: 5353, protocol: port.protocol }] }], FACTS).udpServing];
  };
  const all = ['10.1.0.2:5353', '10.1.0.3:5353', '10.1.0.4:5353', '10.1.0.6:5353'];
  assert.deepEqual(servingOf('UDP'), all, 'one that does not say whether it serves, does');
  assert.deepEqual(servingOf('UDP', { internalTrafficPolicy: 'Local' }), all, 'policies, hints and what terminates say who comes to it anew');
  assert.deepEqual(servingOf('TCP'), []);
  assert.deepEqual(servingOf('UDP', { clusterIP: 'None' }), []);
});

test('a cluster IP of a further range is named, so that its other ports are refused (upstream: nftables proxier, cluster-ips)', () => {
  const named = (spec: ServiceSpec): string[] => [...(fragmentFor(service(spec), [slice(['10.1.0.2'])], { ...FACTS, serviceCidr: '10.2.0.0/16' }).elements.get('clusterips')?.keys() ?? [])];
  assert.deepEqual(named({}), []);
  assert.deepEqual(named({ clusterIP: '10.9.0.9', clusterIPs: ['10.9.0.9', 'fd00:9::9'] }), ['10.9.0.9']);
  assert.deepEqual(named({ clusterIP: 'None', clusterIPs: ['None'] }), []);
});
