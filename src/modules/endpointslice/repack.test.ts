import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EndpointAddress, EndpointPort, EndpointSubset } from '../../api/generated/core-v1.ts';
import { repack } from './repack.ts';

const A: EndpointAddress = { ip: '10.1.0.2' };
const B: EndpointAddress = { ip: '10.1.0.3' };
const HTTP: EndpointPort = { name: 'http', port: 80, protocol: 'TCP' };
const DNS: EndpointPort = { name: 'dns', port: 53, protocol: 'UDP' };

const CASES: [string, EndpointSubset[], EndpointSubset[]][] = [
  ['nothing', [], []],
  ['addresses alone', [{ addresses: [A] }], [{ addresses: [A] }]],
  ['ports alone are of nobody', [{ ports: [HTTP] }, {}], []],
  ['one of each', [{ addresses: [A], ports: [HTTP] }], [{ addresses: [A], ports: [HTTP] }]],
  ['the same address twice', [{ addresses: [A, A], ports: [HTTP] }], [{ addresses: [A], ports: [HTTP] }]],
  ['the same port at two addresses', [{ addresses: [B], ports: [HTTP] }, { addresses: [A], ports: [HTTP] }], [{ addresses: [A, B], ports: [HTTP] }]],
  ['two ports at the same address', [{ addresses: [A], ports: [HTTP] }, { addresses: [A], ports: [DNS] }], [{ addresses: [A], ports: [HTTP, DNS] }]],
  ['two ports at two addresses, crosswise', [{ addresses: [A, B], ports: [HTTP] }, { addresses: [B, A], ports: [DNS] }], [{ addresses: [A, B], ports: [HTTP, DNS] }]],
  ['a port that only one has', [{ addresses: [A], ports: [HTTP, DNS] }, { addresses: [B], ports: [HTTP] }], [{ addresses: [A, B], ports: [HTTP] }, { addresses: [A], ports: [DNS] }]],
  ['not ready counts more', [{ addresses: [A, B], ports: [HTTP] }, { notReadyAddresses: [A], ports: [HTTP] }], [{ addresses: [B], notReadyAddresses: [A], ports: [HTTP] }]],
  ['whichever comes first', [{ notReadyAddresses: [A], ports: [HTTP] }, { addresses: [A], ports: [HTTP] }], [{ notReadyAddresses: [A], ports: [HTTP] }]],
  ['ready by one port alone', [{ addresses: [A], ports: [HTTP] }, { notReadyAddresses: [A], ports: [DNS] }], [{ addresses: [A], ports: [HTTP] }, { notReadyAddresses: [A], ports: [DNS] }]],
  ['the same address of two pods', [{ addresses: [{ ...A, targetRef: { uid: 'p1' } }, { ...A, targetRef: { uid: 'p2' } }], ports: [HTTP] }], [{ addresses: [{ ...A, targetRef: { uid: 'p1' } }, { ...A, targetRef: { uid: 'p2' } }], ports: [HTTP] }]],
];

for (const [name, subsets, expected] of CASES) {
  test(`subsets in their canonical form: ${name} (upstream: api/endpoints/util_test.go)`, () => assert.deepEqual(repack(subsets), expected));
}
