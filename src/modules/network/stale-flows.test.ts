import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fragment } from './fragment.ts';
import { udpTargetsGone, udpWaysNew, udpWaysServed } from './stale-flows.ts';

const serving = (...udpServing: string[]): Fragment => ({ chains: new Map(), sets: new Map(), elements: new Map(), loopback: [], udpServing: new Set(udpServing) });

test('only endpoints of UDP that serve no longer are gone', () => {
  const both = serving('10.0.0.2:53', '[fd00::2]:53');
  assert.deepEqual(udpTargetsGone(both, serving('[fd00::2]:53')), ['10.0.0.2:53']);
  assert.deepEqual(udpTargetsGone(both, undefined), ['10.0.0.2:53', '[fd00::2]:53']);
  assert.deepEqual(udpTargetsGone(serving('10.0.0.2:53'), both), []);
  assert.deepEqual(udpTargetsGone(serving('10.0.0.2:53'), serving('10.0.0.2:54')), ['10.0.0.2:53'], 'the same pod by another port');
  assert.deepEqual(udpTargetsGone(undefined, both), []);
});

test('ways of UDP that the rules have now, where flows may have begun before', () => {
  const ways = (elements: Record<string, string[]>): Fragment => ({ ...serving(), elements: new Map(Object.entries(elements).map(([name, keys]) => [name, new Map(keys.map((key) => [key, 'goto c']))])) as Fragment['elements'] });
  const facts = { ownAddresses: () => ['127.0.0.1', '192.0.2.1'], isRefused: (address: string) => address.startsWith('10.2.') };
  const whole = ways({ services: ['10.2.0.9 . udp . 53', '203.0.113.7 . udp . 53', '127.0.0.1 . udp . 53', '203.0.113.7 . tcp . 53'], nodeports: ['udp . 30053', 'tcp . 30054'] });
  assert.deepEqual(udpWaysNew(undefined, whole, facts), ['203.0.113.7:53', '127.0.0.1:53', '127.0.0.1:30053', '192.0.2.1:30053']);
  assert.deepEqual(udpWaysNew(ways({ refused: ['203.0.113.7 . udp . 53'], refusedports: ['udp . 30053'] }), whole, facts), ['127.0.0.1:53'], 'what was refused never began');
  assert.deepEqual(udpWaysNew(undefined, ways({ refused: ['203.0.113.7 . udp . 53'], refusedports: ['udp . 30053'] }), facts), ['203.0.113.7:53', '127.0.0.1:30053', '192.0.2.1:30053'], 'what began before is to be refused');
  assert.deepEqual(udpWaysNew(whole, whole, facts), []);
  assert.deepEqual(udpWaysNew(whole, undefined, facts), []);
  assert.deepEqual(udpWaysNew(undefined, ways({ services: ['2001:db8::7 . udp . 53'] }), facts), ['[2001:db8::7]:53']);
});

test('where UDP is asked for, with all who serve there', () => {
  const service = (keys: string[], nodePorts: string[], ...by: string[]): Fragment => ({ ...serving(...by), elements: new Map([['services', new Map(keys.map((key) => [key, 'goto c']))], ['nodeports', new Map(nodePorts.map((key) => [key, 'goto c']))]]) as Fragment['elements'] });
  const all = [service(['10.2.0.9 . udp . 53', '10.2.0.9 . tcp . 53', '2001:db8::7 . udp . 53'], ['udp . 30053', 'tcp . 30054'], '10.1.0.2:53', '10.1.0.3:53'), service(['10.2.0.10 . udp . 53'], [])];
  const both = ['10.1.0.2:53', '10.1.0.3:53'];
  assert.deepEqual([...udpWaysServed(all, ['127.0.0.1', '192.0.2.1'])].map(([place, by]) => [place, [...by]]), ['10.2.0.9:53', '[2001:db8::7]:53', '127.0.0.1:30053', '192.0.2.1:30053'].map((place) => [place, both]), 'where nobody serves, nothing is forgotten');
  const external = (by: string): Fragment => service(['192.0.2.9 . udp . 53'], [], by);
  assert.deepEqual([...udpWaysServed([external('10.1.0.2:53'), external('10.1.0.4:53')], [])].map(([place, by]) => [place, [...by]]), [['192.0.2.9:53', ['10.1.0.2:53', '10.1.0.4:53']]], 'two Services with one address');
});
