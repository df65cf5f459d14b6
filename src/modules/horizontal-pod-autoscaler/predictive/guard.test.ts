import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { Engine } from './engine.ts';
import { Guard, type Sample } from './guard.ts';
import { createReactive } from './reactive.ts';
import { ScalingRecord } from './record.ts';
import { Replicas } from './replicas.ts';
import { startSecondsOf } from './start-time.ts';

const NOW = Date.UTC(2026, 0, 1);
const STEP_MS = 15_000;

describe('a source that may not be believed', () => {
  /** What is said of each sample, one a round; measured when it is asked for unless it says otherwise. */
  const said = (samples: readonly (Partial<Sample> | undefined)[]): string[] => {
    const guard = new Guard();
    return samples.map((sample, round) => {
      const { fault, keep } = guard.judge(NOW + round * STEP_MS, sample === undefined ? undefined : { load: 10, measuredMs: NOW + round * STEP_MS, most: 20, ...sample });
      return fault ?? (keep > 0 ? 'recovering' : 'ok');
    });
  };
  const cases: readonly [string, readonly (Partial<Sample> | undefined)[], readonly string[]][] = [
    ['is well', [{}, { load: 15 }, { load: 30 }], ['ok', 'ok', 'ok']],
    ['fails, and recovers slowly', [{}, undefined, {}], ['ok', 'Failed', 'recovering']],
    ['sends no number', [{ load: Number.NaN }, { load: -1 }, { load: Infinity }], ['NotANumber', 'NotANumber', 'NotANumber']],
    ['goes back in time', [{}, { measuredMs: NOW - 60_000 }, {}], ['ok', 'Backwards', 'recovering']],
    ['jumps, and is believed when it says so again', [{}, { load: 500 }, { load: 500 }, { load: 500 }], ['ok', 'Jumped', 'recovering', 'recovering']],
    ['is what machines used: a crowd need not be confirmed', [{}, { load: 500, most: undefined }], ['ok', 'ok']],
    ['jumps for a moment', [{}, { load: 500 }, {}], ['ok', 'Jumped', 'recovering']],
    ['suddenly sees nothing', [{}, ...new Array<Partial<Sample>>(9).fill({ load: 0 })], ['ok', ...new Array<string>(8).fill('Vanished'), 'recovering']],
    ['has nothing where there was next to nothing', [{ load: 0.2 }, { load: 0 }, { load: 0.2 }], ['ok', 'ok', 'ok']],
  ];
  for (const [name, samples, expected] of cases) it(name, () => assert.deepEqual(said(samples), expected));

  it('freezes: the same time for minutes', () => {
    const frozen = said([...new Array<Partial<Sample>>(15).fill({ measuredMs: NOW }), {}]);
    assert.deepEqual([frozen[10], frozen[11], frozen.at(-1)], ['ok', 'Frozen', 'recovering']);
  });
  it('tells no time: its value may stay the same', () => assert.deepEqual(new Set(said(new Array<Partial<Sample>>(40).fill({ measuredMs: undefined }))), new Set(['ok'])));
});

describe('the engine', () => {
  const engine = (): Engine => new Engine({ stepMs: STEP_MS, startMs: 30_000, target: 70 });
  const measured = (load: number, total: number): Parameters<Engine['answer']>[1] => ({ ratio: load / total / 0.7, counted: total, saturated: false, total });

  it('holds what there is while its metric is faulty, and goes down slowly afterwards', () => {
    const one = engine();
    let total = 10;
    for (let step = 0; step < 40; step++) total = one.answer(NOW + step * STEP_MS, measured(14, total), { current: total }).replicas;
    const held = one.answer(NOW + 40 * STEP_MS, undefined, { current: total, failure: 'refused' });
    assert.deepEqual([held.replicas, held.verdict.fault, held.verdict.message, held.decision], [total, 'Failed', 'refused', undefined]);
    for (let step = 41; step < 60; step++) {
      const next = one.answer(NOW + step * STEP_MS, measured(4, total), { current: total }).replicas;
      assert.ok(next >= Math.ceil(0.9 * total), `${next} of ${total}`);
      total = next;
    }
  });
  it('a crowd that nobody could know finds as many as under an HPA: of cpu at once, of a metric that may say anything a round later', () => {
    const crowd = (step: number): number => (step < 480 ? 10 : step < 600 ? 100 : 10);
    const short = (decide: (step: number, load: number, fleet: Replicas) => number): number => {
      const fleet = new Replicas(15, 60_000);
      let violated = 0;
      for (let step = 0; step < 620; step++) {
        const nowMs = NOW + step * STEP_MS;
        fleet.advance(nowMs);
        if (crowd(step) > 0.8 * fleet.ready) violated++;
        // Both are bound to grow as an HPA does by default.
        fleet.set(Math.min(decide(step, crowd(step), fleet), Math.max(2 * fleet.total, fleet.total + 4)), nowMs);
      }
      return violated;
    };
    const reactive = createReactive({ target: 0.7, by: 'AverageValue' });
    const hpa = short((step, load, { ready, total }) => reactive.decide({ nowMs: NOW + step * STEP_MS, utilisation: load / ready, ready, total }));
    const own = (isUsage: boolean): number => {
      const one = new Engine({ stepMs: STEP_MS, startMs: 60_000, target: 70, floor: { by: 'AverageValue', shownAtMost: Infinity } });
      return short((step, load, { ready, total }) => one.answer(NOW + step * STEP_MS, { ratio: load / ready / 0.7, counted: ready, saturated: false, total, isUsage }, { current: total }).replicas);
    };
    assert.ok(own(true) <= hpa && own(false) <= hpa + 1, `${own(true)}, ${own(false)} and ${hpa}`);
  });
  it('learns a day that has passed in a moment, and forecasts at once', async () => {
    const one = engine();
    const daily = (atMs: number): number => 10 + 6 * Math.sin((2 * Math.PI * atMs) / 86_400_000);
    await one.learn(Array.from({ length: 289 }, (_, index) => ({ atMs: NOW + index * 300_000, load: daily(NOW + index * 300_000) })));
    const nowMs = NOW + 289 * 300_000;
    const { decision } = one.answer(nowMs, measured(daily(nowMs), 15), { current: 15 });
    assert.equal(decision?.rule, 'Forecast');
    assert.ok(Math.abs(decision.quantiles[1]! - daily(nowMs + 45_000)) < 0.5, `${decision.quantiles[1]}`);
  });
});

it('the time of a start is that of four of five of late', () => {
  const pod = (seconds: number, status = 'True'): Pod => ({
    metadata: { creationTimestamp: new Date(NOW).toISOString() }, status: { conditions: [{ type: 'Ready', status, lastTransitionTime: new Date(NOW + seconds * 1_000).toISOString() }] },
  } as unknown as Pod);
  assert.equal(startSecondsOf([]), undefined);
  assert.equal(startSecondsOf([pod(5, 'False'), pod(9_000)]), undefined);
  assert.equal(startSecondsOf([1, 2, 3, 4, 60].map((seconds) => pod(seconds))), 4);
});

it('a record keeps a day, the greatest of every five minutes', () => {
  const record = new ScalingRecord();
  const add = (minute: number, load: number): void => record.add(NOW + minute * 60_000, { load, median: 1, p80: 2, p97: 3, replicas: 4, reactive: 5 });
  add(0, 1);
  add(2, 7);
  add(11, 3);
  assert.deepEqual([record.columns().times, record.columns().load], [[NOW / 1_000, NOW / 1_000 + 600], [7, 3]]);
  add(24 * 60 + 6, 9);
  assert.deepEqual(record.columns().load, [3, 9]);
  for (let index = 0; index < 30; index++) record.decide({ time: '', from: index, to: index, rule: 'Forecast', message: '' });
  assert.deepEqual([record.decisions.length, record.decisions[0]!.from], [20, 10]);
});
