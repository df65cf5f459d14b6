import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint, EndpointPort } from '../generated/discovery-v1.ts';
import { EndpointSlice } from './endpoint-slice.ts';

const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index));
const port = (name: string, more: object = {}): EndpointPort => ({ name, protocol: 'TCP', ...more });
const endpoint = (addresses: string[], more: object = {}): Endpoint => ({ addresses, ...more });
const zones = (...names: string[]): object => ({ hints: { forZones: names.map((name) => ({ name })) } });

/** How many errors there are (upstream: apis/discovery/validation, TestValidateEndpointSlice). */
const CASES: [string, string, Endpoint[], EndpointPort[], number][] = [
  ['an address', 'IPv4', [endpoint(['10.1.2.3'], { hostname: 'valid-123' })], [port('http')], 0],
  ['one of IPv6', 'IPv6', [endpoint(['a00:100::4'])], [port('http')], 0],
  ['domains', 'FQDN', [endpoint(['foo.example.com', 'example.com', 'example.com.', 'hyphens-are-good.example.com'])], [port('http')], 0],
  ['all protocols', 'IPv4', [endpoint(['10.1.2.3'])], [port('tcp'), port('udp', { protocol: 'UDP' }), port('sctp', { protocol: 'SCTP' })], 0],
  ['protocols of applications', 'IPv4', [], ['HTTP', 'https', 'my-protocol', 'example.com/custom-protocol'].map((appProtocol, index) => port(`p${index}`, { appProtocol })), 0],
  ['a port without a name', 'IPv4', [], [port(''), port('http')], 0],
  ['a long name of a port', 'IPv4', [], [port('a'.repeat(63))], 0],
  ['nothing', 'IPv4', [], [], 0],
  ['a thousand endpoints', 'IPv4', many(1_000, (index) => endpoint([`10.1.2.${index % 255}`])), [port('http')], 0],
  ['twenty thousand ports', 'IPv4', [], many(20_000, (index) => port(`http-${index}`)), 0],
  ['a hundred addresses', 'IPv4', [endpoint(many(100, (index) => `10.1.2.${index}`))], [port('http')], 0],
  ['hints', 'IPv4', [endpoint(['10.1.2.3'], zones('zone-a'))], [port('http')], 0],
  ['a node', 'IPv4', [endpoint(['10.1.2.3'], { nodeName: 'valid-node-name' })], [port('http')], 0],
  ['two ports without a name', 'IPv4', [], [port(''), port('')], 1],
  ['a name in capitals', 'IPv4', [], [port('aCapital')], 1],
  ['a name with an underscore', 'IPv4', [], [port('almost_valid')], 1],
  ['a name too long', 'IPv4', [], [port('a'.repeat(64))], 1],
  ['a protocol that is none', 'IPv4', [], [port('http', { protocol: 'foo' })], 1],
  ['too many ports', 'IPv4', [], many(20_001, (index) => port(`http-${index}`)), 1],
  ['too many endpoints', 'IPv4', many(1_001, () => endpoint(['10.1.2.3'])), [port('http')], 1],
  ['no address', 'IPv4', [endpoint([])], [port('http')], 1],
  ['too many addresses', 'IPv4', [endpoint(many(101, (index) => `10.1.2.${index}`))], [port('http')], 1],
  ['a hostname that is none', 'IPv4', [endpoint(['10.1.2.3'], { hostname: '--INVALID' })], [port('http')], 1],
  ['an address that is none', 'IPv4', [endpoint(['123.456.789.012'])], [port('http')], 1],
  ['one that is none, one of the other family', 'IPv4', [endpoint(['123.456.789.012', '2001:4860:4860::8888'])], [port('http')], 2],
  ['two that are none of IPv6', 'IPv6', [endpoint(['123.456.789.012', '2001:4860:4860:defg'])], [port('http')], 2],
  ['domains that are none', 'FQDN', [endpoint(['foo.*', 'FOO.example.com', 'underscores_are_bad.example.com', '*.example.com'])], [port('http')], 4],
  ['a protocol of an application that is none', 'IPv4', [], [port('http', { appProtocol: '--' })], 1],
  ['a hint that is none', 'IPv4', [endpoint(['10.1.2.3'], zones('inv@lid'))], [port('http')], 1],
  ['the same hint twice', 'IPv4', [endpoint(['10.1.2.3'], zones('zone-a', 'zone-b', 'zone-a'))], [port('http')], 1],
  ['too many hints', 'IPv4', [endpoint(['10.1.2.3'], zones(...many(9, (index) => `zone-${index}`)))], [port('http')], 1],
  ['this machine itself', 'IPv4', [endpoint(['127.0.0.1'])], [port('http')], 1],
  ['an address of one link', 'IPv6', [endpoint(['fe80::9656:d028:8652:66b6'])], [port('http')], 1],
  ['a node that is none', 'IPv4', [endpoint(['10.1.2.3'], { nodeName: 'INvalid-node-name' })], [port('http')], 1],
  ['an old type of addresses', 'IP', [endpoint(['10.1.2.3'])], [port('http')], 1],
  ['no type of addresses', '', [], [], 1],
];

for (const [name, addressType, endpoints, ports, expected] of CASES) {
  test(`an EndpointSlice with ${name}: ${expected} errors`, () => {
    const errors = EndpointSlice.rules.validate?.({ metadata: { name: 'hello', namespace: 'world' }, addressType: addressType as never, endpoints, ports }, undefined) ?? [];
    assert.equal(errors.length, expected, JSON.stringify(errors));
  });
}

test('a type of addresses never changes', () => {
  const slice = (addressType: string): EndpointSlice => ({ metadata: { name: 'hello', namespace: 'world' }, addressType: addressType as never, endpoints: [], ports: [] });
  assert.deepEqual(EndpointSlice.rules.validate?.(slice('IPv4'), slice('IPv4')), []);
  assert.deepEqual(EndpointSlice.rules.validate?.(slice('IPv4'), slice('other'))?.map(({ field, message }) => `${field}: ${message}`), ['addressType: Invalid value: "IPv4": field is immutable']);
});
