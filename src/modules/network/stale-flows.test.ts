import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fragment } from './service-rules.ts';
import { udpTargetsGone } from './stale-flows.ts';

const fragment = (...rules: string[]): Fragment => ({ chains: new Map([['c', rules]]), sets: new Map(), elements: new Map(), loopback: [] });

test('only targets of UDP that are led to no longer are gone', () => {
  const one = fragment('meta l4proto udp dnat ip to 10.0.0.2:53');
  const two = fragment('meta l4proto udp dnat ip to numgen inc mod 2 map { 0 : 10.0.0.2 . 53, 1 : 10.0.0.3 . 53 }');
  const tcp = fragment('meta l4proto tcp dnat ip to 10.0.0.2:53');
  assert.deepEqual(udpTargetsGone(two, one), ['10.0.0.3:53']);
  assert.deepEqual(udpTargetsGone(two, undefined), ['10.0.0.2:53', '10.0.0.3:53']);
  assert.deepEqual(udpTargetsGone(one, two), []);
  assert.deepEqual(udpTargetsGone(undefined, one), []);
  assert.deepEqual(udpTargetsGone(tcp, undefined), []);
});
