import assert from 'node:assert/strict';
import { it } from 'node:test';
import { drain } from './drain.ts';

const startsOf = (available: readonly number[], held: readonly (readonly [number, number])[], wanted: readonly (readonly [number, number])[]): number[] => {
  const starts: number[] = [];
  drain(100, available, held.map(([amount, at]) => ({ amount: [amount], at })), wanted.map(([amount, seconds], of) => ({ of, amount: [amount], seconds })), (of, startsAt) => void (starts[of] = startsAt));
  return starts;
};

const cases: readonly [string, Parameters<typeof startsOf>, readonly number[]][] = [
  ['who fits starts now', [[4], [], [[2, 50], [2, 10]]], [100, 100]],
  ['the others as places are given back, nobody before one that came earlier', [[0], [[2, 130], [2, 110]], [[3, 50], [1, 10]]], [130, 130]],
  ['a place is used again when its job is expected to end', [[1], [], [[1, 50], [1, 10], [1, 10]]], [100, 150, 160]],
  ['what is long overdue is given back now', [[0], [[1, 20]], [[1, 5]]], [100]],
  ['one that never fits keeps nobody waiting', [[1], [[1, 120]], [[3, 5], [2, 5]]], [100, 120]],
];
for (const [what, given, expected] of cases) it(what, () => assert.deepEqual(startsOf(...given), expected));
