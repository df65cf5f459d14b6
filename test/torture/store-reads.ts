/** What can be read of a store, now and in the past, compared with what its model has; and what to ask for, at random. */
import assert from 'node:assert/strict';
import { isStoreError, type Store } from '../../src/kernel/store/index.ts';
import type { Random } from './random.ts';
import type { StoreModel } from './store-model.ts';

const RESOURCES = ['/core/configmaps/', '/core/pods/', '/apps/deployments/', '/core/nodes/'];
const NAMESPACES = ['a/', 'b/', 'b-c/', ''];
const NAMES = ['0', '1', '10', '2', 'a', 'a-b', 'a.b', 'z'];

export interface Reads {
  anyKey(): string;
  anyPrefix(): string;
  /** Mostly one that the store has; at times one that is forgotten, or yet to come. */
  anyRevision(): number;
  /** The code of the error that who asks for the revision gets. */
  problemOf(revision: number | undefined): string | undefined;
  /** Compares one object, and how many there are. */
  read(): void;
  /** Compares a list, now or in the past, in chunks. */
  list(): void;
}

/** `now`: the store that is open, and its model. */
export function createReads(random: Random, now: () => { store: Store; model: StoreModel }): Reads {
  const anyKey = (): string => `${random.pick(RESOURCES)}${random.pick(NAMESPACES)}${random.pick(NAMES)}`;

  function anyPrefix(): string {
    return random.chance(0.15) ? '/' : random.chance(0.5) ? random.pick(RESOURCES) : `${random.pick(RESOURCES)}${random.pick(NAMESPACES)}`;
  }

  function anyRevision(): number {
    const { revision, compactedRevision } = now().store;
    return random.chance(0.1) ? revision + 1 + random.int(3) : random.chance(0.1) ? random.int(compactedRevision + 1) : compactedRevision + random.int(revision - compactedRevision + 1);
  }

  function problemOf(revision: number | undefined): string | undefined {
    const { store } = now();
    return revision === undefined || revision === store.revision ? undefined : revision < store.compactedRevision ? 'compacted' : revision > store.revision ? 'future' : undefined;
  }

  function read(): void {
    const { store, model } = now();
    const key = anyKey();
    assert.equal(store.get(key)?.bytes.toString(), model.live(key)?.json);
    if (random.chance(0.3)) assert.deepEqual(JSON.parse(JSON.stringify(store.get(key)?.object ?? null)), JSON.parse(model.live(key)?.json ?? 'null'));
    const newest = model.newestOf(key);
    assert.equal(store.newest(key) === undefined, newest === undefined, `the newest of ${key}`);
    const prefix = anyPrefix();
    assert.equal(store.count(prefix), model.liveUnder(prefix).length);
  }

  function list(): void {
    const { store, model } = now();
    const prefix = anyPrefix();
    const revision = random.chance(0.5) ? undefined : anyRevision();
    const limit = random.chance(0.5) ? undefined : 1 + random.int(6);
    const expected = revision === undefined ? model.liveUnder(prefix).map(([key, { json }]) => [key, json] as const) : model.stateAt(prefix, revision);
    const problem = problemOf(revision);
    const got: [string, string][] = [];
    try {
      for (let startAfter: string | undefined; ;) {
        const page = store.list(prefix, { revision, limit, startAfter });
        assert.equal(page.revision, revision ?? store.revision);
        got.push(...page.items.map(({ key, bytes }): [string, string] => [key, bytes.toString()]));
        assert.equal(page.remaining, expected.length - got.length, 'how many remain');
        if (page.last === undefined) break;
        startAfter = page.last;
      }
      assert.equal(problem, undefined, `the list of ${prefix} at ${revision} was given`);
      assert.deepEqual(got, expected, `the list of ${prefix} at ${revision}`);
    } catch (error) {
      if (!isStoreError(error) || error.code !== problem) throw error;
    }
  }

  return { anyKey, anyPrefix, anyRevision, problemOf, read, list };
}
