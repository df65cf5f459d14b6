import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cidrErrors, cidrWarnings, ipErrors, ipWarnings } from './ip-validation.ts';
import { EndpointSlice, Endpoints, Node, Service } from './kinds.ts';
import { NetworkPolicy } from './networking/network-policy.ts';

const words = (errors: readonly { message: string }[]): string => errors.map(({ message }) => message.replace(/^Invalid value: "[^"]*": /, '')).join();

test('an address has one meaning (upstream: apimachinery/pkg/util/validation/ip_test.go)', () => {
  const CASES = [
    ['192.0.2.1', ''], ['2001:db8::1', ''], ['2001:DB8:0::1', ''], ['192.0.02.1', 'must not have leading 0s'], ['010.000.000.001', 'must not have leading 0s'],
    ['::ffff:192.0.2.1', 'must not be an IPv4-mapped IPv6 address'], ['::ffff:c000:201', 'must not be an IPv4-mapped IPv6 address'],
    ['', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'], ['192.0.2', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'], ['0256.1.1.1', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ['fe80::1%eth0', 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
  ] as const;
  for (const [text, expected] of CASES) assert.equal(words(ipErrors('a', text)), expected, text);
});

test('so has a range', () => {
  const NONE = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
  const CASES = [
    ['10.0.0.0/8', ''], ['0.0.0.0/0', ''], ['192.0.2.1/32', ''], ['2001:db8::/64', ''], ['::/0', ''], ['10.0.0.1/8', 'must not have bits set beyond the prefix length'], ['2001:db8::1/64', 'must not have bits set beyond the prefix length'],
    ['010.0.0.0/8', 'must not have leading 0s in IP or prefix length'], ['10.0.0.0/08', 'must not have leading 0s in IP or prefix length'], ['::ffff:10.0.0.0/104', 'must not have an IPv4-mapped IPv6 address'],
    ['10.0.0.0', NONE], ['10.0.0.0/33', NONE], ['10.0.0.0/-1', NONE], ['10.0.0.0/8/8', NONE], ['', NONE],
  ] as const;
  for (const [text, expected] of CASES) assert.equal(words(cidrErrors('a', text)), expected, text);
});

test('who writes IPv6 in another way is told', () => {
  assert.deepEqual([ipWarnings('a', '192.0.2.1'), ipWarnings('a', '2001:db8::1'), cidrWarnings('a', '10.0.0.0/8'), cidrWarnings('a', '2001:db8::/64'), cidrWarnings('a', '2001:db8::1/64'), cidrWarnings('a', 'x')], [[], [], [], [], [], []]);
  assert.deepEqual(ipWarnings('a', 'FE80::1'), ['a: IPv6 address "FE80::1" should be in RFC 5952 canonical format ("fe80::1")']);
});

test('what an object had before it was refused, it keeps', () => {
  const metadata = { name: 'x', namespace: 'a' };
  const policy = (cidr: string): unknown => ({ metadata, spec: { podSelector: {}, policyTypes: ['Ingress'], ingress: [{ from: [{ ipBlock: { cidr, except: ['10.1.2.3/16'] } }] }] } });
  const ranged = (range: string): unknown => ({ metadata, spec: { type: 'LoadBalancer', clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }], sessionAffinity: 'None', externalIPs: ['::ffff:192.0.2.1'], loadBalancerSourceRanges: [range] } });
  const KINDS = [
    [NetworkPolicy, policy('10.1.2.3/8'), 2], [Service, ranged('10.1.2.3/8'), 2], [Node, { metadata: { name: 'n' }, spec: { podCIDRs: ['10.1.0.1/16'] } }, 1],
    [Endpoints, { metadata, subsets: [{ addresses: [{ ip: '::ffff:192.0.2.1' }], ports: [{ port: 1, protocol: 'TCP' }] }] }, 1],
    [EndpointSlice, { metadata, addressType: 'IPv6', endpoints: [{ addresses: ['::ffff:192.0.2.1'] }], ports: [] }, 1],
  ] as const;
  for (const [kind, object, refused] of KINDS) {
    const errors = (old: unknown): unknown[] => (kind.rules.validate as (object: unknown, old: unknown) => unknown[])(object, old);
    assert.deepEqual([errors(undefined).length, errors(object).length], [refused, 0], kind.kind);
  }
});
