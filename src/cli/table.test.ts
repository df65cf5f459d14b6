import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amountText } from './table.ts';

test('amounts have three decimals, and little ones as many as say something', () => {
  assert.deepEqual([310.2041, 1, 0.5, 0.0123, 0.00492, 0.0000123, 0.0000001, 0, -0.004].map(amountText), ['310.204', '1.000', '0.500', '0.012', '0.0049', '0.000012', '0.000000', '0', '-0.0040']);
});
