import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schemaOfCustomResource } from '../../custom/custom-schema.ts';
import type { Schema } from '../../schema/schema.ts';
import { createEnvironment } from '../environment.ts';
import { Budget, compileExpression, EvaluationFailure, RUNTIME_BUDGET } from '../program.ts';
import { RULES, SCHEMA, VALUE } from '../testing/priced-rules.ts';
import { toCel } from '../value.ts';

const environment = createEnvironment({ self: 'dyn' });
const schema = schemaOfCustomResource({ schema: { openAPIV3Schema: { type: 'object', properties: { value: SCHEMA } } } }).properties!['value'] as Schema;

function spentOn(rule: string): { spent: number; said?: string } {
  const budget = new Budget();
  const program = compileExpression(environment, rule);
  try {
    program.evaluate({ self: toCel(schema, VALUE) }, budget);
    return { spent: RUNTIME_BUDGET - budget.remaining };
  } catch (error) {
    if (!(error instanceof EvaluationFailure)) throw error;
    return { spent: RUNTIME_BUDGET - budget.remaining, said: error.message };
  }
}

test('an evaluation spends what cel-go counts for it, each time anew', () => {
  for (let time = 0; time < 2; time++) assert.deepEqual(RULES.map(([rule]) => [rule, spentOn(rule)]), RULES.map(([rule, , spent]) => [rule, { spent }]));
});

test('what fails has its cost, up to where it failed', () => {
  const table: [string, number, string][] = [
    ['self.names[7] == self.name', 3, 'index out of bounds: 7'], ["self.labels['zz'] == 'a'", 3, 'no such key: zz'], ['1 / 0 == 1 / 0', 1, 'division by zero'], ['self.count / 0 == 1', 3, 'division by zero'],
    ['has(self.none.other)', 1, 'no such key: none'], ["self.deep.none.text == ''", 3, 'no such key: none'], ["[1, 2].slice(0, 5) == []", 12, 'cannot slice(0, 5), list is length 2'],
  ];
  for (const [rule, spent, said] of table) assert.deepEqual(spentOn(rule), { spent, said }, rule);
});

test('one program counts alike however often it runs', () => {
  const program = compileExpression(environment, 'self.sizes.map(s, self.sizes.filter(t, t > s).size()).exists(n, n > 5)');
  const spent = [1, 2, 3].map(() => {
    const budget = new Budget();
    program.evaluate({ self: toCel(schema, VALUE) }, budget);
    return RUNTIME_BUDGET - budget.remaining;
  });
  assert.deepEqual(spent, [136, 136, 136]);
});
