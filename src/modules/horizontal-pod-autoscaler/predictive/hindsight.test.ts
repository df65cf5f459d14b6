import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PricedReplicas } from './price.ts';
import { Hindsight } from './hindsight.ts';
import { account, atLeast, patient, type Moment } from './thought.ts';

describe('who knew the load', () => {
  const means = (needs: readonly number[], startMs: number): number => {
    const hindsight = new Hindsight({ stepMs: 60_000, startMs, share: 1e-9 });
    for (const need of needs) hindsight.add(need);
    return hindsight.mean;
  };
  it('has the most that is needed in a start and the five minutes before', () => {
    // A peak of one step is in the windows of 5 + 2 + 1 steps.
    const needs = [...new Array<number>(20).fill(1), 9, ...new Array<number>(29).fill(1)];
    assert.ok(Math.abs(means(needs, 120_000) - (1 + (8 * 8) / 50)) < 1e-9);
    assert.equal(means(new Array<number>(10).fill(3), 300_000), 3);
  });
});

const moment = (more: Partial<Moment> = {}): Moment => ({ nowMs: 0, stepMs: 15_000, load: 4, limit: 0.8, meanNeed: 5, reactive: 6, inDoubt: false, isUnlikely: false, reactiveChange: 0, dear: 10, ...more });

describe('no fewer than a HorizontalPodAutoscaler has', () => {
  const fleet = { ready: 5, total: 5, saturatedMs: 0 };
  for (const { what, more, least } of [
    { what: 'not where all is as forecast', more: {}, least: 5 },
    { what: 'not where too few are ready for a load that was likely: they are the few that the price does not buy', more: { load: 4.4 }, least: 5 },
    { what: 'where too few are ready for a load that was not likely', more: { load: 4.4, isUnlikely: true }, least: 9 },
    { what: 'not where it was not likely, but there are enough', more: { load: 3.9, isUnlikely: true }, least: 5 },
    { what: 'where the load is not seen', more: { load: 5 }, least: 9 },
    { what: 'where it is above all that was possible', more: { inDoubt: true }, least: 9 },
  ]) it(what, () => assert.equal(atLeast(3, moment({ reactive: 9, ...more }), fleet), least));
});

describe('changes', () => {
  it('are no more than those of a HorizontalPodAutoscaler: the next one downward waits for its', () => {
    const priced = new PricedReplicas(4, { startSteps: 4 });
    const own = (): { credit: number; mean: number } => ({ credit: priced.credit, mean: 9 });
    for (let step = 0; step < 20; step++) account(priced, true, moment());
    assert.equal(patient(5, 8, own(), moment()), 8);
    assert.equal(patient(5, 8, own(), moment({ reactiveChange: -2 })), 6);
    assert.equal(patient(9, 8, own(), moment()), 9);
    assert.equal(patient(5, 8, { ...own(), mean: 11 }, moment()), 5);
    for (let step = 0; step < 30; step++) account(priced, false, moment({ reactiveChange: 1 }));
    assert.equal(patient(5, 8, own(), moment()), 5);
  });
});
