import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schemaOfCustomResource } from '../../custom/custom-schema.ts';
import type { JSONSchemaProps } from '../../generated/apiextensions-v1.ts';
import type { Schema } from '../../schema/schema.ts';
import { checkExpression } from '../checker/check.ts';
import { Declarations } from '../declarations.ts';
import { createEnvironment } from '../environment.ts';
import { RULES, SCHEMA } from '../testing/priced-rules.ts';
import { costMessage, estimateCost } from './limits.ts';

const environment = createEnvironment({ self: 'dyn' });

function mostOf(props: JSONSchemaProps, rule: string): number {
  const schema = schemaOfCustomResource({ schema: { openAPIV3Schema: { type: 'object', properties: { value: props } } } }).properties!['value'] as Schema;
  const { expanded, issues } = checkExpression(environment, { variables: new Map([['self', new Declarations().typeOf(schema)]]) }, rule);
  assert.ok(expanded !== undefined, JSON.stringify([rule, issues]));
  return estimateCost(expanded, schema, false);
}

type Props = Record<string, unknown>;
const text: Props = { type: 'string' };
const list = (items: Props, more: Props = {}): Props => ({ type: 'array', items, ...more });
const map = (additionalProperties: Props, more: Props = {}): Props => ({ type: 'object', additionalProperties, ...more });
const number: Props = { type: 'number' };

const texts = (more: Props = {}): Props => ({ type: 'object', properties: Object.fromEntries(['str', 'before', 'after', 'separator'].map((name) => [name, { ...text, ...more }])) });

test('expressions cost what upstream expects of them', () => {
  const table: [Props, string, number][] = [
    [list(number), 'self.all(x, true)', 4_718_591], [list(number, { maxItems: 10 }), 'self.all(x, true)', 32],
    [list(text), 'self.all(x, true)', 3_145_727], [list({ type: 'boolean' }), 'self.all(x, true)', 1_887_437], [list({ ...text, format: 'date-time' }), 'self.all(x, true)', 428_963],
    [list({ type: 'object', required: ['required'], properties: { required: text } }), 'self.all(x, true)', 555_128],
    [list(number, { maxItems: 10 }), 'self.all(x, self.all(y, true))', 352], [list(number, { maxItems: 10 }), 'self.all(x, self.all(y, self.all(z, true)))', 3_552],
    [map(number), 'self.all(x, true)', 1_348_169], [map(text, { maxProperties: 3 }), 'self.all(x, true)', 11], [map({ ...text, format: 'date' }), 'self.all(x, true)', 524_288],
    [map(text), 'self.all(x, x.contains(self[x]))', 2_752_507], [map(number), 'has(self.x)', 1], // what is asked has its cost, the asking has none (cel-go checker costSelect)
    [list(text), 'self + self == []', 13], [list({ ...text, format: 'duration' }), 'self.isSorted()', 786_432],
    [text, "self.contains('test')", 314_574], [{ ...text, maxLength: 10 }, "self.contains('test')", 5], [text, "self.startsWith('test')", 2], [text, 'size(self + "hello") > size("hello")', 314_578],
    [text, 'self.matches("x")', 314_574], [{ ...text, maxLength: 50 }, 'self.matches("x")', 22], [text, 'self.matches("")', 1], [text, "self.find('[0-9]+') == ''", 629_147],
    [list(text), "self.join(' ') == 'aa bb'", 329_853_068_905], [texts(), "self.str.replace(self.before, self.after) == 'does not matter'", 629_154],
    [texts({ maxLength: 10 }), "self.str.replace(self.before, self.after) == 'does not matter'", 16], [texts(), 'self.str.split(self.separator) == []', 629_160],
    [{ 'x-kubernetes-int-or-string': true }, 'isQuantity(self)', 314_574],
    [list(number), 'self[1] == 0.0', 2], [list(text), 'self[1] == self[1]', 314_577], [list(list(number)), 'self[0][0] == -1.0', 3], [list({ 'x-kubernetes-int-or-string': true }), 'self[0] == 5', 3],
  ];
  for (const [props, rule, expected] of table) assert.equal(mostOf(props as unknown as JSONSchemaProps, rule), expected, `${rule} of ${JSON.stringify(props)}`);
});

test('each operator, macro and function costs what cel-go and Kubernetes say', () => {
  const found = RULES.map(([rule, most]) => [rule, most > 2 ** 60 && mostOf(SCHEMA, rule) > most * (1 - 1e-12) ? most : mostOf(SCHEMA, rule)]);
  assert.deepEqual(found, RULES.map(([rule, most]) => [rule, most]));
});

test('a long row of optMap is gone through once', () => {
  const row = (length: number): number => mostOf(SCHEMA, `optional.of(1)${'.optMap(x, x)'.repeat(length)}.hasValue()`);
  assert.ok(row(2) > row(1));
  assert.ok(row(100) > row(50));
});

test('how far above a limit', () => {
  const factor = (cost: number): string | undefined => /factor of (.*) \(try/.exec(costMessage('cost', cost, 100) ?? '')?.[1];
  assert.deepEqual([factor(100), factor(120), factor(250), factor(10_001)], [undefined, '1.200000x', '2.5x', 'more than 100x']);
});
