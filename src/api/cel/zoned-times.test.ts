import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schemaOfCustomResource } from '../custom/custom-schema.ts';
import type { Schema } from '../schema/schema.ts';
import { Budget, compileExpression, createEnvironment, toCel } from './index.ts';

const text = { type: 'string', format: 'date-time' } as const;
const schema = schemaOfCustomResource({ schema: { openAPIV3Schema: { type: 'object', properties: { value: { type: 'object', properties: { t: text, u: text } } } } } }).properties!['value'] as Schema;
const environment = createEnvironment({ self: 'dyn' });

test('times are written in the zone in which they were, and are the same in any', () => {
  const self = toCel(schema, { t: '2011-08-18T19:03:37.010+01:00', u: '2011-08-18T18:03:37.01Z' });
  const rules = [
    "string(self.t) == '2011-08-18T19:03:37.01+01:00'", 'self.t == self.u && self.t in [self.u] && [self.t] == [self.u]', "string(self.u) == '2011-08-18T18:03:37.01Z'", 'self.t.getHours() == 18',
    "string(timestamp('2011-08-18T19:03:37-07:30')) == '2011-08-18T19:03:37-07:30'", "string(timestamp('2011-08-18T19:03:37.000000000+00:00')) == '2011-08-18T19:03:37Z'", "string(timestamp(1313690617)) == '2011-08-18T18:03:37Z'",
    "string(self.t + duration('1h')) == '2011-08-18T20:03:37.01+01:00'", "string(self.t - duration('24h')) == '2011-08-17T19:03:37.01+01:00'", "'%s'.format([self.t]) == '2011-08-18T19:03:37.01+01:00'", "string([self.t].max()) == '2011-08-18T19:03:37.01+01:00'",
  ];
  for (const rule of rules) assert.equal(compileExpression(environment, rule).evaluate({ self }, new Budget()), true, rule);
});
