import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service, ServiceSpec } from '../../api/generated/core-v1.ts';
import { createBook, nodePortRange } from './allocate.ts';

const CIDR = '10.2.0.0/24';
const options = (owner: string, dryRun = false, exists = true): Parameters<ReturnType<typeof createBook>['allocate']>[2] => ({ owner, dryRun, nowMs: 0, exists: async () => exists });

function service(name: string, spec: ServiceSpec = {}): Service {
  return { metadata: { name, namespace: 'shop' }, spec: { type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP' }], ...spec } };
}

test('a cluster IP is given, of the upper part first, and never twice', async () => {
  const book = createBook(CIDR);
  const seen = new Set<string>();
  for (let i = 0; i < 254; i++) {
    const each = service(`s${i}`);
    await book.allocate(each, undefined, options(`shop/s${i}`));
    assert.deepEqual([each.spec?.clusterIPs, each.spec?.ipFamilies, each.spec?.ipFamilyPolicy], [[each.spec?.clusterIP], ['IPv4'], 'SingleStack']);
    if (i < 230) assert.ok(Number(each.spec?.clusterIP?.split('.')[3]) >= 16);
    seen.add(each.spec?.clusterIP ?? '');
  }
  assert.equal(seen.size, 254);
  await assert.rejects(book.allocate(service('more'), undefined, options('shop/more')), /failed to allocate a serviceIP: range is full/);
});

test('further ranges are given from when the first is full, and for who asks, until they are narrowed again', async () => {
  const book = createBook('10.2.0.0/30');
  const given = async (name: string, spec: ServiceSpec = {}): Promise<string> => {
    const each = service(name, spec);
    await book.allocate(each, undefined, options(`shop/${name}`));
    return each.spec?.clusterIP ?? '';
  };
  await given('a');
  await given('b');
  await assert.rejects(given('c'), /range is full/);
  await assert.rejects(given('c', { clusterIP: '10.9.0.9' }), /The range of valid IPs is 10\.2\.0\.0\/30$/);
  book.widen(['10.9.0.0/24', 'fd00::/112']);
  assert.match(await given('c'), /^10\.9\.0\./);
  assert.equal(await given('d', { clusterIP: '10.9.0.9' }), '10.9.0.9');
  book.reserve('IPAddress 10.9.0.8', '10.9.0.8');
  await assert.rejects(given('e', { clusterIP: '10.9.0.8' }), /already allocated/);
  book.reserve('IPAddress 10.9.0.8', undefined);
  assert.equal(await given('e', { clusterIP: '10.9.0.8' }), '10.9.0.8');
  book.widen([]);
  await assert.rejects(given('f', { clusterIP: '10.9.0.10' }), /not in the valid range/);
});

test('a load balancer of local endpoints gets a port for its health check, and keeps it', async () => {
  const book = createBook(CIDR);
  const each = service('lb', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' });
  await book.allocate(each, undefined, options('shop/lb'));
  const port = each.spec?.healthCheckNodePort ?? 0;
  assert.ok(port >= 30_000 && port <= 32_767 && port !== each.spec?.ports?.[0]?.nodePort, String(port));
  await book.allocate(each, structuredClone(each), options('shop/lb'));
  assert.equal(each.spec?.healthCheckNodePort, port);
  await assert.rejects(book.allocate(service('far', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 100 }), undefined, options('shop/far')), /spec\.healthCheckNodePort: Invalid value: 100: provided port is not in the valid range\. /);
  await assert.rejects(book.allocate(service('other', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: port }), undefined, options('shop/other')), /spec\.healthCheckNodePort: Invalid value: \d+: provided port is already allocated$/);
  const cluster = service('all', { type: 'LoadBalancer', externalTrafficPolicy: 'Cluster' });
  await book.allocate(cluster, undefined, options('shop/all'));
  assert.equal(cluster.spec?.healthCheckNodePort, undefined);
});

test('a dry run keeps nothing', async () => {
  const book = createBook(CIDR);
  await book.allocate(service('a', { clusterIP: '10.2.0.7' }), undefined, options('shop/a', true));
  await book.allocate(service('b', { clusterIP: '10.2.0.7' }), undefined, options('shop/b'));
});

test('what is asked for is given or refused in upstream words', async () => {
  const book = createBook(CIDR);
  book.observe('shop/old', service('old', { clusterIP: '10.2.0.7', clusterIPs: ['10.2.0.7'], type: 'NodePort', ports: [{ port: 80, nodePort: 30_080, protocol: 'TCP' }] }));
  const cases: [ServiceSpec, RegExp][] = [
    [{ clusterIP: '10.2.0.7' }, /Service "new" is invalid: spec\.clusterIPs: Invalid value: \["10\.2\.0\.7"\]: failed to allocate IP 10\.2\.0\.7: provided IP is already allocated$/],
    [{ clusterIP: '192.0.2.1' }, /the provided IP \(192\.0\.2\.1\) is not in the valid range\. The range of valid IPs is 10\.2\.0\.0\/24$/],
    [{ type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }, /spec\.ports\[0\]\.nodePort: Invalid value: 30080: provided port is already allocated$/],
    [{ type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] }, /Invalid value: 80: provided port is not in the valid range\. The range of valid ports is 30000-32767$/],
    [{ ipFamilyPolicy: 'RequireDualStack' }, /spec\.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services$/],
    [{ ipFamilies: ['IPv6'] as ServiceSpec['ipFamilies'] }, /spec\.ipFamilies\[0\]: Invalid value: "IPv6": not configured on this cluster$/],
  ];
  for (const [spec, words] of cases) await assert.rejects(book.allocate(service('new', spec), undefined, options('shop/new')), words);
});

test('what a gone service had is free, even before the cache shows it', async () => {
  const book = createBook(CIDR);
  book.observe('shop/old', service('old', { clusterIP: '10.2.0.7' }));
  await book.allocate(service('new', { clusterIP: '10.2.0.7' }), undefined, options('shop/new', false, false));
  book.observe('shop/old', undefined);
  book.observe('shop/new', undefined);
  await book.allocate(service('third', { clusterIP: '10.2.0.7' }), undefined, options('shop/third'));
});

test('node ports: one for a port over both protocols, kept over updates, none without need', async () => {
  const book = createBook(CIDR, nodePortRange(30_000, 30_099));
  const both = service('dns', { type: 'NodePort', ports: [{ name: 'u', port: 53, protocol: 'UDP' }, { name: 't', port: 53, protocol: 'TCP' }] });
  await book.allocate(both, undefined, options('shop/dns'));
  const [udp, tcp] = both.spec?.ports ?? [];
  assert.ok(udp?.nodePort !== undefined && udp.nodePort >= 30_016 && udp.nodePort === tcp?.nodePort);
  const next = structuredClone(both);
  next.spec?.ports?.push({ name: 'w', port: 80, protocol: 'TCP' });
  await book.allocate(next, both, options('shop/dns'));
  assert.equal(next.spec?.clusterIP, both.spec?.clusterIP);
  assert.equal(next.spec?.ports?.[0]?.nodePort, udp.nodePort);
  assert.ok(next.spec?.ports?.[2]?.nodePort !== udp.nodePort);
  const balancer = service('lb', { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false });
  await book.allocate(balancer, undefined, options('shop/lb'));
  assert.equal(balancer.spec?.ports?.[0]?.nodePort, undefined);
});

test('headless and ExternalName get no address', async () => {
  const book = createBook(CIDR);
  const headless = service('h', { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'x' } });
  await book.allocate(headless, undefined, options('shop/h'));
  assert.deepEqual([headless.spec?.clusterIP, headless.spec?.ipFamilies], ['None', ['IPv4']]);
  const external = service('e', { type: 'ExternalName', externalName: 'example.com' });
  await book.allocate(external, undefined, options('shop/e'));
  assert.equal(external.spec?.clusterIP, undefined);
});

test('two families: a Service has those that it asks for, and one address of each', async () => {
  const book = createBook(CIDR, undefined, 'fd00:2::/112');
  const CASES: { spec: ServiceSpec; families: string[] | RegExp }[] = [
    { spec: {}, families: ['IPv4'] },
    { spec: { ipFamilyPolicy: 'PreferDualStack' }, families: ['IPv4', 'IPv6'] },
    { spec: { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6'] as ServiceSpec['ipFamilies'] }, families: ['IPv6', 'IPv4'] },
    { spec: { ipFamilies: ['IPv6'] as ServiceSpec['ipFamilies'] }, families: ['IPv6'] },
    { spec: { clusterIP: 'fd00:2::77', clusterIPs: ['fd00:2::77'] }, families: ['IPv6'] },
    { spec: { ipFamilies: ['IPv4', 'IPv6'] as ServiceSpec['ipFamilies'] }, families: /must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified/ },
    { spec: { clusterIP: 'fd00:3::1', clusterIPs: ['fd00:3::1'] }, families: /fd00:3::1\) is not in the valid range. The range of valid IPs is fd00:2::\/112/ },
  ];
  for (const [index, { spec, families }] of CASES.entries()) {
    const service: Service = { metadata: { name: `s${index}`, namespace: 'a' }, spec: { ports: [{ port: 80 }], ...spec } };
    const done = book.allocate(service, undefined, options(`a/s${index}`));
    if (families instanceof RegExp) {
      await assert.rejects(done, families);
      continue;
    }
    await done;
    assert.deepEqual(service.spec?.ipFamilies, families);
    assert.deepEqual(service.spec?.clusterIPs?.map((each) => (each.includes(':') ? 'IPv6' : 'IPv4')), families);
    assert.equal(service.spec?.clusterIP, service.spec?.clusterIPs?.[0]);
  }
});

test('a second family comes and goes with the policy, and the first address stays', async () => {
  const book = createBook(CIDR, undefined, 'fd00:2::/112');
  const at = async (old: Service | undefined, spec: ServiceSpec): Promise<Service> => {
    const service: Service = { metadata: { name: 's', namespace: 'a' }, spec: { ports: [{ port: 80 }], ...spec } };
    await book.allocate(service, old, options('a/s'));
    return service;
  };
  const single = await at(undefined, {});
  const { clusterIP, clusterIPs, ipFamilies } = single.spec!;
  const dual = await at(single, { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy: 'PreferDualStack' });
  assert.deepEqual([dual.spec?.clusterIPs?.length, dual.spec?.clusterIPs?.[0]], [2, clusterIP]);
  await assert.rejects(at(dual, { clusterIP, clusterIPs, ipFamilies: dual.spec?.ipFamilies, ipFamilyPolicy: 'PreferDualStack' }), /must be 'SingleStack' to release the secondary cluster IP/);
  await assert.rejects(at(single, { ...single.spec, ipFamilies: ['IPv6'] as ServiceSpec['ipFamilies'] }), /expected an IPv6 value as indicated by `ipFamilies\[0\]`/);
  const again = await at(dual, { ...dual.spec, ipFamilyPolicy: 'SingleStack' });
  assert.deepEqual([again.spec?.clusterIPs, again.spec?.ipFamilies], [[clusterIP], ['IPv4']]);
});

test('a node port that one of two protocols asks for is looked at as any other, whichever names it (upstream: initNodePorts)', async () => {
  const book = createBook(CIDR);
  book.observe('shop/old', service('old', { clusterIP: '10.2.0.7', clusterIPs: ['10.2.0.7'], type: 'NodePort', ports: [{ port: 80, nodePort: 30_080, protocol: 'TCP' }] }));
  const both = (nodePort: number): Service => service('new', { type: 'NodePort', ports: [{ name: 't', port: 53, protocol: 'TCP' }, { name: 'u', port: 53, protocol: 'UDP', nodePort }] });
  await assert.rejects(book.allocate(both(22), undefined, options('shop/new')), /spec\.ports\[0\]\.nodePort: Invalid value: 22: provided port is not in the valid range/);
  await assert.rejects(book.allocate(both(30_080), undefined, options('shop/new')), /spec\.ports\[0\]\.nodePort: Invalid value: 30080: provided port is already allocated$/);
  const dns = both(30_053);
  await book.allocate(dns, undefined, options('shop/new'));
  assert.deepEqual(dns.spec?.ports?.map(({ nodePort }) => nodePort), [30_053, 30_053]);
  await assert.rejects(book.allocate(service('other', { type: 'NodePort', ports: [{ port: 1, protocol: 'TCP', nodePort: 30_053 }] }), undefined, options('shop/other')), /already allocated/);
});

test('the port of the health check is none of the node ports of the same Service', async () => {
  const book = createBook(CIDR);
  const balancer = (nodePort: number, healthCheckNodePort: number): Service => service('lb', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort, ports: [{ port: 80, protocol: 'TCP', nodePort }] });
  await assert.rejects(book.allocate(balancer(30_100, 30_100), undefined, options('shop/lb')), /spec\.healthCheckNodePort: Invalid value: 30100: provided port is already allocated$/);
  const made = balancer(30_100, 30_101);
  await book.allocate(made, undefined, options('shop/lb'));
  await assert.rejects(book.allocate(balancer(30_101, 30_101), made, options('shop/lb')), /spec\.ports\[0\]\.nodePort: Invalid value: 30101: provided port is already allocated$/);
  await assert.rejects(book.allocate(balancer(30_100, 30_100), made, options('shop/lb')), /spec\.healthCheckNodePort: Invalid value: 30100: provided port is already allocated$/);
});

test('another address in place of one that a Service has is not allocated: whether it may be, the validation says (upstream: updateClusterIPs)', async () => {
  const book = createBook(CIDR);
  const made = service('s', { clusterIP: '10.2.0.5', clusterIPs: ['10.2.0.5'] });
  await book.allocate(made, undefined, options('shop/s'));
  book.observe('shop/s', made);
  for (const asked of ['10.2.0.6', '192.0.2.1']) {
    const changed = { ...made, spec: { ...made.spec, clusterIP: asked, clusterIPs: [asked] } };
    await book.allocate(changed, made, options('shop/s'));
    assert.deepEqual(changed.spec.clusterIPs, [asked]);
  }
  await book.allocate(service('t', { clusterIP: '10.2.0.6' }), undefined, options('shop/t'));
  const named = service('n', { type: 'ExternalName', externalName: 'example.com' });
  const turned = service('n', { clusterIP: '10.2.0.6', clusterIPs: ['10.2.0.6'] });
  await assert.rejects(book.allocate(turned, named, options('shop/n')), /10\.2\.0\.6: provided IP is already allocated/);
});

test('all addresses but the first of a range of IPv6 may be given, of IPv4 all but the first and the last (upstream: ipallocator_test.go)', async () => {
  const book = createBook('10.2.0.0/29', undefined, 'fd00:2::/124');
  for (const [index, address] of ['10.2.0.1', '10.2.0.6', 'fd00:2::1', 'fd00:2::f'].entries()) await book.allocate(service(`s${index}`, { clusterIP: address }), undefined, options(`shop/s${index}`));
  for (const address of ['10.2.0.0', '10.2.0.7', '10.2.0.8', 'fd00:2::', 'fd00:2::10']) await assert.rejects(book.allocate(service('no', { clusterIP: address }), undefined, options('shop/no')), /not in the valid range/);
});

test('what two say that they have is free when both are gone', async () => {
  const book = createBook(CIDR);
  book.observe('shop/old', service('old', { clusterIP: '10.2.0.7', clusterIPs: ['10.2.0.7'] }));
  book.reserve('IPAddress 10.2.0.7', '10.2.0.7');
  book.reserve('IPAddress 10.2.0.7', undefined);
  await assert.rejects(book.allocate(service('new', { clusterIP: '10.2.0.7' }), undefined, options('shop/new')), /already allocated/);
  book.observe('shop/old', undefined);
  await book.allocate(service('new', { clusterIP: '10.2.0.7' }), undefined, options('shop/new'));
});
