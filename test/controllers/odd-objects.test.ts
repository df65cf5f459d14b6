/** Whatever somebody sends, the door says what is wrong with it, or takes it and can show it. Objects of all kinds are made at random from their schemas. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Namespace } from '../../src/api/core/namespace.ts';
import { ApiError } from '../../src/api/errors.ts';
import type { Kind } from '../../src/api/kind.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { builtins } from '../../src/boot/builtins.ts';
import { OddMaker } from '../fixtures/odd-maker.ts';
import { startWorld, type World } from './world.ts';

const OBJECTS_A_KIND = 100;
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
      const maker = new OddMaker(place + 1);
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
