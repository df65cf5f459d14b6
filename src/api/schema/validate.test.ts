import { test } from 'node:test';
import assert from 'node:assert/strict';
import type { Schema } from './schema.ts';
import { validateSchema, validateSchemaChange } from './validate.ts';
import { applyDefaults } from './default.ts';

const check = (schema: Schema, value: unknown): string[] => validateSchema({ type: 'object', properties: { spec: { type: 'object', properties: { x: schema } } } }, { spec: { x: value } }).map((error) => `${error.field}: ${error.message}`);

test('schema errors are told in the words of Kubernetes', () => {
  const table: [Schema, unknown, string[]][] = [
    [{ type: 'integer' }, 'a', ['spec.x: Invalid value: "string": spec.x in body must be of type integer: "string"']],
    [{ type: 'integer', minimum: 1 }, 0, ['spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1']],
    [{ type: 'number', maximum: 1, exclusiveMaximum: true }, 1, ['spec.x: Invalid value: 1: spec.x in body should be less than 1']],
    [{ type: 'string', enum: ['b', 'a'] }, 'c', ['spec.x: Unsupported value: "c": supported values: "b", "a"']],
    [{ type: 'string', pattern: '^a$' }, 'b', ['spec.x: Invalid value: "b": spec.x in body should match \'^a$\'']],
    [{ type: 'string', minLength: 2 }, 'b', ['spec.x: Invalid value: "b": spec.x in body should be at least 2 chars long']],
    [{ type: 'string', maxLength: 1 }, 'bb', ['spec.x: Too long: may not be more than 1 bytes']],
    [{ type: 'string', format: 'date-time' }, 'now', ['spec.x: Invalid value: "now": spec.x in body must be of type date-time: "now"']],
    [{ type: 'array', items: { type: 'string' }, maxItems: 1 }, ['a', 'b'], ['spec.x: Too many: 2: must have at most 1 item']],
    [{ type: 'array', items: { type: 'string' }, xListType: 'set' }, ['a', 'a'], ['spec.x[1]: Duplicate value: "a"']],
    [{ type: 'array', items: { type: 'string' }, xListType: 'set' }, ['a', 'b', 'a', 'b', 'b', 'a'], ['spec.x[2]: Duplicate value: "a"', 'spec.x[3]: Duplicate value: "b"']], // each once
    [{ type: 'array', items: { type: 'object', properties: { k: { type: 'string' } } }, xListType: 'map', xListMapKeys: ['k'] }, [{ k: 'a' }, { k: 'a' }], ['spec.x[1]: Duplicate value: {"k":"a"}']],
    [{ type: 'object', required: ['a'], properties: { a: { type: 'string' } } }, {}, ['spec.x.a: Required value']],
    [{ type: 'object', additionalProperties: { type: 'string' } }, { k: 1 }, ['spec.x.k: Invalid value: "integer": spec.x.k in body must be of type string: "integer"']],
    [{ type: 'string' }, null, ['spec.x: Invalid value: "null": spec.x in body must be of type string: "null"']],
    [{ type: 'string', nullable: true }, null, []],
    [{ xIntOrString: true }, '25%', []],
    [{ xIntOrString: true }, true, ['spec.x: Invalid value: "boolean": spec.x in body must be of type integer,string: "boolean"']],
    [{ type: 'object', oneOf: [{ required: ['a'] }, { required: ['b'] }], xPreserveUnknownFields: true }, { a: 1, b: 1 }, ['<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives']],
    [{ type: 'string', not: { enum: ['a'] } }, 'a', ['<nil>: Invalid value: "": "spec.x" must not validate the schema (not)']],
  ];
  for (const [schema, value, expected] of table) assert.deepEqual(check(schema, value), expected);
});

test('defaults of custom resources', () => {
  const schema: Schema = { type: 'object', properties: { a: { type: 'object', default: {}, properties: { b: { type: 'integer', default: 3 }, c: { type: 'string' } } }, l: { type: 'array', items: { type: 'object', properties: { d: { type: 'boolean', default: false } } } } } };
  assert.deepEqual(applyDefaults(schema, {}), { a: { b: 3 } });
  assert.deepEqual(applyDefaults(schema, { a: { b: null, c: null }, l: [{}] }), { a: { b: 3 }, l: [{ d: false }] });
});

test('what was wrong before and did not change may stay', () => {
  const good: Schema = { type: 'string', enum: ['good'] };
  const item: Schema = { type: 'object', properties: { k: { type: 'string' }, v: good } };
  const schema: Schema = { type: 'object', required: ['late'], properties: { a: good, late: { type: 'string' }, keyed: { type: 'array', xListType: 'map', xListMapKeys: ['k'], items: item }, atomic: { type: 'array', items: good }, map: { type: 'object', additionalProperties: good } } };
  const old = { a: 'bad', keyed: [{ k: 'x', v: 'bad' }], atomic: ['bad'], map: { m: 'bad' } };
  const judge = (change: object): string[] => validateSchemaChange(schema, { ...old, ...change }, old).map(({ field }) => field);
  assert.deepEqual(judge({}), []);
  assert.deepEqual(judge({ late: 'x' }), []);
  assert.deepEqual(judge({ late: 'x', a: 'worse' }), ['a']);
  assert.deepEqual(judge({ late: 'x', keyed: [{ k: 'y', v: 'good' }, { k: 'x', v: 'bad' }], map: { m: 'bad', n: 'good' } }), []);
  assert.deepEqual(judge({ late: 'x', keyed: [{ k: 'y', v: 'bad' }, { k: 'x', v: 'bad' }], map: { m: 'bad', n: 'bad' } }), ['keyed[0].v', 'map.n']);
  assert.deepEqual(judge({ late: 'x', atomic: ['good', 'bad'] }), ['atomic[1]']);
  assert.deepEqual(judge({ a: 'good' }), ['late'], 'an object that changed must have all that it needs');
});
