import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { phaseOf } from './phase.ts';

test('phases are the same every time, and evenly spread', () => {
  assert.equal(phaseOf('web'), phaseOf('web'));
  const tenths = Array.from({ length: 10 }, () => 0);
  for (let count = 0; count < 10_000; count += 1) tenths[Math.floor(phaseOf(randomUUID()) * 10)]! += 1;
  for (const many of tenths) assert.ok(many > 800 && many < 1_200, tenths.join());
});
