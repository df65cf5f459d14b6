/** Whatever somebody sends, the door says what is wrong with it, or takes it and can show it. Objects of all kinds are made at random from their schemas. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Namespace } from '../../src/api/core/namespace.ts';
import { ApiError } from '../../src/api/errors.ts';
import type { Kind } from '../../src/api/kind.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { resolveSchema, type Schema, type SchemaRef } from '../../src/api/schema/schema.ts';
import { builtins } from '../../src/boot/builtins.ts';
import { startWorld, type World } from './world.ts';

const OBJECTS_A_KIND = 100;
const MOST_DEPTH = 10;
const WORDS = [
  'abc', '', 'a/b/c', '10.0.0.1', '-1', '1e99999', '9999999999999999999999', '*', '{', '[', '(?', 'true', '2020-13-45T99:99:99Z', '2026-01-01T00:00:00Z', '100%', '-5%', 'x'.repeat(300), '\0', 'A_B', '1h', '-1h', 'self.foo', 'object.x ==',
  '1', '500m', '1Gi', '/', '..', '%zz', 'http://[', '::1/200', '::', 'Always', 'default', 'YWJj', '__proto__', 'constructor', 'toString',
];
const NUMBERS = [0, -1, 1, 5, 65_536, 99_999_999, 2 ** 31 - 1, -(2 ** 31)];

/** The same numbers each time (a linear congruence). */
function diceOf(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
}

class Maker {
  readonly #dice: () => number;

  constructor(seed: number) {
    this.#dice = diceOf(seed);
  }

  chance(of: number): boolean {
    return this.#dice() < of;
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#dice() * from.length)]!;
  }

  value(ref: SchemaRef, depth: number): unknown {
    const schema = resolveSchema(ref);
    if (schema.enum !== undefined && this.chance(0.85)) return this.pick(schema.enum);
    if (schema.xIntOrString === true) return this.pick([...WORDS, ...NUMBERS]);
    switch (schema.type) {
      case 'string': return this.pick(WORDS);
      case 'integer': return this.pick(NUMBERS);
      case 'number': return this.pick([...NUMBERS, 0.5]);
      case 'boolean': return this.chance(0.5);
      case 'array': return depth >= MOST_DEPTH ? [] : Array.from({ length: this.pick([0, 1, 1, 2]) }, () => this.value(schema.items ?? {}, depth + 1));
      case 'object': return this.#object(schema, depth);
      default: return this.pick([...WORDS, ...NUMBERS]);
    }
  }

  #object({ properties = {}, required = [], additionalProperties }: Schema, depth: number): Record<string, unknown> {
    const made: Record<string, unknown> = {};
    if (depth >= MOST_DEPTH) return made;
    for (const [name, ref] of Object.entries(properties)) {
      if (depth === 0 && name === 'metadata') continue;
      if (this.chance(required.includes(name) ? 0.9 : depth < 2 ? 0.6 : 0.35)) made[name] = this.value(ref, depth + 1);
    }
    if (additionalProperties === undefined || additionalProperties === true) return made;
    for (let count = this.pick([0, 1, 2]); count > 0; count--) made[this.pick(['cpu', 'memory', 'pods', 'requests.cpu', 'hugepages-2Mi', 'x.io/y', ...WORDS])] = this.value(additionalProperties, depth + 1);
    return made;
  }
}

const kinds = [...new Set(builtins.flatMap((module) => module.kinds ?? []))].filter(({ verbs }) => verbs === undefined || (verbs.includes('create') && verbs.includes('update')));

describe('odd objects', () => {
  let world: World;
  before(async () => {
    world = await startWorld([]);
    for (const kind of kinds) world.door.serve(kind);
    await world.client.create(Namespace, { metadata: { name: 'default' } });
  });
  after(() => world.stop());

  for (const [place, kind] of kinds.entries()) {
    it(`${kind.group}/${kind.version} ${kind.kind}`, async () => {
      const maker = new Maker(place + 1);
      for (let count = 0; count < OBJECTS_A_KIND; count++) {
        const made = { ...(maker.value(kind.schema(), 0) as object), metadata: { name: `odd-${count}`, ...(kind.namespaced && { namespace: 'default' }) } } as KubeObject;
        const created = await judged(kind, made, () => world.client.create(kind, made));
        if (created === undefined) continue;
        for (const column of kind.columns ?? []) column.cell(created, Date.now());
        const changed = { ...(maker.value(kind.schema(), 0) as object), metadata: created.metadata } as KubeObject;
        await judged(kind, changed, () => world.client.update(kind, changed));
      }
    });
  }
});

/** What is stored; undefined where it is refused, for a reason that is the sender's. */
async function judged(kind: Kind, sent: KubeObject, write: () => Promise<KubeObject>): Promise<KubeObject | undefined> {
  try {
    return await write();
  } catch (error) {
    assert.ok(error instanceof ApiError && error.code < 500, `${kind.kind} ${JSON.stringify(sent)}: ${(error as Error).stack}`);
    return undefined;
  }
}
