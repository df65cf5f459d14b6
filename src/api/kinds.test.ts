import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILT_IN_KINDS } from './kinds.ts';
import { resourceKey } from './kind.ts';
import type { Json, KubeObject } from './meta.ts';
import { fieldOf, resolveSchema, type Schema } from './schema/schema.ts';
import { columnsOf } from './table.ts';
import { randomOf, type Random } from './testing/random.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const LEFT_OUT = [0, 1, ...Array.from({ length: 8 }, () => [0.05, 0.3, 0.6]).flat()];

/** A value with every field that the schema knows, to a depth; each left out with the given chance. */
function sampleOf(schema: Schema, depth: number, random: Random, leaveOut: number): Json {
  if (schema.items !== undefined) return depth > 9 ? [] : [sampleOf(resolveSchema(schema.items), depth + 1, random, leaveOut)];
  if (schema.properties !== undefined) {
    const keys = depth > 9 ? [] : Object.keys(schema.properties).filter(() => !random.chance(leaveOut));
    return Object.fromEntries(keys.map((key) => [key, sampleOf(fieldOf(schema, key)!, depth + 1, random, leaveOut)]));
  }
  switch (schema.type) {
    case 'object': return {};
    case 'integer': case 'number': return 1;
    case 'boolean': return true;
    default: return schema.format === 'date-time' ? '2026-01-01T00:00:00Z' : schema.format === 'quantity' ? '1' : (schema.enum?.[0] ?? 'x');
  }
}

test('kinds have names of their own', () => {
  assert.equal(new Set(BUILT_IN_KINDS.map((kind) => `${resourceKey(kind)}/${kind.version}`)).size, BUILT_IN_KINDS.length);
  for (const kind of BUILT_IN_KINDS) assert.equal(kind.schema().type, 'object', kind.kind);
});

for (const kind of BUILT_IN_KINDS.filter(({ kind: name }) => name !== 'CustomResourceDefinition')) {
  test(`the rules and columns of ${kind.group}/${kind.kind} bear any object of its shape`, () => {
    const random = randomOf(SEED);
    for (const leaveOut of LEFT_OUT) {
      const make = (): KubeObject => ({ metadata: {}, ...(sampleOf(kind.schema(), 0, random, leaveOut) as object) });
      const object = make();
      const old = make();
      for (const column of columnsOf(kind)) assert.notEqual(column.cell(object, 0), undefined);
      for (const read of Object.values(kind.selectableFields)) assert.equal(typeof read(object), 'string');
      kind.rules.defaults?.(object);
      kind.rules.prepareForCreate?.(object);
      kind.rules.validate?.(object, undefined);
      kind.rules.prepareForUpdate?.(object, old);
      for (const error of kind.rules.validate?.(object, old) ?? []) assert.ok(error.message.length > 0);
      kind.rules.warnings?.(object);
      kind.rules.gracePeriodSeconds?.(object);
    }
  });
}
