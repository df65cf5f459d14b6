import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isQuantity, quantityMillis, quantityValue } from './quantity.ts';

test('quantities become whole numbers, rounded up', () => {
  const table: [string | number, number, number][] = [
    ['500m', 500, 1], ['0.1', 100, 1], ['1', 1000, 1], ['1.5', 1500, 2], ['2Ki', 2_048_000, 2048], ['1.5Gi', 1_610_612_736_000, 1_610_612_736],
    ['100M', 1e11, 1e8], ['1e3', 1e6, 1000], ['1E3', 1e6, 1000], ['100n', 1, 1], ['0', 0, 0], [2, 2000, 2], ['1.', 1000, 1], ['.5', 500, 1], ['-1', -1000, -1],
  ];
  for (const [text, millis, value] of table) {
    assert.equal(quantityMillis(text), millis, `${text} in thousandths`);
    assert.equal(quantityValue(text), value, `${text} in units`);
  }
});

test('what is no quantity is refused', () => {
  for (const text of ['', 'x', '1x', '1 Gi', '1GiB', '--1', '.']) {
    assert.equal(isQuantity(text), false, text);
    assert.throws(() => quantityValue(text), RangeError);
  }
});
