import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { clairvoyant } from './clairvoyant.ts';
import { compareKeepAlive } from './compare.ts';
import { fixed, hybridHistogram, learned } from './policies.ts';
import { generator } from '../random.ts';
import { simulateKeepAlive } from './simulate.ts';
import { readInvocations, type InvocationTrace } from './trace.ts';
import { worthOf } from './worth.ts';

const trace = (minutes: number, ...units: number[][]): InvocationTrace => ({ name: 't', minutes, units: units.map((each, index) => ({ id: `u${index}`, facts: {}, minutes: each })) });

describe('the machine of the simulator', () => {
  it('counts what was not warm, and what was warm for nothing', () => {
    const { coldStarts, idleMinutes, rate75, rate75WithFirst } = simulateKeepAlive(trace(40, [0, 5, 16, 30]), fixed(10));
    assert.deepEqual([coldStarts, idleMinutes, rate75, rate75WithFirst], [2, 4 + 10 + 10 + 9, 2 / 3, 3 / 4]);
  });
  it('the hybrid histogram loads before the time, and unloads meanwhile', () => {
    const every20 = Array.from({ length: 20 }, (_, index) => index * 20);
    const { coldStarts, idleMinutes } = simulateKeepAlive(trace(400, every20), hybridHistogram());
    assert.equal(coldStarts, 0);
    assert.ok(idleMinutes < 5 * 19 + 14 * 5 + 20, `${idleMinutes}`);
  });
  it('who knows the next invocation keeps the shortest idle times', () => {
    const { coldStarts, idleMinutes } = simulateKeepAlive(trace(60, [0, 3, 20, 25], [0, 30]), clairvoyant(trace(60, [0, 3, 20, 25], [0, 30]), { idleMinutes: 7 }));
    assert.deepEqual([coldStarts, idleMinutes], [2, 2 + 4]);
    const units = [[0, 2, 5, 40], [0, 50], [0, 3], [0, 4]];
    assert.deepEqual([0.15, 0.5].map((rate75) => simulateKeepAlive(trace(60, ...units), clairvoyant(trace(60, ...units), { rate75 })).idleMinutes), [2 + 3 + 1 + 2 + 34, 2 + 3 + 1 + 2]);
  });
  it('the worth of a minute is found at which there are as many cold starts, or idle minutes, as are wanted, and hardly fewer', () => {
    const random = generator(5);
    const chances = Array.from({ length: 16 }, (_, unit) => 0.003 * (1 + unit));
    const busy = trace(1_500, ...chances.map((chance) => Array.from({ length: 1_500 }, (_, minute) => minute).filter((minute) => minute === 0 || random() < chance)));
    const ten = simulateKeepAlive(busy, fixed(10));
    const [atStarts, atIdle] = [{ coldStarts: ten.coldStarts }, { idleMinutes: ten.idleMinutes }].map((wanted) => simulateKeepAlive(busy, learned({ price: worthOf(busy, wanted) }))) as [typeof ten, typeof ten];
    assert.ok(atStarts.coldStarts <= ten.coldStarts && atStarts.coldStarts > 0.95 * ten.coldStarts, `${atStarts.coldStarts} of ${ten.coldStarts}`);
    assert.ok(atIdle.idleMinutes <= ten.idleMinutes && atIdle.idleMinutes > 0.95 * ten.idleMinutes, `${atIdle.idleMinutes} of ${ten.idleMinutes}`);
  });
  it('names that are not known are refused', () => assert.throws(() => compareKeepAlive(trace(1, [0]), ['best']), /there is no policy 'best'; there are fixed-5/));
});

it('a trace is read with what is told beside it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-trace-'));
  try {
    writeFileSync(join(folder, 'inv_x_1min.csv'), 'minute_offset,function_id,invocations\n7,f,2\n9,f,1\n8,g,1\n');
    writeFileSync(join(folder, 'inv_x_meta.csv'), 'function_id,app_id,trigger,app_memory_avg_mb\nf,a,timer,200\n');
    assert.deepEqual(readInvocations(join(folder, 'inv_x_1min.csv')), {
      name: 'x_1min', minutes: 3, units: [{ id: 'f', facts: { trigger: 'timer', group: 'a', memoryMiB: 200 }, minutes: [0, 2] }, { id: 'g', facts: {}, minutes: [1] }],
    });
    writeFileSync(join(folder, 'bad.csv'), 'a,b\n1,2\n');
    assert.throws(() => readInvocations(join(folder, 'bad.csv')), /needs a column function_id or model_id and a column minute_offset or arrival_s; it has a, b/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
