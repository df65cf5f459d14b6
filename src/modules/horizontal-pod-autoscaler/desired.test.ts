import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../api/generated/core-v1.ts';
import { askedByAverage, askedByShare, askedByValue, groupPods, type Groups, type Measured } from './desired.ts';

const tolerance = { up: 0.1, down: 0.1 };
const readiness = { cpuInitializationMs: 300_000, initialReadinessMs: 30_000 };
const NOW = Date.parse('2026-01-01T01:00:00Z');
const at = (secondsAgo: number): string => new Date(NOW - secondsAgo * 1_000).toISOString();

function groups(ready: readonly number[], more: { unready?: number; missing?: number } = {}): Groups {
  const names = (prefix: string, count = 0): Set<string> => new Set(Array.from({ length: count }, (_, index) => `${prefix}${index}`));
  return { ready: new Map(ready.map((value, index) => [`p${index}`, value])), unready: names('u', more.unready), missing: names('m', more.missing) };
}

/** Every pod asks for 1,000. */
const requests = { get: () => 1_000 } as unknown as ReadonlyMap<string, number>;

describe('replicas by utilisation', () => {
  const cases: readonly { name: string; current: number; groups: Groups; wanted: number; replicas: number }[] = [
    { name: 'as many as bring the average to what is wanted', current: 3, groups: groups([300, 500, 700]), wanted: 30, replicas: 5 },
    { name: 'fewer', current: 5, groups: groups([100, 300, 500, 250, 250]), wanted: 50, replicas: 3 },
    { name: 'no change within the tolerance', current: 3, groups: groups([1_010, 1_030, 1_020]), wanted: 100, replicas: 3 },
    { name: 'just beyond it', current: 3, groups: groups([1_110, 1_110, 1_110]), wanted: 100, replicas: 4 },
    { name: 'pods that start are taken for idle on the way up', current: 3, groups: groups([500, 700], { unready: 1 }), wanted: 30, replicas: 4 },
    { name: 'and hold it where they turn the direction', current: 3, groups: groups([400], { unready: 2 }), wanted: 30, replicas: 3 },
    { name: 'pods without a value are taken for idle on the way up', current: 4, groups: groups([800, 800], { missing: 1 }), wanted: 40, replicas: 4 },
    { name: 'and for fully used on the way down', current: 4, groups: groups([100, 200, 300], { missing: 1 }), wanted: 50, replicas: 4 },
    { name: 'pods that start do not keep it up', current: 5, groups: groups([100, 300, 500, 250, 250], { unready: 2 }), wanted: 50, replicas: 3 },
    { name: 'an exact ratio is not rounded up', current: 3, groups: groups([600, 600, 600]), wanted: 60, replicas: 3 },
  ];
  for (const each of cases) {
    it(each.name, () => assert.equal(askedByAverage(each.current, each.groups, { wanted: each.wanted, requests, tolerance })?.replicas, each.replicas));
  }
  it('nothing is known when no pod is measured', () => assert.equal(askedByAverage(3, groups([], { unready: 3 }), { wanted: 50, requests, tolerance }), undefined));
});

it('replicas by the average value of pods', () => {
  assert.equal(askedByAverage(3, groups([20_000, 10_000, 30_000]), { wanted: 15_000, tolerance })?.replicas, 4);
  assert.equal(askedByAverage(3, groups([50_000, 10_000], { missing: 1 }), { wanted: 25_000, tolerance })?.replicas, 3);
});

describe('replicas by one value', () => {
  const value = (current: number, ready: number, now: number, wanted: number): number => askedByValue(current, () => ready, { value: now, wanted, tolerance }).replicas;
  it('of the whole', () => assert.deepEqual([value(3, 3, 20, 15), value(5, 5, 15, 20), value(3, 3, 16, 15), value(3, 2, 30, 15)], [4, 4, 3, 4]));
  it('from and to zero', () => assert.deepEqual([value(0, 0, 30, 15), value(0, 0, 0, 15), value(2, 2, 0, 15)], [2, 0, 0]));
  const share = (current: number, now: number, wanted: number): number => askedByShare(current, { value: now, wanted, tolerance }).replicas;
  it('for each pod', () => assert.deepEqual([share(3, 100, 20), share(5, 100, 20), share(5, 104, 20), share(0, 100, 20), share(4, 0, 20)], [5, 5, 5, 5, 0]));
});

describe('pods by what may be said of them', () => {
  const pod = (name: string, status: Pod['status'], metadata: Pod['metadata'] = {}): Pod => ({ metadata: { name, ...metadata }, status } as Pod);
  const ready = (secondsAgo: number, status: 'True' | 'False' = 'True'): Pod['status'] => ({ phase: 'Running', startTime: at(3_000), conditions: [{ type: 'Ready', status, lastTransitionTime: at(secondsAgo) }] });
  const measured = (value: number): Measured => ({ value, atMs: NOW - 5_000, windowMs: 15_000 });
  const of = (cpu: boolean, ...pods: Pod[]): Groups => groupPods(pods, new Map(pods.filter(({ metadata }) => metadata.name !== 'unmeasured').map(({ metadata }) => [metadata.name!, measured(1)])), { cpu, nowMs: NOW, readiness });

  const cases: readonly { name: string; pod: Pod; cpu?: boolean; is: 'ready' | 'unready' | 'missing' | 'none' }[] = [
    { name: 'one that serves', pod: pod('p', ready(2_000)), is: 'ready' },
    { name: 'one that is being deleted', pod: pod('p', ready(2_000), { deletionTimestamp: at(1) }), is: 'none' },
    { name: 'one that failed', pod: pod('p', { phase: 'Failed' }), is: 'none' },
    { name: 'one that is pending', pod: pod('p', { phase: 'Pending' }), is: 'unready' },
    { name: 'one that is not measured', pod: pod('unmeasured', ready(2_000)), is: 'missing' },
    { name: 'one that became unready late', pod: pod('p', ready(100, 'False')), is: 'ready' },
    { name: 'one that never was ready', pod: pod('p', ready(2_990, 'False')), is: 'unready' },
    { name: 'one without a condition', pod: pod('p', { phase: 'Running', startTime: at(3_000) }), is: 'unready' },
    { name: 'one that has just started and was measured before it was ready', pod: pod('p', { ...ready(10), startTime: at(60) }), is: 'unready' },
    { name: 'one that has just started and was measured while ready', pod: pod('p', { ...ready(50), startTime: at(60) }), is: 'ready' },
    { name: 'memory is not like that', pod: pod('p', { ...ready(10), startTime: at(60) }), cpu: false, is: 'ready' },
  ];
  for (const each of cases) {
    it(each.name, () => {
      const found = of(each.cpu ?? true, each.pod);
      const name = each.pod.metadata.name!;
      const is = found.ready.has(name) ? 'ready' : found.unready.has(name) ? 'unready' : found.missing.has(name) ? 'missing' : 'none';
      assert.equal(is, each.is);
    });
  }
});
