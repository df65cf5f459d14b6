import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IPAddress } from './ip-address.ts';
import { ServiceCIDR } from './service-cidr.ts';

const wrong = (cidrs: string[], old?: string[]): string => {
  const of = (list: string[]): ServiceCIDR => ({ metadata: { name: 'r' }, spec: { cidrs: list } });
  return ServiceCIDR.rules.validate!(of(cidrs), old === undefined ? undefined : of(old)).map(({ field, message }) => `${field}: ${message}`).join('; ');
};

test('a range of Services has one CIDR a family, which stay', () => {
  for (const cidrs of [['10.9.8.0/24'], ['2001:db8::/64'], ['10.9.8.0/24', '2001:db8::/64']]) assert.equal(wrong(cidrs), '', cidrs.join());
  for (const [cidrs, text] of [
    [[], /at least one CIDR/], [['10.0.0.0/8', '2001:db8::/64', '11.0.0.0/8'], /must have at most 2/], [['10.9.8.1/24'], /must not have bits set beyond the prefix length/], [['010.9.8.0/24'], /must not have leading 0s in IP or prefix length/], [['2001:DB8::/64'], /canonical form \("2001:db8::\/64"\)/],
    [['none'], /must be a valid CIDR/], [['10.0.0.0/8', '11.0.0.0/8'], /no more than one IP for each IP family/],
  ] as const) assert.match(wrong([...cidrs]), text, cidrs.join());
  assert.equal(wrong(['10.9.8.0/24', '2001:db8::/64'], ['10.9.8.0/24']), '', 'a second family is added');
  assert.match(wrong(['10.9.9.0/24'], ['10.9.8.0/24']), /field is immutable/);
  assert.match(wrong(['10.9.8.0/24'], ['10.9.8.0/24', '2001:db8::/64']), /field is immutable/);
});

test('an address is named by its one text and has a parent, for good', () => {
  for (const name of ['10.9.8.7', '2001:db8::ffff']) assert.deepEqual(IPAddress.rules.nameErrors!(name), []);
  for (const name of ['010.9.8.7', 'a', '2001:DB8::ffff', '2001:db8:0::ffff']) assert.equal(IPAddress.rules.nameErrors!(name).length, 1, name);
  const of = (parentRef: object | undefined): IPAddress => ({ metadata: { name: '10.9.8.7' }, ...(parentRef === undefined ? {} : { spec: { parentRef } }) });
  const errors = (parentRef: object | undefined, old?: object): string => IPAddress.rules.validate!(of(parentRef), old === undefined ? undefined : of(old)).map(({ field }) => field).join(' ');
  const parent = { resource: 'services', namespace: 'shop', name: 'web' };
  assert.deepEqual([errors(parent), errors(undefined), errors({ name: 'web' }), errors({ ...parent, name: 'a/b', group: 'no group' })], ['', 'spec.parentRef', 'spec.parentRef.resource', 'spec.parentRef.name spec.parentRef.group']);
  assert.deepEqual([errors(parent, parent), errors({ ...parent, name: 'other' }, parent)], ['', 'spec.parentRef']);
});
