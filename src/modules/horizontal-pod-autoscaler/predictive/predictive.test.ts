import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chanceAbove, LEVELS } from './distribution.ts';
import { Outlook } from './outlook.ts';
import { Predictive } from './predictive.ts';
import { choicesOf, PricedReplicas } from './price.ts';
import { Replicas } from './replicas.ts';
import { Ridge } from './ridge.ts';
import { LoadSeries } from './series.ts';

const STEP_MS = 15_000;
const START = Date.UTC(2024, 0, 1);
const DAY_STEPS = 5_760;

/** Numbers from 0 to 1, the same every time. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

describe('the distribution', () => {
  it('is exceeded as often as it says', () => {
    const outlook = new Outlook(STEP_MS, 300_000);
    const next = random(7);
    const noise = (): number => next() + next() + next() - 1.5;
    const above = LEVELS.map(() => 0);
    const loads: number[] = [];
    const made: Float32Array[] = [];
    const steps = 3 * DAY_STEPS;
    for (let step = 0; step < steps; step++) {
      if (step % 4 === 0) loads.push(...new Array<number>(4).fill(16 + 6 * Math.sin((2 * Math.PI * step) / DAY_STEPS) + 4 * noise()));
      made.push(Float32Array.from(outlook.step(START + step * STEP_MS, loads[step]!)));
    }
    for (let step = DAY_STEPS; step + 20 < steps; step++) for (const [level] of LEVELS.entries()) if (loads[step + 20]! > made[step]![level]!) above[level]!++;
    for (const [level, share] of LEVELS.entries()) {
      const found = above[level]! / (steps - DAY_STEPS - 20);
      assert.ok(Math.abs(found - (1 - share)) < 0.02 + 0.15 * (1 - share), `${share}: exceeded in ${found}`);
    }
  });
  it('gives the chance of more, falling from 1 to 0', () => {
    const quantiles = LEVELS.map((_, index) => 10 + index);
    assert.equal(chanceAbove(quantiles, 0), 1);
    for (const [index, level] of LEVELS.entries()) assert.ok(Math.abs(chanceAbove(quantiles, 10 + index) - (1 - level)) < 1e-9);
    const falling = Array.from({ length: 100 }, (_, index) => chanceAbove(quantiles, index / 2));
    for (let index = 1; index < falling.length; index++) assert.ok(falling[index]! <= falling[index - 1]!);
    assert.ok(falling.at(-1)! < 1e-6);
  });
});

describe('forecasters', () => {
  it('know a ramp, a day and a level after a shift', () => {
    const outlook = new Outlook(STEP_MS, 300_000);
    const daily = (step: number): number => 16 + 8 * Math.sin((2 * Math.PI * step) / DAY_STEPS);
    let quantiles = new Float32Array();
    for (let step = 0; step < 3 * DAY_STEPS; step++) quantiles = outlook.step(START + step * STEP_MS, daily(step)) as Float32Array<ArrayBuffer>;
    assert.ok(Math.abs(quantiles[1]! - daily(3 * DAY_STEPS + 19)) < 0.3, `${quantiles[1]}`);
    for (let step = 0; step < 480; step++) outlook.step(START + (3 * DAY_STEPS + step) * STEP_MS, 40);
    const names = outlook.explain();
    assert.ok(Math.abs(names.find(({ name }) => name === 'level-shift')!.load - 40) < 2);
    assert.ok(Math.abs(names.reduce((sum, { weight }) => sum + weight, 0) - 1) < 1e-6);
  });
  it('a regression finds the weights', () => {
    const ridge = new Ridge([0, 0, 0], 1_000);
    const next = random(3);
    for (let index = 0; index < 500; index++) {
      const row = [next(), next(), 1];
      ridge.add(row, 2 * row[0]! - row[1]! + 0.5, 1);
    }
    ridge.solve(1e-3);
    assert.deepEqual([...ridge.weights].map((each) => Math.round(each * 100) / 100), [2, -1, 0.5]);
  });
});

it('a series fills short gaps, forgets long ones, and knows last week', () => {
  const series = new LoadSeries(STEP_MS);
  series.add(START, 10);
  series.add(START + 4 * STEP_MS, 14);
  assert.deepEqual([series.length, series.back(0), series.back(1), series.back(4), series.back(99)], [5, 14, 13, 10, 10]);
  const before = series.length;
  series.add(START + 7 * 86_400_000, 20);
  assert.equal(series.length, before + 1);
  assert.ok(series.around(START) > 10);
  assert.ok(Number.isNaN(series.around(START + 86_400_000)));
});

describe('replicas at a price', () => {
  const sharp = Float32Array.from(LEVELS, (_, index) => 15 + index / 100);
  const wide = Float32Array.from(LEVELS, (_, index) => 10 + 3 * index);
  const settled = (price: number, quantiles: Float32Array): number => {
    const priced = new PricedReplicas(price, { startSteps: 4, changePrice: 0 });
    let total = 20;
    for (let step = 0; step < 10; step++) total = priced.decide(choicesOf(quantiles, 0.8), total, 20);
    return total;
  };
  it('a higher price gets more, and certainty is bought first', () => {
    assert.ok(settled(1, wide) < settled(8, wide));
    assert.equal(settled(1, sharp), 19);
    assert.ok(settled(1, wide) < wide.at(-3)! / 0.8);
  });
  it('what was asked for is held until its time has come, unless less is known to come since', () => {
    const at = (load: number): Float32Array => Float32Array.from(LEVELS, (_, index) => load + index / 100);
    for (const { newest, replicas } of [{ newest: 31.5, replicas: 40 }, { newest: 3.5, replicas: 5 }]) {
      const priced = new PricedReplicas(4, { startSteps: 20, changePrice: 0 });
      let total = priced.decide(choicesOf(at(31.5), 0.8), 5, 20);
      assert.equal(total, 40);
      const choices = choicesOf(at(3.5), 0.8);
      choices.newest = newest;
      for (let step = 0; step < 5; step++) total = priced.decide(choices, total, 20);
      assert.equal(total, replicas);
    }
  });
  it('what a change costs keeps it from small ones, not from great ones', () => {
    const priced = new PricedReplicas(4, { startSteps: 1, changePrice: 1 });
    const need = Float32Array.from(LEVELS, (_, index) => 15.9 + index / 100);
    assert.equal(priced.decide(choicesOf(need, 0.8), 22, 20), 22);
    assert.ok(priced.decide(choicesOf(Float32Array.from(need, (each) => each * 2), 0.8), 22, 20) >= 40);
  });
});

it('replicas in thought are ready when they would be', () => {
  const fleet = new Replicas(2, 30_000);
  fleet.set(5, 0);
  fleet.advance(15_000);
  assert.deepEqual([fleet.ready, fleet.total], [2, 5]);
  fleet.advance(30_000);
  fleet.set(1, 30_000);
  assert.deepEqual([fleet.ready, fleet.total], [1, 1]);
});

describe('the policy', () => {
  const run = (load: (step: number) => number, steps: number, policy = new Predictive({ stepMs: STEP_MS, startMs: 120_000 })): { policy: Predictive; violated: number; replicas: number } => {
    const fleet = new Replicas(Math.ceil(load(0) / 0.7), 120_000);
    let [violated, replicas] = [0, 0];
    for (let step = 0; step < steps; step++) {
      fleet.advance(START + step * STEP_MS);
      const now = load(step);
      if (now > 0.8 * fleet.ready) violated++;
      fleet.set(policy.decide({ nowMs: START + step * STEP_MS, utilisation: Math.min(1, now / fleet.ready), saturated: now >= fleet.ready, ready: fleet.ready, total: fleet.total }), START + step * STEP_MS);
      replicas += fleet.total;
    }
    return { policy, violated: violated / steps, replicas: replicas / steps };
  };
  const daily = (step: number): number => 16 + 8 * Math.sin((2 * Math.PI * step) / DAY_STEPS);
  it('is an HPA while it learns, and says so', () => {
    const { policy } = run(daily, 100);
    assert.equal(policy.explain()?.rule, 'Learning');
    assert.equal(policy.explain()?.replicas, policy.explain()?.counterfactual.replicas);
  });
  it('is no less than an HPA in the first day, until it has had too few less often', () => {
    const next = random(5);
    const noisy = (step: number): number => daily(step) * (1 + 0.06 * (next() + next() - 1));
    const fleet = new Replicas(20, 120_000);
    const policy = new Predictive({ stepMs: STEP_MS, startMs: 120_000 });
    let asFloor = 0;
    for (let step = 0; step < DAY_STEPS - 1; step++) {
      fleet.advance(START + step * STEP_MS);
      fleet.set(policy.decide({ nowMs: START + step * STEP_MS, utilisation: Math.min(1, noisy(step) / fleet.ready), ready: fleet.ready, total: fleet.total }), START + step * STEP_MS);
      const { replicas, counterfactual: { replicas: least, own, reactive }, message } = policy.explain()!;
      if (own.violated < reactive.violated) continue;
      assert.ok(replicas >= least, `${step}: ${replicas} of ${least}`);
      if (message.includes('not had too few less often yet')) asFloor++;
    }
    assert.ok(asFloor > 100, `${asFloor}`);
  });
  it('then saves what an HPA spends, with no more violations', () => {
    const { policy } = run(daily, 4 * DAY_STEPS);
    const { rule, counterfactual: { own, reactive, careful } } = policy.explain()!;
    assert.equal(rule, 'Forecast');
    assert.ok(own.violated <= reactive.violated + 0.001 && own.replicas < careful.replicas * 0.9, JSON.stringify({ own, reactive, careful }));
  });
  it('meets a share that is asked for', () => {
    const next = random(11);
    const noisy = Array.from({ length: 4 * 1_440 }, (_, minute) => daily(minute * 4) * (1 + 0.25 * (next() + next() - 1)));
    for (const underProvisioned of [0.02, 0.1]) {
      const { violated } = run((step) => noisy[Math.floor(step / 4)]!, 4 * DAY_STEPS, new Predictive({ stepMs: STEP_MS, startMs: 120_000, objective: { underProvisioned } }));
      assert.ok(violated < 1.6 * underProvisioned && violated > 0.4 * underProvisioned, `${underProvisioned}: ${violated}`);
    }
  });
  it('a surge that nobody could know finds no fewer replicas than an HPA would have', () => {
    const shown = { shownAtMost: Infinity };
    const policy = new Predictive({ stepMs: STEP_MS, startMs: 120_000, floor: { by: 'AverageValue', ...shown } });
    run(daily, 2 * DAY_STEPS, policy);
    const began = 2 * DAY_STEPS;
    const fleet = new Replicas(policy.explain()!.replicas, 120_000);
    for (let step = began; step < began + 60; step++) {
      fleet.advance(START + step * STEP_MS);
      const load = daily(step) * (step < began + 8 ? 1 : Math.min(3, 1 + 0.5 * (step - began - 7)));
      fleet.set(policy.decide({ nowMs: START + step * STEP_MS, utilisation: load / fleet.ready, ready: fleet.ready, total: fleet.total }), START + step * STEP_MS);
      const { rule, counterfactual } = policy.explain()!;
      assert.equal(rule, 'Forecast');
      if (load > 0.8 * fleet.ready) assert.ok(fleet.total >= counterfactual.replicas, `${step - began}: ${fleet.total} and ${counterfactual.replicas} for ${load}`);
    }
    assert.ok(fleet.ready * 0.8 >= 3 * daily(began + 60), `${fleet.ready}`);
  });
  it('grows where the replicas are as busy as they can be', () => {
    const { policy } = run((step) => (step < DAY_STEPS ? 10 : 200), DAY_STEPS + 80);
    assert.ok(policy.explain()!.replicas >= 80, `${policy.explain()!.replicas}`);
  });
});
