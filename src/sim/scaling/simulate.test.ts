import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { compare, FRONTIER, violatedAtCost } from './compare.ts';
import { contenders } from './contenders.ts';
import { renderReport } from './report.ts';
import { sampleLoad } from './sample.ts';
import { SHAPES, shapedLoad } from './shapes.ts';
import { exactNeed, simulate, type Run } from './simulate.ts';
import { readLoadTrace, STEP_SECONDS, type LoadTrace } from './trace.ts';

const flat = (values: readonly number[]): LoadTrace => ({ name: 'flat', startMs: Date.UTC(2024, 0, 1), load: Float64Array.from(values) });

describe('the machine of the simulator', () => {
  it('counts the time with too few, and replica-hours from the wish on', () => {
    const load = [...new Array<number>(8).fill(0.8), ...new Array<number>(8).fill(1.6)];
    const asked = simulate(flat(load), { decide: ({ nowMs }) => ((nowMs / 1_000 / STEP_SECONDS) % 16 >= 8 ? 2 : 1) }, { startSeconds: 60 });
    // Seen at the ninth step, ready four steps later.
    assert.deepEqual([asked.violated, asked.cost, asked.changesPerDay * asked.days], [4 / 16, (9 + 7 * 2) / (8 + 8 * 2), 1]);
  });
  it('shows a utilisation of 1 at most', () => {
    const seen: number[] = [];
    simulate(flat([0.8, 5, 5]), { decide: ({ utilisation, total }) => (seen.push(utilisation), total) }, { startSeconds: 60 });
    assert.deepEqual(seen, [0.8, 1, 1]);
  });
  it('takes away those that are starting first', () => {
    const seen: number[] = [];
    const wishes = [5, 2, 2, 1, 1];
    simulate(flat([0.8, 0.8, 0.8, 0.8, 0.8]), { decide: ({ ready }) => (seen.push(ready), wishes.shift()!) }, { startSeconds: 30 });
    assert.deepEqual(seen, [1, 1, 2, 2, 1]);
  });
});

describe('every contender', () => {
  const trace = sampleLoad({ days: 3, noise: 0.3 });
  const runs = Object.fromEntries(compare(trace, Object.keys(contenders()), { startSeconds: 300 }).map(({ contender, run }) => [contender, run])) as Record<string, Run>;
  it('has at least what an oracle needs of replica-hours, or too few at times', () => {
    for (const [name, { cost, violated }] of Object.entries(runs)) assert.ok(cost > 0.7 && cost < 3 && violated < 0.5, `${name}: ${cost}, ${violated}`);
    assert.ok(runs['foresight']!.violated < 0.001);
  });
  it('what is known of the order of targets holds', () => {
    const frontier = FRONTIER.map((name) => runs[name]!);
    for (let index = 1; index < frontier.length; index++) assert.ok(frontier[index]!.cost < frontier[index - 1]!.cost && frontier[index]!.violated >= frontier[index - 1]!.violated);
    assert.equal(violatedAtCost(frontier, frontier[2]!.cost).toFixed(9), frontier[2]!.violated.toFixed(9));
  });
  it('the predictive one has fewer violations than an HPA of its cost, and no more changes', () => {
    const { violated, cost, changesPerDay } = runs['predictive']!;
    assert.ok(violated < violatedAtCost(FRONTIER.map((name) => runs[name]!), cost), `${violated} at ${cost}`);
    assert.ok(changesPerDay <= 1.1 * runs['hpa-70']!.changesPerDay, `${changesPerDay}`);
  });
  it('the report is a page with a table and plots, and no text of a trace becomes markup', () => {
    const page = renderReport('<b>', { ...trace, name: '<script>' }, compare(trace, ['hpa-70', 'hpa-60'], { startSeconds: 60, keep: true }));
    assert.match(page, /<polyline/);
    assert.doesNotMatch(page, /<script>|<b>|NaN/);
  });
});

it('every shape is a load of its own, the same every time, and another for judging', () => {
  const seen = new Set<string>();
  for (const name of Object.keys(SHAPES)) {
    const [one, again, other] = [shapedLoad(name, { days: 1 }), shapedLoad(name, { days: 1 }), shapedLoad(name, { days: 1, half: 1 })].map(({ load }) => load) as [Float64Array, Float64Array, Float64Array];
    assert.deepEqual(one, again);
    assert.notDeepEqual(one, other);
    for (const load of [one, other]) assert.ok(load.length === 5_760 && load.every((each) => each >= 0 && each < 2_000) && Math.abs(load.reduce((sum, each) => sum + each, 0) / load.length - 16) < 1e-9, name);
    seen.add(one.slice(0, 100).join());
  }
  assert.equal(seen.size, Object.keys(SHAPES).length);
  assert.throws(() => shapedLoad('round'), /there is no shape 'round'; there are office/);
});

it('the same seed gives the same load, whose mean keeps 20 replicas busy up to the limit', () => {
  const { load } = sampleLoad({ days: 1 });
  assert.deepEqual(sampleLoad({ days: 1 }).load, load);
  assert.ok(Math.abs(load.reduce((sum, each) => sum + each, 0) / load.length - 16) < 1e-9);
  assert.deepEqual([exactNeed(0), exactNeed(0.8), exactNeed(0.81)], [1, 1, 2]);
});

describe('a trace', () => {
  const read = (text: string | Buffer): LoadTrace => {
    const folder = mkdtempSync(join(tmpdir(), 'llmos-trace-'));
    try {
      writeFileSync(join(folder, 'req_x_1min.csv'), text);
      return readLoadTrace(join(folder, 'req_x_1min.csv'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  it('is read plain and compressed, interpolated and scaled', () => {
    const text = 'time_utc,requests_per_minute\n2024-01-01T00:00:00Z,0\n2024-01-01T00:01:00Z,4\n';
    for (const each of [text, gzipSync(text)]) assert.deepEqual([...read(each).load], [0, 8, 16, 24, 32]);
  });
  const refused: readonly [string, RegExp][] = [
    ['submit_s,cpus\n1,1\n', /needs a column of times/],
    ['time_utc,load\nnoon,1\n', /row 1: 'noon' is no time/],
    ['time_offset_s,load\n0,1\n0,1\n', /row 2: times must go up/],
    ['time_offset_s,load\n0,-1\n', /row 1: load is '-1'/],
  ];
  for (const [text, message] of refused) it(`is refused: ${message.source}`, () => assert.throws(() => read(text), message));
});
