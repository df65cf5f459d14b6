import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../meta.ts';
import { dropNulls } from './drop-nulls.ts';
import type { Schema } from './schema.ts';
import { validateSchema } from './validate.ts';

const text: Schema = { type: 'string' };

for (const [title, schema, value, left] of [
  ['fields', { type: 'object', properties: { a: text, b: text } }, { a: null, b: 'x' }, { b: 'x' }],
  ['fields that may be null, and those with a default', { type: 'object', properties: { a: { ...text, nullable: true }, b: { ...text, default: 'x' } } }, { a: null, b: null }, { a: null, b: null }],
  ['values of maps', { type: 'object', additionalProperties: text }, { a: null, b: 'x' }, { b: 'x' }],
  ['fields of items, and no items', { type: 'array', items: { type: 'object', properties: { a: text } } }, [{ a: null }, null], [{}, null]],
  ['what is not known stays', { type: 'object', xPreserveUnknownFields: true, properties: { a: text } }, { a: null, z: null, y: { x: null } }, { z: null, y: { x: null } }],
  ['fields far below', { type: 'object', properties: { a: { type: 'object', properties: { b: { type: 'object', additionalProperties: text } } } } }, { a: { b: { c: null } } }, { a: { b: {} } }],
] as [string, Schema, Json, Json][]) test(`nulls that say nothing go: ${title}`, () => {
  const given = structuredClone(value);
  dropNulls(schema, given);
  assert.deepEqual(given, left);
});

test('integers of 32 bits have no more', () => {
  const errors = (value: number): string[] => validateSchema({ type: 'object', properties: { i: { type: 'integer', format: 'int32' } } }, { i: value }).map(({ field, message }) => `${field}: ${message}`);
  assert.deepEqual([errors(2_147_483_647), errors(-2_147_483_648)], [[], []]);
  assert.deepEqual(errors(2_147_483_648), ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in i']);
});
