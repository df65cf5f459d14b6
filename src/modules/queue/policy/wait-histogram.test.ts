import assert from 'node:assert/strict';
import { it } from 'node:test';
import { WaitHistogram } from './wait-histogram.ts';

it('tells what a part of all waited for, to within two hundredths and never too much', () => {
  const waits = new WaitHistogram();
  for (let seconds = 1; seconds <= 10_000; seconds++) waits.add(seconds);
  for (const part of [0.01, 0.1, 0.5]) {
    const told = waits.exceededBy(part);
    assert.ok(told <= 10_000 * (1 - part) && told > 0.97 * 10_000 * (1 - part), `${told} for ${part}`);
  }
});

it('is 0 where few waited, and forgets what is taken out again', () => {
  const waits = new WaitHistogram();
  for (let count = 0; count < 200; count++) waits.add(0);
  waits.add(500);
  assert.equal(waits.exceededBy(0.01), 0);
  for (let count = 0; count < 50; count++) waits.add(700);
  assert.ok(waits.exceededBy(0.01) > 600);
  for (let count = 0; count < 50; count++) waits.add(700, -1);
  assert.equal(waits.exceededBy(0.01), 0);
});

it('counts those that waited for longer, to within a hundredth', () => {
  const waits = new WaitHistogram();
  for (let seconds = 1; seconds <= 10_000; seconds++) waits.add(seconds);
  for (const seconds of [0, 100, 5_000, 9_000]) {
    const counted = waits.countAbove(seconds);
    assert.ok(Math.abs(counted - (10_000 - seconds)) <= 0.01 * seconds + 1, `${counted} above ${seconds}`);
  }
  assert.equal(waits.countAbove(20_000), 0);
});
