import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SCALE_DOWN, SCALE_UP } from '../../api/autoscaling/horizontal-pod-autoscaler.ts';
import type { HPAScalingRules } from '../../api/generated/autoscaling-v2.ts';
import { limit, type History, type Limits } from './behavior.ts';

const NOW = 10_000_000;
const history = (recommended: readonly [secondsAgo: number, replicas: number][] = [], changes: readonly [secondsAgo: number, by: number][] = []): History => ({
  recommended: recommended.toSorted(([one], [other]) => other - one).map(([ago, replicas]) => ({ atMs: NOW - ago * 1_000, replicas })),
  changes: changes.toSorted(([one], [other]) => other - one).map(([ago, by]) => ({ atMs: NOW - ago * 1_000, by })),
});
const limits = (more: Partial<Limits> = {}): Limits => ({ least: 1, most: 100, up: SCALE_UP, down: SCALE_DOWN, downWindowSeconds: 300, ...more });
const set = (current: number, asked: number, past = history(), more: Partial<Limits> = {}): [number, string?] => {
  const { replicas, stabilizedBy, limitedBy } = limit(current, asked, { history: past, limits: limits(more), nowMs: NOW });
  const reason = limitedBy?.reason ?? stabilizedBy?.reason;
  return reason === undefined ? [replicas] : [replicas, reason];
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

describe('the cases of upstream (pkg/controller/podautoscaler), as facts', () => {
  type Rules = readonly [pods: number, podsSeconds: number, percent?: number, percentSeconds?: number];
  interface Case { from: number; asked: number; bounds: readonly [least: number, most: number]; up?: Rules; down?: Rules; added?: readonly number[]; taken?: readonly number[]; gives: number; reason?: string }
  const policiesOf = ([pods, podsSeconds, percent = 0, percentSeconds = 0]: Rules): HPAScalingRules['policies'] => [
    ...(pods > 0 ? [{ type: 'Pods', value: pods, periodSeconds: podsSeconds }] : []), ...(percent > 0 ? [{ type: 'Percent', value: percent, periodSeconds: percentSeconds }] : []),
  ];
  /** Over the last two minutes. */
  const spread = (counts: readonly number[] = [], sign: 1 | -1 = 1): [secondsAgo: number, by: number][] => counts.map((count, index) => [((index + 0.5) * 120) / counts.length, sign * count]);
  const cases: readonly Case[] = [
    { from: 5, asked: 7, bounds: [3, 8], gives: 7 }, { from: 3, asked: 1, bounds: [2, 8], gives: 2, reason: 'TooFewReplicas' }, { from: 1, asked: 0, bounds: [0, 10], gives: 0 }, { from: 20, asked: 1_000, bounds: [1, 10], gives: 10, reason: 'TooManyReplicas' },
    { from: 100, asked: 1_000, bounds: [100, 150], gives: 150, reason: 'TooManyReplicas' }, { from: 3, asked: 1_000, bounds: [1, 2_000], up: [0, 0, 1, 60], gives: 4, reason: 'ScaleUpLimit' }, { from: 1_000, asked: 3, bounds: [3, 2_000], down: [20, 60], gives: 980, reason: 'ScaleDownLimit' },
    { from: 10, asked: 50, bounds: [1, 1_000], gives: 20, reason: 'ScaleUpLimit' }, { from: 10, asked: 500, bounds: [1, 1_000], up: [100, 60, 100, 60], gives: 110, reason: 'ScaleUpLimit' }, { from: 10, asked: 500, bounds: [1, 1_000], up: [2, 60, 100, 60], gives: 20, reason: 'ScaleUpLimit' },
    { from: 10, asked: 50, bounds: [1, 1_000], up: [100, 60], gives: 50 }, { from: 10, asked: 50, bounds: [1, 1_000], up: [10_000, 60], gives: 50 }, { from: 10, asked: 50, bounds: [1, 1_000], up: [30, 60], gives: 40, reason: 'ScaleUpLimit' }, { from: 10, asked: 50, bounds: [1, 1_000], up: [0, 0, 200, 60], gives: 30, reason: 'ScaleUpLimit' },
    { from: 100, asked: 2, bounds: [1, 1_000], down: [20, 60, 1, 60], gives: 80, reason: 'ScaleDownLimit' }, { from: 100, asked: 2, bounds: [1, 1_000], down: [2, 60, 1, 60], gives: 98, reason: 'ScaleDownLimit' }, { from: 10, asked: 0, bounds: [1, 1_000], down: [100, 60], gives: 1, reason: 'TooFewReplicas' },
    { from: 10, asked: 2, bounds: [5, 1_000], down: [0, 0, 100, 60], gives: 5, reason: 'TooFewReplicas' }, { from: 10, asked: 2, bounds: [1, 1_000], down: [5, 60], gives: 5, reason: 'ScaleDownLimit' }, { from: 10, asked: 5, bounds: [1, 1_000], down: [0, 0, 50, 60], gives: 5 },
    { from: 100, asked: 500, bounds: [1, 200], up: [300, 60], added: [1, 5, 9], gives: 200, reason: 'TooManyReplicas' }, { from: 100, asked: 500, bounds: [1, 200], up: [0, 0, 10_000, 60], added: [1, 5, 9], gives: 200, reason: 'TooManyReplicas' },
    { from: 100, asked: 500, bounds: [1, 1_000], up: [5, 120], added: [1, 5, 9], gives: 100, reason: 'ScaleUpLimit' }, { from: 100, asked: 500, bounds: [1, 1_000], up: [150, 120], added: [1, 5, 9], gives: 235, reason: 'ScaleUpLimit' }, { from: 100, asked: 500, bounds: [1, 1_000], up: [0, 0, 200, 120], added: [1, 5, 9], gives: 255, reason: 'ScaleUpLimit' },
    { from: 10, asked: 5, bounds: [1, 1_000], taken: [1, 5, 9], gives: 5 }, { from: 100, asked: 0, bounds: [1, 1_000], down: [115, 120], taken: [1, 5, 9], gives: 1, reason: 'TooFewReplicas' }, { from: 100, asked: 0, bounds: [5, 1_000], down: [130, 120], taken: [1, 5, 9], gives: 5, reason: 'TooFewReplicas' },
    { from: 100, asked: 2, bounds: [5, 1_000], down: [0, 0, 100, 120], taken: [1, 5, 9], gives: 5, reason: 'TooFewReplicas' }, { from: 100, asked: 2, bounds: [1, 1_000], down: [5, 120], taken: [1, 5, 9], gives: 100, reason: 'ScaleDownLimit' }, { from: 100, asked: 0, bounds: [1, 1_000], down: [0, 0, 50, 120], taken: [2, 4, 6], gives: 56, reason: 'ScaleDownLimit' },
    { from: 100, asked: 0, bounds: [1, 1_000], down: [0, 0, 10, 120], taken: [10, 10, 10], gives: 100, reason: 'ScaleDownLimit' }, { from: 10, asked: 5, bounds: [1, 1_000], down: [0, 0, 1_000, 120], taken: [10, 10, 10], gives: 5 },
    { from: 100, asked: 200, bounds: [1, 1_000], up: [1_000, 60], added: [8, 12, 9, 11], gives: 200 }, { from: 100, asked: 200, bounds: [1, 1_000], up: [1_000, 120, 100, 60], added: [8, 12, 9, 11], gives: 200 }, { from: 100, asked: 5, bounds: [1, 1_000], down: [1_000, 60], taken: [8, 12, 9, 11], gives: 5 },
    { from: 100, asked: 5, bounds: [1, 1_000], down: [1_000, 30, 100, 60], taken: [8, 12, 9, 11], gives: 5 },
  ];
  for (const { from, asked, bounds: [least, most], up, down, added, taken, gives, reason } of cases) {
    it(`${from} to ${asked} by ${JSON.stringify({ up, down, added, taken })} within ${least} and ${most}`, () => {
      const rules = (own: HPAScalingRules, policies: Rules | undefined): HPAScalingRules => (policies === undefined ? own : { ...own, policies: policiesOf(policies) });
      const past = history([], [...spread(added), ...spread(taken, -1)]);
      assert.deepEqual(set(from, asked, past, { least, most, up: rules(SCALE_UP, up), down: rules({ ...SCALE_DOWN, stabilizationWindowSeconds: 0 }, down) }), reason === undefined ? [gives] : [gives, reason]);
    });
  }

  const windows: readonly [name: string, past: readonly [minutesAgo: number, replicas: number][], from: number, asked: number, seconds: { up?: number; down?: number }, gives: number][] = [
    ['nothing is known', [], 100, 5, {}, 5], ['down, to the greatest', [[2, 4], [1, 5]], 100, 3, { down: 180 }, 5], ['up, to the least', [[2, 4], [1, 5]], 1, 7, { up: 300 }, 4], ['down, by no window of down', [[2, 1], [1, 2]], 100, 3, { up: 300 }, 3],
    ['up, by no window of up', [[2, 4], [1, 5]], 1, 3, { down: 300 }, 3], ['what is out of the window', [[10, 10], [9, 9]], 100, 3, {}, 3], ['the same, up', [[10, 10], [9, 9]], 1, 100, {}, 100], ['some are out of it, down', [[10, 10], [9, 9], [2, 5], [1, 4]], 100, 3, { down: 180 }, 5],
    ['some are out of it, up', [[59, 10], [3, 9], [2, 5], [1, 6]], 1, 100, { up: 300 }, 5],
  ];
  for (const [name, past, from, asked, { up = 0, down = 0 }, gives] of windows) {
    it(`windows: ${name}`, () => {
      const all: HPAScalingRules = { policies: [{ type: 'Percent', value: 100_000, periodSeconds: 60 }] };
      assert.equal(set(from, asked, history(past.map(([minutes, replicas]) => [minutes * 60, replicas])), { most: 1_000, up: { ...all, stabilizationWindowSeconds: up }, down: { ...all, stabilizationWindowSeconds: down } })[0], gives);
    });
  }
});
