/** Services through a real door: what they are given, which pods stand behind them, and what is taken back. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Endpoints, EndpointSlice, Pod, Service } from '../../src/api/kinds.ts';
import { IPAddress } from '../../src/api/networking/ip-address.ts';
import { ServiceCIDR } from '../../src/api/networking/service-cidr.ts';
import core from '../../src/modules/core/module.ts';
import endpointslice from '../../src/modules/endpointslice/module.ts';
import { followServices, serviceAllocator } from '../../src/modules/network/admission.ts';
import type { Book } from '../../src/modules/network/allocate.ts';
import { serviceAddressController } from '../../src/modules/network/service-addresses.ts';
import { loadBalancerController } from '../../src/modules/network/load-balancer.ts';
import { defineModule } from '../../src/sdk/index.ts';
import { eventually, startWorld, type World } from './world.ts';

const SERVICE_CIDR = '10.2.0.0/24';
let book: Book | undefined;
/** The parts of the network module that touch no kernel. */
const allocating = defineModule({
  name: 'allocating', description: '', kinds: [ServiceCIDR, IPAddress] as never, needs: [Service], reads: [Service, ServiceCIDR, IPAddress] as never, writes: [Service],
  admissions: [serviceAllocator(() => book)], controllers: [loadBalancerController(() => ['10.3.0.0/29']), serviceAddressController],
  async start(context) {
    book = followServices({ ...context, machine: { ...context.machine, network: { serviceCidr: SERVICE_CIDR } as never } });
  },
});
let world: World;

before(async () => void (world = await startWorld([core, endpointslice, allocating])));
after(async () => world.stop());

const namespace = 'default';
const service = (name: string, spec: Service['spec'] = {}): Service => ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { ports: [{ port: 80, targetPort: 'http' } as never], selector: { app: name }, ...spec } });
const create = (name: string, spec: Service['spec'] = {}): Promise<Service> => world.client.create(Service, service(name, spec));
const slicesOf = async (name: string): Promise<EndpointSlice[]> => (await world.client.list(EndpointSlice, { namespace, labelSelector: `kubernetes.io/service-name=${name}` })).items;

async function runningPod(name: string, app: string, ip: string): Promise<void> {
  const pod = await world.client.create(Pod, { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels: { app } }, spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'x', ports: [{ name: 'http', containerPort: 8080 }] }] } } as Pod);
  await setReady(pod, ip, true);
}

async function setReady(pod: Pod, ip: string, ready: boolean, lastTransitionTime?: string): Promise<void> {
  const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime }] } as Pod['status'];
  await world.client.update(Pod, { ...pod, status }, { subresource: 'status' });
}

test('every service gets an address of its own, also when many come at once', async () => {
  const made = await Promise.all(Array.from({ length: 40 }, (_, index) => create(`many-${index}`)));
  assert.equal(new Set(made.map((each) => each.spec?.clusterIP)).size, 40);
  assert.ok(made.every((each) => each.spec?.clusterIPs?.[0] === each.spec?.clusterIP && each.spec?.clusterIP?.startsWith('10.2.0.')));
});

test('Endpoints bear the labels of their Service, but say of themselves whether it is headless', async () => {
  const labels = { a: 'b', 'service.kubernetes.io/headless': 'invalid' };
  for (const [name, clusterIP] of [['with-address', undefined], ['headless', 'None']] as const) await world.client.create(Service, { ...service(name, { clusterIP }), metadata: { name, namespace, labels } });
  const own = { a: 'b', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' };
  for (const [name, expected] of [['with-address', own], ['headless', { ...own, 'service.kubernetes.io/headless': '' }]] as const) {
    let labels: object | undefined;
    await eventually(`there are Endpoints of ${name}`, async () => (labels = (await world.client.get(Endpoints, name, { namespace }).catch(() => undefined))?.metadata.labels) !== undefined);
    assert.deepEqual(labels, expected);
  }
});

test('an address is refused while it is taken, and free when its service is gone', async () => {
  await create('fixed', { clusterIP: '10.2.0.5' });
  await assert.rejects(create('second', { clusterIP: '10.2.0.5' }), /failed to allocate IP 10\.2\.0\.5: provided IP is already allocated/);
  await assert.rejects(create('second', { clusterIP: '192.0.2.1' }), /is not in the valid range\. The range of valid IPs is 10\.2\.0\.0\/24/);
  const other = await create('other-address');
  await assert.rejects(world.client.patch(Service, 'other-address', { type: 'merge', body: { spec: { clusterIP: '10.2.0.5' } } }, { namespace }), /spec\.clusterIPs\[0\]: Invalid value: \["10\.2\.0\.5"\]: may not change once set/);
  assert.notEqual(other.spec?.clusterIP, '10.2.0.5');
  await world.client.delete(Service, 'fixed', { namespace });
  assert.equal((await create('second', { clusterIP: '10.2.0.5' })).spec?.clusterIP, '10.2.0.5');
});

test('a replaced service keeps its address and node port, though the manifest names neither', async () => {
  const made = await create('replaced', { type: 'NodePort' });
  const again = await world.client.update(Service, { ...service('replaced', { type: 'NodePort' }), metadata: { name: 'replaced', namespace, labels: { new: 'yes' } } });
  assert.deepEqual([again.spec?.clusterIP, again.spec?.clusterIPs, again.spec?.ports?.[0]?.nodePort], [made.spec?.clusterIP, made.spec?.clusterIPs, made.spec?.ports?.[0]?.nodePort]);
});

test('node ports follow the names of ports that change their numbers, and no address is asked for of the wrong family', async () => {
  const ports = (a: number, b: number): object[] => [{ name: 'a', port: a }, { name: 'b', port: b }];
  const made = await create('renumbered', { type: 'NodePort', ports: ports(80, 81) as never });
  const again = await world.client.update(Service, service('renumbered', { type: 'NodePort', ports: ports(81, 80) as never }));
  assert.deepEqual(again.spec?.ports?.map(({ name, nodePort }) => [name, nodePort]), made.spec?.ports?.map(({ name, nodePort }) => [name, nodePort]));
  await assert.rejects(world.client.patch(Service, 'renumbered', { type: 'merge', body: { spec: { ipFamilies: ['IPv6'] } } }, { namespace }), /spec\.clusterIPs\[0\]: Invalid value: "10\.2\.0\.\d+": expected an IPv6 value as indicated by `ipFamilies\[0\]`/);
});

test('a dry run takes nothing', async () => {
  await world.client.create(Service, service('dry', { clusterIP: '10.2.0.6' }), { dryRun: true });
  assert.equal((await create('wet', { clusterIP: '10.2.0.6' })).spec?.clusterIP, '10.2.0.6');
});

test('a load balancer gets the lowest free address, keeps its node port over an update, and gives back both', async () => {
  const made = await create('lb', { type: 'LoadBalancer' });
  const nodePort = made.spec?.ports?.[0]?.nodePort ?? 0;
  assert.ok(nodePort >= 30_000 && nodePort <= 32_767);
  const address = async (name: string): Promise<string | undefined> => (await world.client.get(Service, name, { namespace })).status?.loadBalancer?.ingress?.[0]?.ip;
  await eventually('an address', async () => (await address('lb')) === '10.3.0.1');
  await create('lb2', { type: 'LoadBalancer' });
  await eventually('another address', async () => (await address('lb2')) === '10.3.0.2');
  const patched = await world.client.patch(Service, 'lb', { type: 'merge', body: { spec: { ports: [{ port: 81 }] } } }, { namespace });
  assert.equal(patched.spec?.clusterIP, made.spec?.clusterIP);
  const plain = await world.client.patch(Service, 'lb', { type: 'merge', body: { spec: { type: 'ClusterIP' } } }, { namespace });
  assert.equal(plain.spec?.ports?.[0]?.nodePort, undefined);
  await eventually('no address', async () => (await address('lb')) === undefined);
});

test('who waits for an address of the load balancers gets the first that becomes free', async () => {
  const names = Array.from({ length: 7 }, (_, index) => `pool-${index}`);
  for (const name of names) await create(name, { type: 'LoadBalancer' });
  const without = async (): Promise<string[]> => {
    const all = await Promise.all(names.map((name) => world.client.get(Service, name, { namespace }).catch(() => undefined)));
    return all.filter((each) => each !== undefined && each.status?.loadBalancer?.ingress === undefined).map((each) => each!.metadata.name!);
  };
  await world.client.delete(Service, 'lb2', { namespace });
  await eventually('six have addresses', async () => (await without()).length === 1);
  const [last = ''] = await without();
  await world.client.delete(Service, names.find((name) => name !== last)!, { namespace });
  await eventually('the last has one', async () => (await without()).length === 0);
  for (const name of names) await world.client.delete(Service, name, { namespace }).catch(() => undefined);
});

test('a load balancer has a finalizer as long as there is something to clear away (upstream: LoadBalancers should handle load balancer cleanup finalizer for service)', async () => {
  const now = (): Promise<Service | undefined> => world.client.get(Service, 'cleared', { namespace }).catch(() => undefined);
  const finalizers = async (): Promise<string> => ((await now())?.metadata.finalizers ?? []).join();
  const become = (type: string): Promise<Service> => world.client.patch(Service, 'cleared', { type: 'merge', body: { spec: { type } } }, { namespace });
  const ADDRESSED = 'service.kubernetes.io/load-balancer-cleanup';
  await create('cleared', { type: 'LoadBalancer' });
  await eventually('its address', async () => (await now())?.status?.loadBalancer?.ingress !== undefined);
  assert.equal(await finalizers(), ADDRESSED);
  await become('ClusterIP');
  await eventually('no finalizer', async () => (await finalizers()) === '');
  assert.equal((await now())?.status?.loadBalancer?.ingress, undefined);
  await become('LoadBalancer');
  await eventually('the finalizer again', async () => (await finalizers()) === ADDRESSED);
  await world.client.patch(Service, 'cleared', { type: 'merge', body: { metadata: { finalizers: ['example.com/mine', ADDRESSED] } } }, { namespace });
  await world.client.delete(Service, 'cleared', { namespace });
  await eventually('the other finalizer alone', async () => (await finalizers()) === 'example.com/mine');
  assert.equal((await now())?.status?.loadBalancer?.ingress, undefined);
  await world.client.patch(Service, 'cleared', { type: 'merge', body: { metadata: { finalizers: null } } }, { namespace });
  await eventually('it is gone', async () => (await now()) === undefined);
  await world.client.create(Service, { ...service('cleared', { type: 'LoadBalancer', loadBalancerClass: 'example.com/other' }), metadata: { name: 'cleared', namespace, finalizers: [ADDRESSED] } });
  await world.client.delete(Service, 'cleared', { namespace });
  await create('after', { type: 'LoadBalancer' });
  await eventually('the next one has its address', async () => (await world.client.get(Service, 'after', { namespace })).status?.loadBalancer?.ingress !== undefined);
  assert.equal(await finalizers(), ADDRESSED, 'what another class cleared away is for its own controller to say');
});

test('slices and Endpoints follow pods: ready, not ready, gone', async () => {
  await create('web');
  await eventually('an empty slice', async () => (await slicesOf('web')).length === 1);
  await runningPod('web-a', 'web', '10.1.0.2');
  await runningPod('web-b', 'web', '10.1.0.3');
  const ready = async (): Promise<string[]> => (await slicesOf('web')).flatMap((each) => each.endpoints ?? []).filter((each) => each.conditions?.ready).flatMap((each) => each.addresses).sort();
  await eventually('both pods', async () => (await ready()).join() === '10.1.0.2,10.1.0.3');
  assert.deepEqual((await slicesOf('web')).map((each) => each.ports), [[{ name: '', protocol: 'TCP', port: 8080 }]]);
  await eventually('Endpoints', async () => (await world.client.get(Endpoints, 'web', { namespace }).catch(() => undefined))?.subsets?.[0]?.addresses?.length === 2);
  await setReady(await world.client.get(Pod, 'web-a', { namespace }), '10.1.0.2', false);
  await eventually('one pod', async () => (await ready()).join() === '10.1.0.3');
  await world.client.delete(Pod, 'web-b', { namespace, gracePeriodSeconds: 0 });
  await eventually('none', async () => (await ready()).length === 0);
  assert.equal((await slicesOf('web')).length, 1);
  await world.client.delete(Service, 'web', { namespace });
  await eventually('all gone', async () => (await slicesOf('web')).length === 0 && (await world.client.get(Endpoints, 'web', { namespace }).catch(() => undefined)) === undefined);
});

test('slices and Endpoints say when what changed them did so', async () => {
  const TIME = 'endpoints.kubernetes.io/last-change-trigger-time';
  const made = await create('timed');
  const times = async (): Promise<(string | undefined)[]> => [...(await slicesOf('timed')), await world.client.get(Endpoints, 'timed', { namespace })].map((each) => each.metadata.annotations?.[TIME]);
  const both = (time: string | undefined) => async (): Promise<boolean> => (await times().catch(() => [])).join() === [time, time].join();
  await eventually('the time of the Service', both(made.metadata.creationTimestamp));
  await runningPod('timed-a', 'timed', '10.1.0.9');
  const later = '2099-01-01T00:00:00Z';
  await setReady(await world.client.get(Pod, 'timed-a', { namespace }), '10.1.0.9', false, later);
  await eventually('the time of the pod', both(later));
  await world.client.patch(Service, 'timed', { type: 'merge', body: { metadata: { labels: { a: 'b' } } } }, { namespace });
  await eventually('none: what changed says no time', both(undefined));
});

test('a slice is of another generation when its labels change, of the same one when its annotations do', async () => {
  await world.client.create(EndpointSlice, { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: 'own', namespace }, addressType: 'IPv4' as never, endpoints: [{ addresses: ['192.0.2.7'], deprecatedTopology: { a: 'b' } }], ports: [] });
  const patched = (body: object): Promise<EndpointSlice> => world.client.patch(EndpointSlice, 'own', { type: 'merge', body: body as never }, { namespace });
  assert.equal((await patched({ metadata: { annotations: { a: 'b' } } })).metadata.generation, 1);
  assert.equal((await patched({ metadata: { labels: { 'kubernetes.io/service-name': 'x' } } })).metadata.generation, 2);
  const changed = await patched({ metadata: { labels: { a: 'b' } }, endpoints: [{ addresses: ['192.0.2.8'] }] });
  assert.deepEqual([changed.metadata.generation, changed.endpoints], [3, [{ addresses: ['192.0.2.8'], conditions: {} }]]);
});

test('Endpoints kept by hand are mirrored for a service without a selector', async () => {
  await world.client.create(Service, { ...service('hand'), spec: { ports: [{ port: 80 }] } } as Service);
  await world.client.create(Endpoints, { apiVersion: 'v1', kind: 'Endpoints', metadata: { name: 'hand', namespace }, subsets: [{ addresses: [{ ip: '192.0.2.7' }], ports: [{ port: 8080 }] }] });
  await eventually('a mirror', async () => (await slicesOf('hand'))[0]?.endpoints?.[0]?.addresses[0] === '192.0.2.7');
  await world.client.patch(Endpoints, 'hand', { type: 'merge', body: { metadata: { annotations: { team: 'a' } } } }, { namespace });
  await eventually('its annotations', async () => (await slicesOf('hand'))[0]?.metadata.annotations?.team === 'a');
  await world.client.patch(Endpoints, 'hand', { type: 'merge', body: { metadata: { annotations: { team: null } } } }, { namespace });
  await eventually('none any more', async () => (await slicesOf('hand'))[0]?.metadata.annotations?.team === undefined);
  await world.client.delete(Endpoints, 'hand', { namespace });
  await eventually('no mirror', async () => (await slicesOf('hand')).length === 0);
});

test('Endpoints kept by hand go with their Service, others stay (upstream: registry/core/service/storage, afterDelete)', async () => {
  const endpoints = (name: string): Promise<Endpoints> => world.client.create(Endpoints, { apiVersion: 'v1', kind: 'Endpoints', metadata: { name, namespace }, subsets: [{ addresses: [{ ip: '192.0.2.7' }], ports: [{ port: 8080 }] }] });
  await world.client.create(Service, { ...service('kept-for'), spec: { ports: [{ port: 80 }] } } as Service);
  await Promise.all([endpoints('kept-for'), endpoints('of-no-service')]);
  await eventually('a mirror', async () => (await slicesOf('kept-for')).length === 1);
  await world.client.delete(Service, 'kept-for', { namespace });
  await eventually('neither', async () => (await slicesOf('kept-for')).length === 0 && (await world.client.list(Endpoints, { namespace })).items.every(({ metadata }) => metadata.name !== 'kept-for'));
  assert.equal((await world.client.get(Endpoints, 'of-no-service', { namespace })).metadata.name, 'of-no-service');
});

test('a Service that ends keeps its slices up to date as long as it is there, and gets no new ones (upstream: endpointslice, finalize)', async () => {
  const made = await world.client.create(Service, { ...service('ending'), metadata: { name: 'ending', namespace, finalizers: ['example.com/hold'] } });
  const served = async (): Promise<string> => (await slicesOf('ending')).flatMap(({ endpoints = [] }) => endpoints).flatMap(({ addresses }) => addresses).sort().join();
  await runningPod('ending-a', 'ending', '10.1.0.31');
  await eventually('the first pod', async () => (await served()) === '10.1.0.31');
  await world.client.delete(Service, 'ending', { namespace });
  await runningPod('ending-b', 'ending', '10.1.0.32');
  await eventually('both pods', async () => (await served()) === '10.1.0.31,10.1.0.32');
  await eventually('in Endpoints, too', async () => (await world.client.get(Endpoints, 'ending', { namespace })).subsets?.[0]?.addresses?.length === 2);
  for (const { metadata } of await slicesOf('ending')) await world.client.delete(EndpointSlice, metadata.name ?? '', { namespace });
  await runningPod('ending-c', 'ending', '10.1.0.33');
  await eventually('Endpoints know of the third', async () => (await world.client.get(Endpoints, 'ending', { namespace })).subsets?.[0]?.addresses?.length === 3);
  assert.equal(await served(), '', 'the garbage collector takes slices of what ends, and nobody makes them again');
  await world.client.patch(Service, 'ending', { type: 'merge', body: { metadata: { finalizers: [] } } }, { namespace });
  await eventually('gone', async () => (await world.client.list(Service, { namespace })).items.every(({ metadata }) => metadata.uid !== made.metadata.uid));
});

test('a slice that ends serves nobody: its endpoints are in another at once (upstream: TestSyncServiceEndpointSlicePendingDeletion)', async () => {
  await create('held');
  await runningPod('held-a', 'held', '10.1.0.41');
  await eventually('its pod', async () => (await slicesOf('held')).some(({ endpoints }) => endpoints?.length === 1));
  const [old] = await slicesOf('held');
  await world.client.patch(EndpointSlice, old?.metadata.name ?? '', { type: 'merge', body: { metadata: { finalizers: ['example.com/hold'] } } }, { namespace });
  await world.client.delete(EndpointSlice, old?.metadata.name ?? '', { namespace });
  await eventually('another', async () => (await slicesOf('held')).some(({ metadata, endpoints }) => metadata.deletionTimestamp === undefined && endpoints?.length === 1));
  await world.client.patch(EndpointSlice, old?.metadata.name ?? '', { type: 'merge', body: { metadata: { finalizers: [] } } }, { namespace });
  await eventually('that one alone', async () => (await slicesOf('held')).map(({ metadata }) => metadata.uid).every((uid) => uid !== old?.metadata.uid));
});

test('the IPAddress of a cluster IP is its Service’s, though it was deleted or says another (upstream: ipallocator/controller/repairip_test.go)', async () => {
  const made = await create('named-address', { clusterIP: '10.2.0.9' });
  const parent = async (): Promise<string> => (await world.client.get(IPAddress, '10.2.0.9').catch(() => undefined))?.spec?.parentRef?.name ?? '';
  await eventually('its address', async () => (await parent()) === 'named-address');
  await world.client.delete(IPAddress, '10.2.0.9');
  await eventually('it again', async () => (await parent()) === 'named-address');
  const other = { apiVersion: 'networking.k8s.io/v1', kind: 'IPAddress', metadata: { name: '10.2.0.9' }, spec: { parentRef: { group: 'example.com', resource: 'gateways', name: 'other', namespace } } };
  await world.client.delete(IPAddress, '10.2.0.9');
  await world.client.create(IPAddress, other as never).catch(() => undefined); // who comes first
  await eventually('the Service’s', async () => (await parent()) === 'named-address');
  await assert.rejects(create('second-address', { clusterIP: '10.2.0.9' }), /already allocated/);
  assert.equal(made.spec?.clusterIP, '10.2.0.9');
});
