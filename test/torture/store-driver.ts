/** Drives a store and its model side by side by random operations, and compares all that can be seen. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KubeObject } from '../../src/api/meta.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { isStoreError, openStore, restoreBackup, type Store, type StoreEvent } from '../../src/kernel/store/index.ts';
import type { Random } from './random.ts';
import { StoreModel, type Verdict } from './store-model.ts';
import { createReads } from './store-reads.ts';
import { watchBeside, type ComparedWatch } from './store-watch.ts';

const RAISE = 1_000;

interface Finished {
  order: number;
  type: StoreEvent['type'];
  key: string;
  object: KubeObject;
  revision: number;
}

export interface Driver {
  readonly operations: number;
  readonly counts: Readonly<Record<string, number>>;
  /** One random operation, or a batch of them, and the comparison after it. */
  step(): Promise<void>;
  /** Compares everything. */
  end(): Promise<void>;
  close(): Promise<void>;
}

export function createDriver(folder: string, random: Random): Driver {
  const counts: Record<string, number> = {};
  /** Events come when the disk lets them: their draws must not move those of the operations. */
  const pausing = random.fork();
  let store = open();
  let model = new StoreModel();
  let watches: ComparedWatch[] = [];
  let finished: Finished[] = [];
  let flying: Promise<unknown>[] = [];
  let order = 0;
  let lastOrder = -1;
  let body = 0;
  /** Revisions at which backups and snapshots were made. */
  let backups = 0;
  const snapshots = new Map<string, { revision: number; state: Map<string, string> }>();

  function open(): Store {
    return openStore({ folder: join(folder, 'store'), clock: realClock, log: silentLog, parsedBytes: 20_000, keepMs: 3_600_000 });
  }

  const { anyKey, anyPrefix, anyRevision, problemOf, read, list } = createReads(random, () => ({ store, model }));

  function count(what: string): void {
    counts[what] = (counts[what] ?? 0) + 1;
  }

  function anyObject(key: string): KubeObject {
    body += 1;
    const text = random.chance(0.02) ? 'x'.repeat(6_000) : 'é"\\\u0000'.repeat(random.int(8));
    return { apiVersion: 'v1', kind: 'Thing', metadata: { name: key.slice(key.lastIndexOf('/') + 1), labels: { n: String(body) } }, data: { text } } as KubeObject;
  }

  /** Sends a write; the model says at once what must become of it. */
  function write(): void {
    const key = anyKey();
    const known = model.newestOf(key);
    const what = known === undefined ? random.pick(['create', 'create', 'create', 'update', 'delete']) : random.pick(['create', 'update', 'update', 'update', 'delete']);
    count(what);
    if (what === 'create') {
      const object = anyObject(key);
      fly(model.judgeCreate(key), 'added', key, object, store.create(key, object));
      return;
    }
    const newest = store.newest(key);
    const stale = random.chance(0.1);
    const revision = (newest?.revision ?? 5) - (stale ? 1 : 0);
    if (what === 'update') {
      const object = anyObject(key);
      fly(model.judgeChange(key, stale), 'modified', key, object, store.update(key, object, { revision }));
    } else {
      const bound = random.chance(0.5);
      const object = random.chance(0.3) ? anyObject(key) : undefined;
      const last = object ?? known?.object;
      fly(model.judgeChange(key, bound && stale), 'deleted', key, last as KubeObject, store.delete(key, { ...(bound ? { revision } : {}), ...(object === undefined ? {} : { object }) }));
    }
  }

  function fly(verdict: Verdict, type: StoreEvent['type'], key: string, object: KubeObject, writing: Promise<{ revision: number }>): void {
    const mine = order++;
    if (verdict === undefined) model.begin(key, type === 'deleted' ? undefined : object);
    flying.push(writing.then(
      ({ revision }) => {
        assert.equal(verdict, undefined, `${type} of ${key} went through`);
        finished.push({ order: mine, type, key, object, revision });
      },
      (error: unknown) => assert.ok(isStoreError(error) && error.code === verdict, `${type} of ${key}: expected ${verdict}, got ${String(error)}`),
    ));
  }

  async function landed(): Promise<void> {
    await Promise.all(flying);
    flying = [];
    settle();
  }

  /** Takes what is on the disk into the model, and compares what can be seen now. */
  function settle(): void {
    for (const done of finished.sort((one, other) => one.revision - other.revision)) {
      assert.ok(done.order > lastOrder, `${done.key} at ${done.revision} overtook an earlier write`);
      lastOrder = done.order;
      model.done(done.type, done.key, done.object, done.revision);
    }
    finished = [];
    assert.equal(store.revision, model.revision, 'the newest revision');
    for (const watching of watches) watching.check();
    watches = watches.filter((watching) => watching.error === undefined);
  }

  /** Nothing under way: every watch that is not paused has seen all. */
  async function quiet(): Promise<void> {
    await landed();
    for (let turns = 0; watches.some((watching) => !watching.isPaused && watching.error === undefined && watching.revision < store.revision); turns++) {
      assert.ok(turns < 10_000, 'a watch does not catch up');
      await nextTurn();
    }
    settle();
    for (const watching of watches) if (!watching.isPaused) assert.equal(watching.following(), undefined, `the watch of ${watching.prefix} missed an event`);
    compareState();
  }

  function compareState(): void {
    const listed = store.list('/').items.map(({ key, revision, createRevision, bytes }) => [key, revision, createRevision, bytes.toString()]);
    assert.deepEqual(listed, model.liveUnder('/').map(([key, { revision, createRevision, json }]) => [key, revision, createRevision, json]));
  }

  function watch(): void {
    count('watch');
    const prefix = anyPrefix();
    const fromRevision = random.chance(0.3) ? undefined : anyRevision();
    const problem = fromRevision === undefined ? undefined : problemOf(fromRevision);
    const isPausing = random.chance(0.3);
    const maxBehind = isPausing ? 20 + random.int(200) : 10_000;
    try {
      watches.push(watchBeside(store, model, { prefix, fromRevision, maxBehind, pauses: () => pausing.chance(isPausing ? 0.05 : 0) }));
      assert.equal(problem, undefined, `a watch from ${fromRevision} began`);
    } catch (error) {
      if (!isStoreError(error) || error.code !== problem) throw error;
    }
    while (watches.length > 40) watches.shift()?.stop();
  }

  async function compact(): Promise<void> {
    count('compact');
    const revision = anyRevision();
    const compacting = store.compact(revision).then(() => undefined, (error: unknown) => error);
    if (revision > store.revision) assert.ok(isStoreError(await compacting, 'future'));
    else if (random.chance(0.5)) assert.equal(await compacting, undefined);
    settle();
  }

  async function restart(): Promise<void> {
    count('restart');
    const { compactedRevision } = store;
    await store.close();
    await landed();
    assert.equal(watches.length, 0, 'a watch outlived its store');
    assert.throws(() => store.list('/', { revision: 1 }), (error) => isStoreError(error, 'closed', 'compacted'));
    const { revision } = store;
    store = open();
    assert.equal(store.revision, revision);
    assert.ok(store.compactedRevision <= compactedRevision, 'it forgot more than it was told to');
    compareState();
  }

  /** A backup while writes go on, perhaps a few more, and back to it. */
  async function backUpAndRestore(): Promise<void> {
    count('restore');
    const file = join(folder, `backup-${backups++ % 3}.db`);
    const from = model.revision;
    const copying = store.backup(file);
    for (let more = random.int(20); more > 0; more--) write();
    await copying;
    await landed();
    const upTo = model.revision;
    for (let more = random.int(20); more > 0; more--) write();
    const seen = store.revision;
    await store.close();
    await landed();
    const { objects, revision } = restoreBackup({ from: file, folder: join(folder, 'store'), raiseRevisionBy: RAISE, overwrite: true });
    store = open();
    assert.equal(store.revision, revision);
    assert.ok(revision > seen && revision > model.revision, `revision went from ${model.revision} back to ${revision}`);
    assert.throws(() => store.watch('/', { fromRevision: seen, signal: AbortSignal.abort() }, { event() {}, error() {} }), (error) => isStoreError(error, 'compacted'));
    const there = store.list('/').items;
    assert.equal(objects, there.length);
    const state = JSON.stringify(there.map(({ key, bytes }) => [key, bytes.toString()]));
    const at = [from, ...model.changes.map((change) => change.revision).filter((each) => each > from && each <= upTo)].find((each) => JSON.stringify(model.stateAt('/', each)) === state);
    assert.ok(at !== undefined, `the backup is no state between ${from} and ${upTo}`);
    model = new StoreModel();
    for (const stored of [...there].sort((one, other) => one.revision - other.revision)) {
      model.begin(stored.key, stored.object);
      model.done('added', stored.key, stored.object, stored.revision);
      const live = model.live(stored.key);
      if (live !== undefined) live.createRevision = stored.createRevision;
    }
    model.raiseTo(revision);
    snapshots.clear();
    for (const { name } of store.snapshots.list()) await store.snapshots.delete(name);
  }

  async function takeSnapshot(): Promise<void> {
    count('snapshot');
    await landed();
    const name = random.pick(['one', 'two', 'three']);
    if (snapshots.delete(name)) await store.snapshots.delete(name);
    const { revision } = await store.snapshots.create(name);
    assert.equal(revision, store.revision);
    snapshots.set(name, { revision, state: new Map(model.liveUnder('/').map(([key, { json }]) => [key, unversioned(json)])) });
  }

  /** Goes back to a snapshot while writes are under way: whatever came before, right after it the state is that of the snapshot. */
  async function goBack(): Promise<void> {
    const [name] = random.pick([...snapshots.keys()].map((each) => [each])) ?? [];
    if (name === undefined) return;
    count('go back');
    const { state } = snapshots.get(name) as { state: Map<string, string> };
    await landed();
    const differences = await store.snapshots.diff(name);
    const now = new Map(model.liveUnder('/').map(([key, { json }]) => [key, unversioned(json)]));
    const expected = [...new Set([...state.keys(), ...now.keys()])].filter((key) => state.get(key) !== now.get(key)).sort();
    assert.deepEqual(differences.map(({ key }) => key), expected, `what differs from ${name}`);
    for (const { key, type } of differences) assert.equal(type, !state.has(key) ? 'added' : !now.has(key) ? 'deleted' : 'modified');

    const witness: StoreEvent[] = [];
    const ending = new AbortController();
    store.watch('/', { signal: ending.signal, fromRevision: store.revision }, { event: (event) => void witness.push(event), error: (error) => assert.fail(error) });
    for (let more = random.int(6); more > 0; more--) write();
    const changed = await store.snapshots.restore(name);
    await Promise.all(flying);
    flying = [];
    await nextTurn();
    await nextTurn();
    ending.abort();
    const own = new Set(finished.map(({ revision }) => revision));
    const back = witness.filter(({ revision }) => !own.has(revision));
    assert.equal(back.length, changed, 'what the restore says that it changed');
    for (const { type, key, stored, revision } of back) {
      finished.push({ order: finished.findLast((each) => each.revision < revision)?.order ?? lastOrder, type, key, object: stored.object, revision });
      model.begin(key, type === 'deleted' ? undefined : stored.object);
    }
    // Its writes come after all that were sent before it.
    const first = back[0]?.revision ?? Infinity;
    assert.ok([...own].every((revision) => revision < first), 'the writes before it came before');
    finished.sort((one, other) => one.revision - other.revision).forEach((done, index) => (done.order = order + index));
    order += finished.length;
    settle();
    assert.deepEqual(model.liveUnder('/').map(([key, { json }]) => [key, unversioned(json)]), [...state].sort(([one], [other]) => (one < other ? -1 : 1)), `the state after going back to ${name}`);
  }

  let operations = 0;
  async function step(): Promise<void> {
    const dice = random.int(10_000);
    if (dice < 6_500) {
      const size = random.chance(0.02) ? 300 : 1 + random.int(14);
      for (let index = 0; index < size; index++) write();
      operations += size;
      if (random.chance(0.6)) await landed();
      else await nextTurn();
    } else if (dice < 7_800) {
      count('read');
      read();
    } else if (dice < 8_600) {
      count('list');
      list();
    } else if (dice < 9_300) watch();
    else if (dice < 9_600) for (const watching of watches) if (watching.isPaused && pausing.chance(0.5)) watching.resume();
    if (dice >= 9_600 && dice < 9_760) await compact();
    else if (dice >= 9_760 && dice < 9_850) await quiet();
    else if (dice >= 9_850 && dice < 9_890) await restart();
    else if (dice >= 9_890 && dice < 9_905) await backUpAndRestore();
    else if (dice >= 9_905 && dice < 9_930) await takeSnapshot();
    else if (dice >= 9_930 && snapshots.size > 0) await goBack();
    operations += 1;
    settle();
  }

  return {
    get operations() { return operations; },
    counts, step,
    async end() {
      await quiet();
      await restart();
    },
    async close() {
      for (const watching of watches) watching.stop();
      await Promise.allSettled(flying);
      await store.close();
    },
  };
}

function unversioned(json: string): string {
  const object = JSON.parse(json) as KubeObject;
  return JSON.stringify({ ...object, metadata: { ...object.metadata, resourceVersion: undefined } });
}
