import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ACTIONS, Bandit, SAFE } from './bandit.ts';
import { Context } from './context.ts';
import { LEVELS } from './distribution.ts';
import { MultiRidge } from './multi-ridge.ts';
import { LoadSeries } from './series.ts';

const STEP_MS = 15_000;

/** Two contexts: in the wild one all but the dearest action are often too few; in the calm one none ever is. */
function taught(ahead: number): Bandit {
  const bandit = new Bandit({ stepMs: STEP_MS, aheadMs: ahead * STEP_MS, contextSize: 2 });
  const isWild = (step: number): boolean => Math.floor(step / 50) % 2 === 1;
  for (let step = 0; step < 8_000; step++) {
    const violated = ACTIONS.map(({ price }) => (step >= ahead && isWild(step - ahead) && (price < 2 || step % 7 === 0) ? 1 : 0));
    bandit.learn(step * STEP_MS, [1, isWild(step) ? 1 : 0], { replicas: ACTIONS.map(({ price, hold }) => 1 + 0.1 * Math.log2(price) + 0.01 * hold), violated });
  }
  return bandit;
}

describe('the bandit', () => {
  it('buys a higher quantile where the context is wild, a lower one where it is calm', () => {
    const bandit = taught(20);
    assert.equal(ACTIONS[bandit.choose([1, 1], 2)]!.price, 2);
    assert.equal(ACTIONS[bandit.choose([1, 0], 2)]!.price, 0.5);
  });
  it('is safe before it has learned anything, and where nothing is better', () => {
    const bandit = new Bandit({ stepMs: STEP_MS, aheadMs: 300_000, contextSize: 2 });
    assert.equal(bandit.choose([1, 1], 4), SAFE);
    for (let step = 0; step < 1_000; step++) bandit.learn(step * STEP_MS, [1, 0], { replicas: ACTIONS.map(() => 1), violated: ACTIONS.map(() => 0) });
    assert.equal(bandit.choose([1, 0], 4), SAFE);
    assert.deepEqual(ACTIONS[SAFE], { price: 1, hold: 1 });
  });
  it('learns nothing of decisions that were made before a pause', () => {
    const bandit = new Bandit({ stepMs: STEP_MS, aheadMs: 300_000, contextSize: 1 });
    for (let step = 0; step < 1_000; step++) bandit.learn(step * 86_400_000, [1], { replicas: ACTIONS.map((_, index) => index), violated: ACTIONS.map(() => 0) });
    assert.equal(bandit.choose([1], 4), SAFE);
  });
});

it('regressions of several answers find the weights of each', () => {
  const ridge = new MultiRidge({ inputs: 2, outputs: 2, halfLifeRows: 1_000 });
  for (let row = 0; row < 300; row++) ridge.add([1, Math.sin(row)], [3 - Math.sin(row), 2 * Math.sin(row)]);
  ridge.solve(1e-6);
  for (const [output, expected] of [[0, 2.5], [1, 1]] as const) assert.ok(Math.abs(ridge.predict([1, 0.5], output) - expected) < 1e-3);
});

it('a context has numbers that are bounded, whatever the load', () => {
  const series = new LoadSeries(STEP_MS);
  const context = new Context();
  for (const [step, load] of [0, 1e6, 0, 1e-9, 5].entries()) {
    series.add(step * STEP_MS, load);
    for (const value of context.read(series, new Float32Array(LEVELS.length).fill(load), step === 0 ? undefined : new Float32Array(LEVELS.length))) assert.ok(Math.abs(value) <= 2, `${step}: ${value}`);
  }
});
