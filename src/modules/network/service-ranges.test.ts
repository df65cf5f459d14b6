import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IPAddress } from '../../api/networking/ip-address.ts';
import type { ServiceCIDR } from '../../api/networking/service-cidr.ts';
import { serviceOf } from './service-addresses.ts';
import { addressesOf, furtherRanges, isUsed, OWN_RANGE, routedRanges } from './service-ranges.ts';

const range = (name: string, cidrs: string[], more: { ready?: boolean; ending?: boolean } = {}): ServiceCIDR => ({
  metadata: { name, uid: name, ...(more.ending ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) }, spec: { cidrs },
  status: { conditions: [{ type: 'Ready', status: more.ready === false ? 'False' : 'True', reason: 'Tested', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }] as never },
});
const address = (name: string): IPAddress => ({ metadata: { name } });

test('further ranges are those that are ready and do not end, beside the own one', () => {
  assert.deepEqual(furtherRanges([range(OWN_RANGE, ['10.96.0.0/16']), range('a', ['10.97.0.0/24', 'fd00::/112']), range('b', ['10.98.0.0/24'], { ready: false }), range('c', ['10.99.0.0/24'], { ending: true })]), ['10.97.0.0/24', 'fd00::/112']);
});

test('packets are led to ranges until they are gone, but to those that others have', () => {
  const terminating: ServiceCIDR = { ...range('c', ['10.99.0.0/24'], { ending: true }), status: { conditions: [{ type: 'Ready', status: 'False', reason: 'Terminating', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }] as never } };
  assert.deepEqual(routedRanges([range(OWN_RANGE, ['10.96.0.0/16']), range('a', ['10.97.0.0/24']), range('b', ['10.98.0.0/24'], { ready: false }), terminating, range('d', ['10.100.0.0/24'], { ending: true }), { metadata: { name: 'e' }, spec: { cidrs: ['10.101.0.0/24'] } }]), ['10.97.0.0/24', '10.99.0.0/24', '10.100.0.0/24']);
});

test('a range is used while an address lies in it that no other range has', () => {
  const ending = range('a', ['10.97.0.0/24'], { ending: true });
  for (const [others, addresses, used] of [
    [[], ['10.97.0.9'], true], [[], ['10.98.0.9'], false], [[], [], false], [[range('b', ['10.97.0.0/16'])], ['10.97.0.9'], false], [[range('b', ['10.97.0.0/16'], { ready: false })], ['10.97.0.9'], true],
  ] as [ServiceCIDR[], string[], boolean][]) assert.equal(isUsed(ending, [ending, ...others], addresses.map(address)), used, `${others.length} ${addresses.join()}`);
});

test('addresses have one text, and a Service where the allocator says so', () => {
  assert.deepEqual(addressesOf(['10.0.0.1', 'FD00:0::1', 'None', '']), ['10.0.0.1', 'fd00::1']);
  const of = (labels: Record<string, string>, parentRef: object): string | undefined => serviceOf({ metadata: { name: '10.0.0.1', labels }, spec: { parentRef } });
  const ours = { 'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io' };
  assert.deepEqual([of(ours, { resource: 'services', namespace: 'shop', name: 'web' }), of({}, { resource: 'services', namespace: 'shop', name: 'web' }), of(ours, { group: 'g', resource: 'services', name: 'web' })], ['shop/web', undefined, undefined]);
});

test('what no Service can have keeps no range (upstream: servicecidrs, canDeleteCIDR)', () => {
  const ending = range('a', ['192.168.0.0/24', '2001:db2::/64'], { ending: true });
  for (const [name, used] of [['192.168.0.0', false], ['192.168.0.255', false], ['192.168.0.24', true], ['192.168.1.24', false], ['2001:db2::', false], ['2001:db2::ffff:ffff:ffff:ffff', true]] as const) assert.equal(isUsed(ending, [ending], [address(name)]), used, name);
});
