import { test } from 'node:test';
import assert from 'node:assert/strict';
import { addQuantities, compareQuantities, formatQuantity, isQuantity, parseQuantity, quantityMillis, quantityOf, quantityOfMilli, subtractQuantities, quantityValue } from './quantity.ts';

test('the canonical form', () => {
  const table: [string, string][] = [
    ['0', '0'], ['0Mi', '0'], ['1', '1'], ['1.5', '1500m'], ['0.5', '500m'], ['.25', '250m'], ['1.', '1'], ['1000', '1k'], ['1200', '1200'], ['1000m', '1'],
    ['100Mi', '100Mi'], ['1024Mi', '1Gi'], ['1.5Gi', '1536Mi'], ['0.5Ki', '512'], ['0.5Mi', '512Ki'], ['1e3', '1e3'], ['1E6', '1e6'], ['12e4', '120e3'], ['1500000n', '1500u'],
    ['0.1n', '1n'], ['-1.5', '-1500m'], ['+3', '3'], ['9Ei', '9223372036854775807'], ['1234567890123456789', '1234567890123456789'], ['2E', '2E'], ['1.1Ki', '1126400m'],
  ];
  for (const [input, expected] of table) assert.equal(formatQuantity(input), expected, input);
  assert.equal(formatQuantity(2), '2');
});

test('values round away from zero', () => {
  assert.equal(quantityValue('1Gi'), 1_073_741_824);
  assert.equal(quantityValue('1500m'), 2);
  assert.equal(quantityValue('-1500m'), -2);
  assert.equal(quantityMillis('0.1'), 100);
  assert.equal(quantityMillis('1u'), 1);
});

test('values that no int64 holds are the most that one does, so that reckoning with them gives numbers', () => {
  for (const text of ['1e400', '9e18', '9223372036854775807']) {
    for (const value of [quantityMillis(text), -quantityMillis(`-${text}`)]) assert.deepEqual([value <= 2 ** 63 - 1_024, value > 8e18, value - value], [true, true, 0], text);
    assert.ok(BigInt(quantityValue(text)) < 2n ** 63n, text);
    assert.equal(quantityOf(quantityValue(text)), quantityOf(BigInt(quantityValue(text))), text);
  }
});

test('arithmetic and order', () => {
  assert.equal(addQuantities('1Gi', '512Mi'), '1536Mi');
  assert.equal(addQuantities('0', '512Mi'), '512Mi');
  assert.equal(addQuantities('0.1', '0.2'), '300m');
  assert.equal(subtractQuantities('2', '1500m'), '500m');
  assert.equal(compareQuantities('1Gi', '1G'), 1);
  assert.equal(compareQuantities('1', '1000m'), 0);
  assert.equal(quantityOf(1024n * 1024n, 'BinarySI'), '1Mi');
  assert.equal(quantityOfMilli(1500), '1500m');
});

test('what is no quantity', () => {
  for (const bad of ['', ' ', 'abc', '1x', '1MiB', '--1', '1.2.3', '1e', '1e99999999', 'Ki', '.']) assert.equal(isQuantity(bad), false, bad);
  assert.throws(() => formatQuantity('x'), /quantities must match the regular expression/);
  assert.throws(() => formatQuantity('1Mm'), /unable to parse quantity's suffix/);
});

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

test('a text of many digits is refused at once', () => {
  for (const text of ['9'.repeat(1_000_000), `1${'0'.repeat(100_000)}e0`, `0.${'9'.repeat(1_000_000)}`]) assert.throws(() => parseQuantity(text), RangeError);
});
