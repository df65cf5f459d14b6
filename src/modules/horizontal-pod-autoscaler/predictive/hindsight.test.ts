import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LEVELS } from './distribution.ts';
import { Hindsight } from './hindsight.ts';
import { choicesOf, PricedReplicas } from './price.ts';
import { account, atLeast, type Moment } from './thought.ts';

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

const moment = (more: Partial<Moment> = {}): Moment => ({ nowMs: 0, stepMs: 15_000, load: 4, limit: 0.8, meanNeed: 5, reactive: 6, inDoubt: false, isUnlikely: false, reactiveChange: 0, ...more });

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
  it('are no more than those of a HorizontalPodAutoscaler: who has few left waits longer with the next one downward', () => {
    const need = choicesOf(Float32Array.from(LEVELS, (_, index) => 3.9 + index / 1_000), 0.8);
    /** The steps until it goes down from 8. */
    const waits = (priced: PricedReplicas): number => {
      let steps = 0;
      while (steps < 10_000 && priced.decide(need, 8, 5) === 8) steps++;
      return steps;
    };
    const spent = (changes: number): PricedReplicas => {
      const priced = new PricedReplicas(4, { startSteps: 1 });
      for (let step = 0; step < changes; step++) account(priced, true, moment());
      return priced;
    };
    const usual = waits(spent(0));
    assert.ok(usual > 0 && waits(spent(4)) >= 2 * usual && waits(spent(12)) >= 8 * usual, `${usual}, ${waits(spent(4))}, ${waits(spent(12))}`);
    assert.ok(waits(spent(10_000)) <= 64 * (usual + 1), 'it does not wait for ever');
    const earned = spent(12);
    for (let step = 0; step < 30; step++) account(earned, false, moment({ reactiveChange: 1 }));
    assert.equal(waits(earned), usual);
    assert.equal(spent(12).decide(choicesOf(Float32Array.from(LEVELS, () => 7.9), 0.8), 5, 5), 10, 'upward nobody waits');
  });
});
