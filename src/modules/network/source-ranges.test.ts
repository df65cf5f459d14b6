/** Source ranges of load balancers, as rules. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service, ServiceSpec } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { fragmentFor } from './service-rules.ts';

/** Who comes from one of these is led on. */
const from = (ranges: readonly string[], verdict = 'goto svc/shop/web/tcp/80', family = 'ip'): string[] => [...ranges.map((range) => `${family} saddr ${range} ${verdict}`), 'drop'];
const OWN = ['127.0.0.0/8', '10.1.0.1/32'];

const FACTS = { nodeName: 'n1', podCidr: '10.1.0.0/16', gatewayIp: '10.1.0.1' };

const service = (spec: ServiceSpec, ip: string): Service => ({ metadata: { name: 'web', namespace: 'shop' }, spec: { clusterIP: '10.2.0.9', clusterIPs: ['10.2.0.9'], ...spec }, status: { loadBalancer: { ingress: [{ ip }] } } });

const slice = (addresses: readonly string[]): EndpointSlice => ({
  metadata: { name: 'web-1', namespace: 'shop' }, addressType: 'IPv4' as EndpointSlice['addressType'],
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true }, nodeName: 'n1' })), ports: [{ name: '', port: 8080, protocol: 'TCP' }],
});

test('source ranges of the annotation count where the field has none', () => {
  const balanced = service({ type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }] }, '10.3.0.1');
  const ruled = (spec: ServiceSpec): readonly string[] | undefined => fragmentFor({ ...balanced, metadata: { ...balanced.metadata, annotations: { 'service.beta.kubernetes.io/load-balancer-source-ranges': '192.0.2.0/24, 198.51.100.0/24' } }, spec: { ...balanced.spec, ...spec } }, [slice(['10.1.0.2'])], FACTS).chains.get('lb/shop/web/tcp/80');
  assert.deepEqual(ruled({}), from(['192.0.2.0/24', '198.51.100.0/24', ...OWN]));
  assert.deepEqual(ruled({ loadBalancerSourceRanges: ['203.0.113.0/24'] }), from(['203.0.113.0/24', ...OWN]));
});

test('source ranges keep out who is without also where there is no endpoint', () => {
  const { chains, elements } = fragmentFor(service({ type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }], loadBalancerSourceRanges: ['192.0.2.0/24'] }, '10.3.0.1'), [], FACTS);
  assert.deepEqual(Object.fromEntries(chains), { 'lb/shop/web/tcp/80': from(['192.0.2.0/24', ...OWN], 'reject') });
  assert.deepEqual([...elements].map(([name, each]) => [name, ...each]), [['refused', ['10.2.0.9 . tcp . 80', '']], ['services', ['10.3.0.1 . tcp . 80', 'goto lb/shop/web/tcp/80']]]);
});

test('source ranges of one family shut out nobody of the other', () => {
  const loaded = service({ type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }], clusterIPs: ['10.2.0.9', 'fd00:2::9'], loadBalancerSourceRanges: ['192.0.2.0/24'] }, '10.3.0.1');
  const both = { ...loaded, status: { loadBalancer: { ingress: [{ ip: '10.3.0.1' }, { ip: 'fd00:3::1' }] } } };
  const six = { ...slice(['fd00:1::2']), addressType: 'IPv6' as EndpointSlice['addressType'] };
  const of = (ranges: string[], family: 'ip' | 'ip6'): { to: string | undefined; chain: readonly string[] | undefined } => {
    const fragment = fragmentFor({ ...both, spec: { ...both.spec, loadBalancerSourceRanges: ranges } }, [slice(['10.1.0.2']), six], family === 'ip' ? FACTS : { ...FACTS, family, podCidr: 'fd00:1::/64', gatewayIp: 'fd00:1::1' });
    return { to: fragment.elements.get('services')?.get(`${family === 'ip' ? '10.3.0.1' : 'fd00:3::1'} . tcp . 80`), chain: fragment.chains.get('lb/shop/web/tcp/80') };
  };
  const open = { to: 'goto svc/shop/web/tcp/80', chain: undefined };
  const behind = (chain: readonly string[]): object => ({ to: 'goto lb/shop/web/tcp/80', chain });
  assert.deepEqual(of(['192.0.2.0/24'], 'ip'), behind(from(['192.0.2.0/24', ...OWN])));
  assert.deepEqual(of(['192.0.2.0/24'], 'ip6'), open);
  assert.deepEqual(of(['2001:db8::/32'], 'ip'), open);
  assert.deepEqual(of(['2001:db8::/32'], 'ip6'), behind(from(['2001:db8::/32', 'fd00:1::1/128'], undefined, 'ip6')));
});

test('source ranges that cannot be read let nobody in', () => {
  const balanced = service({ type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }] }, '10.3.0.1');
  const ruled = (annotation: string): readonly string[] | undefined => fragmentFor({ ...balanced, metadata: { ...balanced.metadata, annotations: { 'service.beta.kubernetes.io/load-balancer-source-ranges': annotation } } }, [slice(['10.1.0.2'])], FACTS).chains.get('lb/shop/web/tcp/80');
  assert.deepEqual(ruled('office'), from(OWN));
  assert.deepEqual(ruled('192.0.2.0/240, 010.0.0.0/8, 198.51.100.0/24,'), from(['198.51.100.0/24', ...OWN]));
  assert.equal(ruled(' '), undefined);
});

test('source ranges with spaces around them, before several addresses; node ports and the cluster IP ask nobody (upstream: nftables TestLoadBalancer)', () => {
  const one = service({ type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP', nodePort: 30_080 }], loadBalancerSourceRanges: ['192.168.0.0/24', ' 203.0.113.0/25'] }, '10.3.0.1');
  const { chains, elements } = fragmentFor({ ...one, status: { loadBalancer: { ingress: [{ ip: '10.3.0.1' }, { ip: '10.3.0.2' }] } } }, [slice(['10.1.0.2'])], FACTS);
  assert.deepEqual(chains.get('lb/shop/web/tcp/80'), from(['192.168.0.0/24', '203.0.113.0/25', ...OWN]));
  const ways = [...elements.get('services') ?? [], ...elements.get('nodeports') ?? []];
  assert.deepEqual(Object.fromEntries(ways), { '10.2.0.9 . tcp . 80': 'goto svc/shop/web/tcp/80', '10.3.0.1 . tcp . 80': 'goto lb/shop/web/tcp/80', '10.3.0.2 . tcp . 80': 'goto lb/shop/web/tcp/80', 'tcp . 30080': 'goto svc/shop/web/tcp/80' });
});
