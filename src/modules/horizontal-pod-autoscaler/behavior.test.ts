import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SCALE_DOWN, SCALE_UP } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import { limit, type History, type Limits } from './behavior.ts';

const NOW = 10_000_000;
const history = (recommended: readonly [secondsAgo: number, replicas: number][] = [], changes: readonly [secondsAgo: number, by: number][] = []): History => ({
  recommended: recommended.toSorted(([one], [other]) => other - one).map(([ago, replicas]) => ({ atMs: NOW - ago * 1_000, replicas })),
  changes: changes.toSorted(([one], [other]) => other - one).map(([ago, by]) => ({ atMs: NOW - ago * 1_000, by })),
});
const limits = (more: Partial<Limits> = {}): Limits => ({ least: 1, most: 100, up: SCALE_UP, down: SCALE_DOWN, downWindowSeconds: 300, ...more });
const set = (current: number, asked: number, past = history(), more: Partial<Limits> = {}): [number, string?] => {
  const { replicas, limitedBy } = limit(current, asked, { history: past, limits: limits(more), nowMs: NOW });
  return limitedBy === undefined ? [replicas] : [replicas, limitedBy.reason];
};

describe('up', () => {
  it('at once', () => assert.deepEqual(set(3, 5), [5]));
  it('no faster than by doubling or by four', () => assert.deepEqual([set(1, 50), set(10, 50)], [[5, 'ScaleUpLimit'], [20, 'ScaleUpLimit']]));
  it('what was added within the period counts', () => assert.deepEqual([set(20, 50, history([], [[10, 10]])), set(20, 50, history([], [[20, 10]]))], [[20, 'ScaleUpLimit'], [40, 'ScaleUpLimit']]));
  it('to the most', () => assert.deepEqual(set(8, 12, history(), { most: 10 }), [10, 'TooManyReplicas']));
  it('after a window, to the least that was asked for in it', () => assert.deepEqual(set(2, 6, history([[50, 3], [70, 2]]), { up: { ...SCALE_UP, stabilizationWindowSeconds: 60 } }), [3, 'ScaleUpStabilized']));
  it('not at all', () => assert.deepEqual(set(2, 6, history(), { up: { ...SCALE_UP, selectPolicy: 'Disabled' } }), [2, 'ScaleUpLimit']));
});

describe('down', () => {
  it('only as far as the most that was asked for in five minutes', () => {
    assert.deepEqual(set(10, 2, history([[299, 7], [301, 10]])), [7, 'ScaleDownStabilized']);
    assert.deepEqual(set(10, 2, history([[301, 7]])), [2]);
  });
  it('to the least', () => assert.deepEqual(set(5, 1, history(), { least: 2 }), [2, 'TooFewReplicas']));
  it('by policies: the one that allows the most, or the least', () => {
    const policies = [{ type: 'Percent', value: 50, periodSeconds: 60 }, { type: 'Pods', value: 2, periodSeconds: 60 }];
    assert.deepEqual(set(20, 1, history(), { down: { policies, selectPolicy: 'Max', stabilizationWindowSeconds: 0 } }), [10, 'ScaleDownLimit']);
    assert.deepEqual(set(20, 1, history(), { down: { policies, selectPolicy: 'Min', stabilizationWindowSeconds: 0 } }), [18, 'ScaleDownLimit']);
    assert.deepEqual(set(12, 1, history([], [[30, -8]]), { down: { policies, selectPolicy: 'Max', stabilizationWindowSeconds: 0 } }), [10, 'ScaleDownLimit']);
  });
  it('to zero where zero is the least', () => assert.deepEqual(set(2, 0, history(), { least: 0 }), [0]));
});

it('what is outside of the bounds comes back into them', () => {
  assert.deepEqual([set(20, 20, history(), { most: 10 }), set(1, 1, history(), { least: 3 })], [[10, 'TooManyReplicas'], [3, 'TooFewReplicas']]);
});

it('remembers an hour', () => {
  const past = history([[3_599, 1], [3_601, 1]], [[3_601, 1]]);
  set(1, 2, past);
  assert.deepEqual([past.recommended.length, past.changes.length], [2, 0]);
});
it('what was asked for by a clock that was a day ahead counts as asked for now', () => {
  const past = history([[-86_400, 7]], [[-86_400, 4]]);
  assert.deepEqual(set(10, 2, past), [7, 'ScaleDownStabilized']);
  assert.deepEqual([past.recommended[0]!.atMs, past.changes[0]!.atMs], [NOW, NOW]);
});

it('remembers what is asked for again and again once, by its last time', () => {
  const past = history([], []);
  for (let round = 0; round < 5; round++) set(3, 3, past);
  assert.equal(past.recommended.length, 1);
  set(3, 1, past);
  assert.equal(past.recommended.length, 2);
});
