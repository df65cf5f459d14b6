import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJson } from './int64.ts';
import { isDeeperThan, jsonLength } from './json.ts';
import { randomOf, type Random } from './testing/random.ts';

const LEAVES: readonly unknown[] = [null, true, false, 0, -0, 1.5, 1e21, 1e-7, -12, NaN, Infinity, '', 'a', '"\\\n\u0000', 'ü', '\ud800', '🐙', parseJson('9223372036854775807')];

function anyValue(random: Random, depth = 0): unknown {
  const kind = random.int(depth > 4 ? 1 : 4);
  if (kind < 2) return random.pick(LEAVES);
  const count = random.int(4);
  if (kind === 2) return Array.from({ length: count }, () => anyValue(random, depth + 1));
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [random.pick(['a', 'ö"', '__proto__', '7']) + index, random.chance(0.1) ? undefined : anyValue(random, depth + 1)]));
}

test('jsonLength is the length of what JSON.stringify makes', () => {
  const random = randomOf(1);
  for (const value of [...LEAVES, ...Array.from({ length: 5_000 }, () => anyValue(random))]) assert.equal(jsonLength(value), JSON.stringify(value).length, JSON.stringify(value));
});

test('isDeeperThan counts brackets within each other', () => {
  const table: [unknown, number][] = [[1, 0], ['[[]]', 0], [{}, 1], [[], 1], [{ a: 1 }, 1], [{ a: [] }, 2], [[1, [], { a: { b: 1 } }], 3]];
  for (const [value, levels] of table) {
    assert.equal(isDeeperThan(value, levels), false);
    assert.equal(isDeeperThan(value, levels - 1), levels > 0, JSON.stringify(value));
  }
});
