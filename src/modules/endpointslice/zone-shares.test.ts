import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node } from '../../api/generated/core-v1.ts';
import type { Endpoint } from '../../api/generated/discovery-v1.ts';
import { shareEndpoints, zoneShares } from './zone-shares.ts';

const node = (zone: string | undefined, cpu: string, { ready = true, labels = {} }: { ready?: boolean; labels?: Record<string, string> } = {}): Node => ({
  metadata: { name: `${zone}-${cpu}`, labels: { ...labels, ...(zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }) } }, status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
}) as Node;
const control = { labels: { 'node-role.kubernetes.io/control-plane': '' } };

test('a zone has the share of its CPUs, of nodes that are ready and carry no control plane (upstream: topologycache_test.go)', () => {
  const CASES: [Node[], [string, number][] | undefined][] = [
    [[node('a', '1'), node('b', '1')], [['a', 0.5], ['b', 0.5]]],
    [[node('b', '3'), node('a', '500m'), node('a', '500m')], [['a', 0.25], ['b', 0.75]]],
    [[node('a', '1'), node('b', '1'), node('c', '8', control), node(undefined, '8', control)], [['a', 0.5], ['b', 0.5]]],
    [[node('a', '1'), node('b', '1', { ready: false })], undefined], [[node('a', '1'), node('a', '1')], undefined],
    [[node('a', '1'), node('b', '1'), node(undefined, '1')], undefined], [[node('a', '1'), node('b', '0')], undefined], [[], undefined],
  ];
  for (const [nodes, expected] of CASES) {
    const shares = zoneShares(nodes);
    assert.deepEqual(shares === undefined ? undefined : [...shares], expected);
  }
});

/** `{ a: 3 }`: three ready endpoints in zone a. */
const endpoints = (zones: Record<string, number>): Endpoint[] => Object.entries(zones).flatMap(([zone, count]) => Array.from({ length: count }, (_, index): Endpoint => ({ addresses: [`${zone}${index}`], conditions: { ready: true }, ...(zone === '' ? {} : { zone }) })));

test('endpoints are for their own zone, and lent to zones that lack some; or for nobody first, where shares are too far from even', () => {
  const CASES: [Record<string, number>, Record<string, number>, Record<string, number> | RegExp][] = [
    [{ a: 2, b: 2 }, { a: 0.5, b: 0.5 }, { a: 2, b: 2 }],
    [{ a: 5, b: 1 }, { a: 0.5, b: 0.5 }, { a: 3, b: 3 }],
    [{ a: 4, b: 0 }, { a: 0.5, b: 0.5 }, { a: 2, b: 2 }],
    [{ a: 6, b: 0, c: 0 }, { a: 1 / 3, b: 1 / 3, c: 1 / 3 }, { a: 2, b: 2, c: 2 }],
    [{ a: 2, b: 2, d: 2 }, { a: 0.5, b: 0.5 }, { a: 2, b: 2, d: 2 }],
    [{ a: 1 }, { a: 0.5, b: 0.5 }, /^Insufficient number of endpoints \(1 endpoints, 2 zones\)$/],
    [{ a: 1, b: 1 }, { a: 0.7, b: 0.3 }, /^Unable to allocate minimum required endpoints to each zone without exceeding overload threshold \(2 endpoints, 2 zones\)$/],
    [{ a: 2, '': 2 }, { a: 0.5, b: 0.5 }, /^One or more endpoints do not have a zone specified$/],
  ];
  for (const [zones, shares, expected] of CASES) {
    const outcome = shareEndpoints(endpoints(zones), new Map(Object.entries(shares)));
    if (expected instanceof RegExp) assert.match('why' in outcome ? outcome.why : '', expected);
    else assert.deepEqual('zones' in outcome ? Object.fromEntries(Object.keys(expected).map((zone) => [zone, [...outcome.zones.values()].filter((each) => each === zone).length])) : outcome, expected, JSON.stringify(zones));
  }
  assert.match((shareEndpoints(endpoints({ a: 2, b: 2 }), undefined) as { why: string }).why, /^Insufficient Node information/);
});
