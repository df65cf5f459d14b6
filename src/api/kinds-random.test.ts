/** Random objects, made from the schemas: whatever a client sends, the steps of the door judge it and never fail themselves. */
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { ApiError } from './errors.ts';
import type { Kind } from './kind.ts';
import { BUILT_IN_KINDS } from './kinds.ts';
import type { KubeObject } from './meta.ts';
import { validateObjectMeta } from './metadata-validation.ts';
import { decodeProtobuf, encodeProtobuf } from './protobuf/envelope.ts';
import { checkFields } from './schema/check-fields.ts';
import { applyDefaults } from './schema/default.ts';
import { prune } from './schema/prune.ts';
import { resolveSchema, type Schema, type SchemaRef } from './schema/schema.ts';
import { randomOf, type Random } from './testing/random.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const ROUNDS = Number(process.env['ROUNDS'] ?? 150);

const TEXTS = ['a', 'web', '', 'x-1', 'A_b', 'v1', 'example.com/x', '10.0.0.1', '::1', 'None', 'ClusterIP', 'Always', '80', '25%', '__proto__'];

/** A value of a schema's shape, with most fields left out below a few levels. */
function valueOf(ref: SchemaRef, random: Random, depth: number): unknown {
  const schema: Schema = resolveSchema(ref);
  const { int, pick } = random;
  switch (schema.format) {
    case 'quantity': return pick(['1', '500m', '1Gi', '1.5']);
    case 'int-or-string': return pick([80, '25%', 'http']);
    case 'date-time': return pick(['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.123456Z']);
    case 'byte': return pick(['', 'YQ==']);
    case 'duration': return '1m0s';
  }
  if (schema.xAnyOf !== undefined) return valueOf(pick(schema.xAnyOf), random, depth + 1);
  if (schema.enum !== undefined) return int(8) === 0 ? 'Other' : pick(schema.enum);
  switch (schema.type) {
    case 'string': return pick(TEXTS);
    case 'integer': return pick([0, 1, 3, 80, -1, 65536, ...(schema.format === 'int32' ? [] : [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n])]);
    case 'number': return pick([0, 0.5]);
    case 'boolean': return int(2) === 0;
    case 'array': return Array.from({ length: int(3) }, () => valueOf(schema.items ?? {}, random, depth + 1));
    case 'object': {
      const object: Record<string, unknown> = {};
      for (const [key, property] of Object.entries(schema.properties ?? {})) {
        const wanted = schema.required?.includes(key) === true ? int(12) > 0 : int(depth < 2 ? 2 : 2 + depth * 2) === 0;
        if (wanted && depth < 9) object[key] = valueOf(property, random, depth + 1);
      }
      const rest = schema.additionalProperties;
      if (rest !== undefined && rest !== true) for (let count = int(3); count > 0; count -= 1) object[`k${count}`] = valueOf(rest, random, depth + 1);
      return object;
    }
    default: return pick([1, 'x', { a: 1 }]);
  }
}

function objectOf(kind: Kind, random: Random): KubeObject {
  const made = valueOf(kind.schema(), random, 0) as KubeObject;
  return { ...made, apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`, kind: kind.kind, metadata: { name: 'a', ...made.metadata } };
}

/** What the door does to a new object; gives how many errors it finds. */
function admit(kind: Kind, object: KubeObject, old: KubeObject | undefined): number {
  prune(kind.schema(), object);
  applyDefaults(kind.schema(), object);
  kind.rules.defaults?.(object);
  if (old === undefined) kind.rules.prepareForCreate?.(object);
  else kind.rules.prepareForUpdate?.(object, old);
  return validateObjectMeta(object.metadata, { namespaced: kind.namespaced }).length + (kind.rules.validate?.(object, old) ?? []).length;
}

for (const kind of BUILT_IN_KINDS) {
  test(`${kind.plural}${kind.group === '' ? '' : `.${kind.group}`}`, () => {
    const random = randomOf(SEED + kind.plural.length);
    let previous: KubeObject | undefined;
    for (let round = 0; round < ROUNDS; round += 1) {
      const object = objectOf(kind, random);
      const text = JSON.stringify(object);
      try {
        const found = checkFields(kind.schema(), object);
        assert.deepEqual(found.unknown, []);
        assert.equal(found.typeError, undefined);
        if (!text.includes('"x"')) roundTrip(kind, structuredClone(object));
        if (previous !== undefined) admit(kind, structuredClone(object), structuredClone(previous));
        if (admit(kind, object, undefined) > 0) continue;
        kind.rules.warnings?.(object);
        for (const column of kind.columns) column.cell(object, 0);
        previous = object;
      } catch (error) {
        if (error instanceof ApiError) continue;
        throw new Error(`seed ${SEED}, round ${round}: ${text.slice(0, 3000)}`, { cause: error });
      }
    }
  });
}

/** What protobuf keeps, it keeps for good: a second turn changes nothing. Kinds that no facts tell of are JSON only, as custom resources are. */
function roundTrip(kind: Kind, object: KubeObject): void {
  if (kind.schema().name === undefined) return;
  const bytes = encodeProtobuf(prune(kind.schema(), object));
  assert.ok(bytes !== undefined);
  const once = decodeProtobuf(bytes);
  assert.deepEqual(checkFields(kind.schema(), once), { unknown: [] });
  assert.deepEqual(decodeProtobuf(encodeProtobuf(once) ?? new Uint8Array()), once);
}
