import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Climate } from './climate.ts';
import { LEVELS } from './distribution.ts';
import { Predictive } from './predictive.ts';
import { Replicas } from './replicas.ts';

const beyond = (climate: Climate, load: number, stays = 1): number[] => {
  const into = new Float32Array(LEVELS.length);
  climate.beyond(load, { levels: LEVELS, stays, into });
  return [...into];
};

describe('the climate of a load', () => {
  it('says how much more it was at other times', () => {
    const climate = new Climate(1_000);
    for (let step = 0; step < 600; step++) climate.add(step % 3 === 0 ? 30 : 3, { capped: false });
    for (const load of beyond(climate, 5)) assert.ok(load >= 30 && load < 33, `${load}`);
    assert.deepEqual(beyond(climate, 40), LEVELS.map(() => 40));
  });
  it('is believed as often as it stays', () => {
    const climate = new Climate(1_000);
    for (let step = 0; step < 100; step++) climate.add(30, { capped: false });
    const loads = beyond(climate, 5, 0.5);
    assert.deepEqual(loads.map((load) => load > 5), LEVELS.map((level) => level > 0.5));
  });
  it('what was not seen counts for what is above, not for what was seen of it', () => {
    const climate = new Climate(1e6);
    for (const load of [2, 20, 40]) climate.add(load, { capped: false });
    for (let step = 0; step < 300; step++) climate.add(10, { capped: true });
    // Half of all at 20, half at 40; hardly any at 10.
    const at = beyond(climate, 1);
    assert.ok(at[0]! >= 20 && at[0]! < 22, `${at}`);
    assert.ok(at[LEVELS.indexOf(0.6)]! >= 40, `${at}`);
  });
  it('forgets', () => {
    const climate = new Climate(50);
    for (let step = 0; step < 50; step++) climate.add(100, { capped: false });
    for (let step = 0; step < 2_000; step++) climate.add(10, { capped: false });
    assert.ok(beyond(climate, 5).every((load) => load < 11));
  });
});

it('work that comes and goes gets what it had the last times at once, though nobody sees how much it is', () => {
  const [stepMs, startMs, start] = [15_000, 300_000, Date.UTC(2024, 0, 1)];
  const policy = new Predictive({ stepMs, startMs, objective: { underProvisioned: 0.1 } });
  const fleet = new Replicas(4, startMs);
  const [off, on, cycles] = [160, 240, 15];
  const short = new Array<number>(cycles).fill(0);
  for (let step = 0; step < cycles * (off + on); step++) {
    const load = step % (off + on) < off ? 3 : 28;
    const nowMs = start + step * stepMs;
    fleet.advance(nowMs);
    if (load > 0.8 * fleet.ready) short[Math.floor(step / (off + on))]!++;
    fleet.set(policy.decide({ nowMs, utilisation: Math.min(1, load / fleet.ready), saturated: load >= fleet.ready, ready: fleet.ready, total: fleet.total }), nowMs);
  }
  // A start takes 20 steps: by growing from what is seen, it takes five starts or more.
  const mean = short.slice(2).reduce((sum, steps) => sum + steps, 0) / (cycles - 2);
  assert.ok(mean < 40, `${short}`);
});
