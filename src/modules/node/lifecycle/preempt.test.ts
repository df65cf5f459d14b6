import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { quantityMillis, quantityValue } from '../../../api/quantity.ts';
import { podsToPreempt, type Shortage } from './preempt.ts';

const CRITICAL: Pod = { metadata: { name: 'critical' }, spec: { priority: 2_000_001_000, containers: [] } };

/** Requests by name; with `limited` the limits are the same. */
function pod(name: string, requests: { cpu?: string; memory?: string }, { limited = false, priority = 0 }: { limited?: boolean; priority?: number } = {}): Pod {
  return { metadata: { name }, spec: { priority, containers: [{ name: 'c', resources: { requests, ...(limited ? { limits: requests } : {}) } }] } } as Pod;
}

const cpu = (missing: number): Shortage => ({ name: 'cpu', missing, requestOf: ({ spec }) => quantityMillis(spec?.containers[0]?.resources?.requests?.['cpu'] ?? '0') });
const memory = (missing: string): Shortage => ({ name: 'memory', missing: quantityValue(missing), requestOf: ({ spec }) => quantityValue(spec?.containers[0]?.resources?.requests?.['memory'] ?? '0') });
const count: Shortage = { name: 'pods', missing: 1, requestOf: () => 1 };

test('as few pods go as can be, and of the lesser classes', () => {
  const small = pod('small', { cpu: '100m', memory: '100Mi' });
  const large = pod('large', { cpu: '500m', memory: '300Mi' });
  const fixed = pod('fixed', { cpu: '500m', memory: '100Mi' }, { limited: true });
  const free = pod('free', {});
  const table: [string, Pod[], Shortage[], string[] | undefined][] = [
    ['the one that is enough', [small, large], [cpu(400)], ['large']],
    ['the smaller of two that are enough', [large, small], [cpu(100)], ['small']],
    ['one that is lesser, though a better one is nearer', [fixed, large], [memory('100Mi')], ['large']],
    ['several', [small, large], [cpu(550)], ['large', 'small']],
    ['a better one where the lesser are not enough, and then the lesser that are still wanted', [small, fixed], [cpu(550)], ['small', 'fixed']],
    ['lesser ones are spared that the better make needless', [small, fixed], [cpu(500)], ['fixed']],
    ['of two resources', [pod('a', { cpu: '900m' }), pod('b', { memory: '900Mi' }), large], [cpu(400), memory('300Mi')], ['large']],
    ['a place', [free, small], [count], ['free']],
    ['nobody is enough', [small, large], [cpu(700)], undefined],
    ['critical pods stay', [pod('other', { cpu: '1' }, { priority: 2_000_000_000 + 5_000 })], [cpu(100)], undefined],
  ];
  for (const [why, others, shortages, names] of table) assert.deepEqual(podsToPreempt(CRITICAL, others, shortages)?.map(({ metadata }) => metadata.name), names, why);
});
