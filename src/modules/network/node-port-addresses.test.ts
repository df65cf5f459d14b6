import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNodePortAddress, nodePortRanges, toNodePort } from './node-port-addresses.ts';

test('node ports answer on all addresses of the machine, or on those of the ranges; a family of which none is said on all (upstream: nodeport_addresses_test.go)', () => {
  const CASES: [string[] | undefined, string, string][] = [
    [undefined, '', ''], [[], '', ''],
    [['192.0.2.0/24'], 'ip daddr { 192.0.2.0/24 } ', ''],
    [['192.0.2.7/24'], 'ip daddr { 192.0.2.0/24 } ', ''],
    [['2001:db8::/64', '192.0.2.0/24', '192.0.2.128/25', '127.0.0.0/8', '192.0.2.0/24'], 'ip daddr { 192.0.2.0/24, 127.0.0.0/8 } ', 'ip6 daddr { 2001:db8::/64 } '],
    [['0.0.0.0/0', '10.0.0.0/8'], 'ip daddr { 0.0.0.0/0 } ', ''],
  ];
  for (const [nodePortAddresses, four, six] of CASES) {
    const ranges = nodePortRanges({ nodePortAddresses });
    assert.deepEqual([toNodePort('ip', ranges), toNodePort('ip6', ranges)], [`${four}fib daddr type local`, `${six}fib daddr type local`]);
  }
  for (const wrong of ['192.0.2.0/24', ['192.0.2.1'], ['primary'], [7], 7]) assert.throws(() => nodePortRanges({ nodePortAddresses: wrong }), /^Error: modules\.network\.nodePortAddresses must be a list of ranges of addresses/);
});

test('an address of the machine is one of them, or not', () => {
  const ranges = ['192.0.2.0/24', '127.0.0.0/8'];
  const CASES: [string, string[], boolean][] = [['192.0.2.9', ranges, true], ['127.0.0.1', ranges, true], ['198.51.100.1', ranges, false], ['2001:db8::1', ranges, true], ['::1', ['2001:db8::/64'], false], ['2001:db8::1', ['2001:db8::/64'], true], ['198.51.100.1', [], true]];
  for (const [address, among, expected] of CASES) assert.equal(isNodePortAddress(address, among), expected, `${address} in ${among.join()}`);
});
