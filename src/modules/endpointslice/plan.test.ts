import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoints, Pod, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { isMirrored, planMirror } from './mirror.ts';
import { planSlices } from './plan.ts';
import { subsetsOf } from './subsets.ts';

const SERVICE: Service = { metadata: { name: 'web', namespace: 'shop', uid: 's1', labels: { team: 'a' } }, spec: { selector: { app: 'web' }, clusterIP: '10.2.0.9', ipFamilies: ['IPv4'], ports: [{ port: 80, targetPort: 'http', protocol: 'TCP' }] } };

function pod(number: number, options: { ready?: boolean; port?: number; terminating?: boolean; phase?: 'Running' | 'Succeeded' | 'Failed' | 'Pending' | 'Unknown'; hostname?: string } = {}): Pod {
  const { ready = true, port = 8080, terminating = false, phase = 'Running', hostname } = options;
  return {
    metadata: { name: `web-${number}`, namespace: 'shop', uid: `p${number}`, ...(terminating ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
    spec: { nodeName: 'n1', containers: [{ name: 'c', ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }] }], ...(hostname === undefined ? {} : { hostname, subdomain: 'web' }) },
    status: { phase, podIP: `10.1.${number >> 8}.${number & 255}`, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

/** What would exist after the plan was carried out. */
const NOTHING = { create: [], update: [], delete: [], shared: new Map() };

function after(existing: readonly EndpointSlice[], plan: ReturnType<typeof planSlices>): EndpointSlice[] {
  let next = plan.create.length;
  return [
    ...existing.filter((each) => !plan.delete.includes(each)).map((each) => plan.update.find((update) => update.metadata.name === each.metadata.name) ?? each),
    ...plan.create.map((each) => ({ ...each, metadata: { ...each.metadata, name: `web-${existing.length}-${next--}` } })),
  ];
}

const addresses = (slices: readonly EndpointSlice[]): string[] => slices.flatMap((each) => each.endpoints ?? []).flatMap((each) => each.addresses).sort();

test('a service without pods has one empty slice', () => {
  const plan = planSlices(SERVICE, [], []);
  assert.equal(plan.create.length, 1);
  assert.deepEqual(plan.create[0]?.metadata.labels, { team: 'a', 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' });
  assert.deepEqual(planSlices(SERVICE, [], after([], plan)), NOTHING);
});

test('250 pods fill three slices, and a change touches one', () => {
  const pods = Array.from({ length: 250 }, (_, index) => pod(index + 2));
  const slices = after([], planSlices(SERVICE, pods, []));
  assert.deepEqual(slices.map((each) => each.endpoints?.length), [100, 100, 50]);
  assert.deepEqual(planSlices(SERVICE, pods, slices), NOTHING);
  const plan = planSlices(SERVICE, [...pods.slice(0, 3), ...pods.slice(4), pod(900)], slices);
  assert.deepEqual([plan.create.length, plan.update.length, plan.delete.length], [0, 1, 0]);
  assert.equal(addresses(after(slices, plan)).length, 250);
  const fewer = planSlices(SERVICE, pods.slice(0, 10), slices);
  assert.deepEqual([fewer.create.length, fewer.update.length, fewer.delete.length], [0, 1, 2]);
});

test('conditions say ready, serving and terminating; the ended are left out', () => {
  const pods = [pod(2), pod(3, { ready: false }), pod(4, { terminating: true }), pod(5, { phase: 'Succeeded' })];
  const [slice] = planSlices(SERVICE, pods, []).create;
  assert.deepEqual(slice?.endpoints?.map((each) => each.conditions), [
    { ready: true, serving: true, terminating: false }, { ready: false, serving: false, terminating: false }, { ready: false, serving: true, terminating: true },
  ]);
  const published = planSlices({ ...SERVICE, spec: { ...SERVICE.spec, publishNotReadyAddresses: true } }, pods, []).create[0];
  assert.deepEqual(published?.endpoints?.map((each) => each.conditions?.ready), [true, true, true]);
});

test('pods that name the port differently lie in slices of their own', () => {
  const plan = planSlices(SERVICE, [pod(2), pod(3, { port: 9090 })], []);
  assert.deepEqual(plan.create.map((each) => each.ports), [[{ name: '', protocol: 'TCP', port: 8080 }], [{ name: '', protocol: 'TCP', port: 9090 }]]);
});

test('a hostname is given where the subdomain is the service', () => {
  const headless: Service = { ...SERVICE, spec: { ...SERVICE.spec, clusterIP: 'None' } };
  const [slice] = planSlices(headless, [pod(2, { hostname: 'db-0' })], []).create;
  assert.equal(slice?.endpoints?.[0]?.hostname, 'db-0');
  assert.equal(slice?.metadata.labels?.['service.kubernetes.io/headless'], '');
});

test('Endpoints part the ready from the others', () => {
  assert.deepEqual(subsetsOf(SERVICE, [pod(3, { ready: false }), pod(2), pod(4, { terminating: true })]).subsets.map((each) => ({ ready: each.addresses?.map(({ ip }) => ip), not: each.notReadyAddresses?.map(({ ip }) => ip), ports: each.ports })), [
    { ready: ['10.1.0.2'], not: ['10.1.0.3'], ports: [{ port: 8080, protocol: 'TCP' }] },
  ]);
  assert.deepEqual(subsetsOf(SERVICE, []), { subsets: [], isTruncated: false });
});

test('Endpoints kept by hand are mirrored, and a change updates the same slice', () => {
  const endpoints = (ips: string[]): Endpoints => ({ metadata: { name: 'db', namespace: 'shop', uid: 'e1', labels: { team: 'a' } }, subsets: [{ addresses: ips.map((ip) => ({ ip })), notReadyAddresses: [{ ip: '192.0.2.9' }], ports: [{ port: 5432 }] }] });
  const [slice] = planMirror(endpoints(['192.0.2.1']), []).create;
  assert.deepEqual(slice?.metadata.labels, { team: 'a', 'kubernetes.io/service-name': 'db', 'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io' });
  assert.deepEqual(slice?.endpoints?.map((each) => [each.addresses[0], each.conditions?.ready]), [['192.0.2.1', true], ['192.0.2.9', false]]);
  const existing = [{ ...slice, metadata: { ...slice?.metadata, name: 'db-x' } } as EndpointSlice];
  assert.deepEqual(planMirror(endpoints(['192.0.2.1']), existing), { create: [], update: [], delete: [], skipped: 0 });
  const plan = planMirror(endpoints(['192.0.2.1', '192.0.2.2']), existing);
  assert.deepEqual([plan.create.length, plan.update.length, plan.delete.length], [0, 1, 0]);
  assert.equal(planMirror({ ...endpoints([]), subsets: [] }, existing).delete.length, 1);
  assert.equal(isMirrored({ metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } }), false);
});

test('mirrors bear the annotations of what they mirror, one slice a family and ports, a thousand addresses at most', () => {
  const annotated = (annotations: Record<string, string>): Endpoints => ({ metadata: { name: 'db', namespace: 'shop', uid: 'e1', annotations }, subsets: [{ addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }], ports: [{ port: 5432 }] }, { addresses: [{ ip: '192.0.2.2' }], notReadyAddresses: [{ ip: '192.0.2.1' }], ports: [{ port: 5432 }] }] });
  const plan = planMirror(annotated({ team: 'a', 'kubectl.kubernetes.io/last-applied-configuration': '{}', 'endpoints.kubernetes.io/last-change-trigger-time': 'x' }), []);
  assert.deepEqual(plan.create.map(({ addressType, endpoints, metadata }) => [addressType, endpoints?.map(({ addresses, conditions }) => [addresses[0], conditions?.ready]), metadata.annotations]), [
    ['IPv4', [['192.0.2.2', true], ['192.0.2.1', false]], { team: 'a' }], ['IPv6', [['2001:db8::1', true]], { team: 'a' }],
  ]);
  const existing = plan.create.map((each, index) => ({ ...each, metadata: { ...each.metadata, name: `db-${index}` } }));
  assert.deepEqual(planMirror(annotated({ team: 'b' }), existing).update.map(({ metadata }) => [metadata.name, metadata.annotations]), [['db-0', { team: 'b' }], ['db-1', { team: 'b' }]]);
  assert.deepEqual(planMirror(annotated({ team: 'a' }), existing).update, []);
  assert.deepEqual(planMirror(annotated({}), existing).update.map(({ metadata }) => metadata.annotations), [{}, {}]);
  const many = (count: number, from: number): { ip: string }[] => Array.from({ length: count }, (_, index) => ({ ip: `192.0.${2 + ((from + index) >> 8)}.${(from + index) & 255}` }));
  const full = planMirror({ metadata: { name: 'db', namespace: 'shop', uid: 'e1' }, subsets: [{ addresses: many(700, 0), notReadyAddresses: many(400, 700), ports: [{ port: 5432 }] }] }, []);
  assert.deepEqual([full.skipped, full.create.map(({ endpoints }) => endpoints?.length), full.create[0]?.endpoints?.filter(({ conditions }) => conditions?.ready).length], [100, [1_000], 700]);
});

test('trafficDistribution becomes hints, of ready endpoints alone', () => {
  const hints = (trafficDistribution: string | undefined, zone?: string): unknown[] =>
    planSlices({ ...SERVICE, spec: { ...SERVICE.spec, ...(trafficDistribution === undefined ? {} : { trafficDistribution }) } }, [pod(2), pod(3, { ready: false })], [], { zoneOf: () => zone }).create[0]?.endpoints?.map((each) => each.hints) ?? [];
  assert.deepEqual(hints(undefined, 'z1'), [undefined, undefined]);
  assert.deepEqual(hints('PreferClose', 'z1'), [{ forZones: [{ name: 'z1' }] }, undefined]);
  assert.deepEqual(hints('PreferSameZone'), [undefined, undefined]);
  assert.deepEqual(hints('PreferSameNode', 'z1'), [{ forNodes: [{ name: 'n1' }], forZones: [{ name: 'z1' }] }, undefined]);
  assert.equal(planSlices(SERVICE, [pod(2)], [], { zoneOf: () => 'z1' }).create[0]?.endpoints?.[0]?.zone, 'z1');
  const auto = { ...SERVICE, metadata: { ...SERVICE.metadata, annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } }, spec: { ...SERVICE.spec, trafficDistribution: 'PreferClose' } };
  assert.equal(planSlices(auto, [pod(2)], [], { zoneOf: () => 'z1' }).create[0]?.endpoints?.[0]?.hints, undefined, 'shares by zone count more, and begin with a second one');
  assert.equal(planSlices({ ...SERVICE, spec: { ...SERVICE.spec, trafficDistribution: 'PreferClose' } }, [pod(2)], [], { zoneOf: () => 'z1' }).shared.size, 0);
});

test('shares by zone: each has endpoints by its CPUs, lent where it lacks them, and the same ones again', () => {
  const auto = { ...SERVICE, metadata: { ...SERVICE.metadata, annotations: { 'service.kubernetes.io/topology-mode': 'Auto' } } };
  const pods = Array.from({ length: 6 }, (_, index) => ({ ...pod(index + 2), spec: { ...pod(index + 2).spec, nodeName: index < 5 ? 'a' : 'b' } }) as Pod);
  const facts = { zoneOf: (node: string) => node, shares: new Map([['a', 0.5], ['b', 0.5]]) };
  const plan = planSlices(auto, pods, [], facts);
  const meantFor = (slices: readonly EndpointSlice[]): (string | undefined)[] => slices.flatMap(({ endpoints }) => (endpoints ?? []).map(({ hints }) => hints?.forZones?.map(({ name }) => name).join()));
  assert.deepEqual([meantFor(plan.create).toSorted(), [...plan.shared]], [['a', 'a', 'a', 'b', 'b', 'b'], [['IPv4', {}]]]);
  const slices = after([], plan);
  assert.deepEqual(planSlices(auto, pods, slices, facts), { ...NOTHING, shared: new Map([['IPv4', {}]]) });
  const alone = planSlices(auto, pods.slice(0, 1), slices, facts);
  assert.deepEqual([meantFor(alone.update), alone.shared.get('IPv4')?.why], [[undefined], 'Insufficient number of endpoints (1 endpoints, 2 zones)']);
  const unready = [...pods.slice(0, 4), { ...pod(7, { ready: false }), spec: { ...pod(7).spec, nodeName: 'b' } } as Pod];
  assert.deepEqual(meantFor(planSlices(auto, unready, [], facts).create).filter((each) => each === undefined).length, 1, 'none of what is not ready');
});

test('Endpoints name a thousand, those first that are ready, of each group its share', () => {
  const pods = (count: number, from: number, more: Parameters<typeof pod>[1] = {}): Pod[] => Array.from({ length: count }, (_, index) => pod(from + index, more));
  const sizes = (all: readonly Pod[]): unknown => {
    const { subsets, isTruncated } = subsetsOf(SERVICE, all);
    return [isTruncated, subsets.map((each) => [each.addresses?.length ?? 0, each.notReadyAddresses?.length ?? 0])];
  };
  assert.deepEqual(sizes(pods(1_000, 2)), [false, [[1_000, 0]]]);
  assert.deepEqual(sizes([...pods(700, 2, { ready: false }), ...pods(600, 1_000)]), [true, [[600, 400]]]);
  assert.deepEqual(sizes([...pods(900, 2), ...pods(300, 2_000, { port: 9_090 }), ...pods(10, 3_000, { ready: false })]), [true, [[750, 0], [250, 0]]]);
});

test('slices of a Service of before go, though they bear the same name; the garbage collector is about to take them (upstream: ownedBy)', () => {
  const slices = after([], planSlices(SERVICE, [pod(2)], []));
  const again = { ...SERVICE, metadata: { ...SERVICE.metadata, uid: 's2' } };
  const plan = planSlices(again, [pod(2)], slices);
  assert.deepEqual([plan.create.map((each) => [each.metadata.ownerReferences?.[0]?.uid, addresses([each])]), plan.update, plan.delete], [[['s2', ['10.1.0.2']]], [], slices]);
  assert.deepEqual(planSlices(SERVICE, [pod(2)], slices), NOTHING);
});

test('another port, or another service that the pods are of, changes the slice that is there (upstream: TestReconcileEndpointSlicesRecycling)', () => {
  const slices = after([], planSlices(SERVICE, [pod(2)], []));
  const plan = planSlices(SERVICE, [pod(2, { port: 9_090 })], slices);
  assert.deepEqual([plan.create, plan.delete, plan.update.map(({ metadata, ports, endpoints }) => [metadata.name, ports, endpoints?.length])], [[], [], [[slices[0]?.metadata.name, [{ name: '', protocol: 'TCP', port: 9_090 }], 1]]]);
  const dual = { ...SERVICE, spec: { ...SERVICE.spec, ipFamilies: ['IPv6'] } } as unknown as Service;
  const other = planSlices(dual, [pod(2)], slices);
  assert.deepEqual([other.create.map(({ addressType }) => addressType), other.update, other.delete], [['IPv6'], [], slices], 'an address type never changes');
});

test('Endpoints lack pods that have none of the ports; a headless Service may ask for none', () => {
  const other = { ...pod(3), spec: { nodeName: 'n1', containers: [{ name: 'c' }] } } as Pod;
  assert.deepEqual(subsetsOf(SERVICE, [pod(2), other]).subsets.map(({ addresses: some, ports }) => [some?.map(({ ip }) => ip), ports]), [[['10.1.0.2'], [{ port: 8080, protocol: 'TCP' }]]]);
  assert.deepEqual(subsetsOf(SERVICE, [other]).subsets, []);
  const { ports: _ports, ...portless } = SERVICE.spec!;
  assert.deepEqual(subsetsOf({ ...SERVICE, spec: { ...portless, clusterIP: 'None' } }, [other]).subsets.map(({ addresses: some, ports }) => [some?.map(({ ip }) => ip), ports]), [[['10.1.0.3'], undefined]]);
  const two: Service = { ...SERVICE, spec: { ...SERVICE.spec, ports: [{ name: 'a', port: 80, targetPort: 'http' as never, protocol: 'TCP' }, { name: 'b', port: 81, targetPort: 81 as never, protocol: 'TCP' }] } };
  assert.deepEqual(subsetsOf(two, [pod(2), other]).subsets.map(({ addresses: some, ports }) => [some?.map(({ ip }) => ip), ports?.map(({ name }) => name)]), [[['10.1.0.2'], ['a']], [['10.1.0.2', '10.1.0.3'], ['b']]]);
});

test('an address that is written in another way is mirrored as it is written everywhere, and two spellings are one (upstream: addressToEndpoint)', () => {
  const endpoints = { metadata: { name: 'db', namespace: 'a', uid: 'u' }, subsets: [{ addresses: ['FD00:0:0::5', 'fd00::5', '10.0.0.5'].map((ip) => ({ ip })), ports: [{ port: 80 }] }] };
  assert.deepEqual(planMirror(endpoints, []).create.map(({ addressType, endpoints: own = [] }) => [addressType, own.map(({ addresses }) => addresses)]), [['IPv4', [['10.0.0.5']]], ['IPv6', [['fd00::5']]]]);
});

test('one address with two ports of two subsets is one mirrored endpoint (upstream: TestEndpointSliceMirroring)', () => {
  const subset = (name: string, port: number): object => ({ ports: [{ name, port }], addresses: [{ ip: '192.0.2.1' }] });
  const plan = planMirror({ metadata: { name: 'db', namespace: 'shop', uid: 'e1' }, subsets: [subset('a', 80), subset('b', 90)] } as Endpoints, []);
  assert.deepEqual(plan.create.map(({ ports, endpoints }) => [ports?.map(({ port }) => port), endpoints?.length]), [[[80, 90], 1]]);
});

test('as few slices are written as may be: what is added fills those that change anyway, then the one that it fits in best, or a new one (upstream: TestReconcileEndpointSlicesSomePreexisting and those after it)', () => {
  const of = (from: number, count: number, options: Parameters<typeof pod>[1] = {}): Pod[] => Array.from({ length: count }, (_, index) => pod(from + index, options));
  const packed = (...sizes: number[]): EndpointSlice[] => sizes.map((count, index) => ({ ...planSlices(SERVICE, of(index * 100, count), []).create[0]!, metadata: { ...planSlices(SERVICE, [], []).create[0]!.metadata, name: `web-${index}` } }));
  const now = (existing: readonly EndpointSlice[], pods: readonly Pod[]): [number[], string] => {
    const plan = planSlices(SERVICE, pods, existing);
    assert.equal(new Set(addresses(after(existing, plan))).size, pods.length);
    return [after(existing, plan).map(({ endpoints = [] }) => endpoints.length), `${plan.create.length} ${plan.update.length} ${plan.delete.length}`];
  };
  const [more, both] = [(count: number): Pod[] => of(1_000, count), (a: number, b: number): Pod[] => [...of(0, a), ...of(100, b)]];
  assert.deepEqual(now(packed(61, 62), [...both(61, 62), ...more(127)]), [[61, 89, 100], '1 1 0']);
  assert.deepEqual(now(packed(74, 74), [...both(74, 74), ...more(152)]), [[74, 74, 100, 52], '2 0 0']);
  assert.deepEqual(now(packed(20, 80), [...of(0, 19), pod(19, { ready: false }), pod(100, { ready: false }), ...of(101, 79), ...more(15)]), [[20, 95], '0 2 0']);
  assert.deepEqual(now(packed(20, 80), [...both(20, 80), ...more(20)]), [[20, 100], '0 1 0']);
  const thirties = packed(...Array.from({ length: 10 }, () => 30));
  const pods = (port?: number): Pod[] => thirties.flatMap((_, index) => of(index * 100, 30, port === undefined ? {} : { port }));
  assert.deepEqual(now(thirties, pods())[1], '0 0 0');
  assert.deepEqual(now(thirties, pods(9_090)), [[100, 100, 100], '0 3 7']);
  assert.deepEqual(now(packed(100), of(500, 150)), [[100, 50], '1 1 0'], 'none of before is left');
});

test('slices bear the labels of their Service, but for those that are the controller’s (upstream: TestReconcile1Pod)', () => {
  const labelled = (clusterIP: string): Record<string, string> => planSlices({ metadata: { ...SERVICE.metadata, labels: { 'kubernetes.io/service-name': 'bad', 'endpointslice.kubernetes.io/managed-by': 'actor', 'service.kubernetes.io/headless': 'invalid', a: 'b' } }, spec: { ...SERVICE.spec, clusterIP } }, [], []).create[0]?.metadata.labels ?? {};
  const own = { 'kubernetes.io/service-name': 'web', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io', a: 'b' };
  assert.deepEqual([labelled('10.2.0.9'), labelled('None')], [own, { ...own, 'service.kubernetes.io/headless': '' }]);
});
