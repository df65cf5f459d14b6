/** What every body of Store must do. Call `storeConformance(name, open)` in a test file; `open` gives a fresh store each time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '../../api/meta.ts';
import { isStoreError, type Store, type StoreError, type StoreErrorCode, type StoreEvent, type WatchOptions } from './store.ts';

export interface OpenedStore {
  store: Store;
  /** Closes it and opens the same data again. */
  reopen(): Promise<Store>;
  dispose(): Promise<void>;
}

const KEY = '/core/configmaps/default/one';

export function storeConformance(name: string, open: () => Promise<OpenedStore>): void {
  const using = (body: (opened: OpenedStore) => Promise<void>) => async (): Promise<void> => {
    const opened = await open();
    try {
      await body(opened);
    } finally {
      await opened.dispose();
    }
  };

  describe(`${name}: writes`, () => {
    it('creates with a revision, which is in the object and in its bytes', using(async ({ store }) => {
      const before = store.revision;
      const made = await store.create(KEY, configMap('one', { a: '1' }));
      assert.ok(made.revision > before);
      assert.equal(made.createRevision, made.revision);
      assert.equal(made.object.metadata.resourceVersion, String(made.revision));
      assert.deepEqual(JSON.parse(made.bytes.toString()), made.object);
      assert.equal(store.revision, made.revision);
      assert.equal(store.get(KEY), made);
    }));
    it('freezes in depth', using(async ({ store }) => {
      const made = await store.create(KEY, configMap('one', { a: '1' }));
      assert.throws(() => { (made.object.metadata.labels as Record<string, string>)['x'] = 'y'; }, TypeError);
      assert.throws(() => { made.object.metadata.name = 'y'; }, TypeError);
    }));
    it('refuses to create what exists, and to change what does not', using(async ({ store }) => {
      await store.create(KEY, configMap('one'));
      await rejects(store.create(KEY, configMap('one')), 'exists');
      await rejects(store.update('/core/configmaps/default/two', configMap('two'), { revision: 1 }), 'missing');
      await rejects(store.delete('/core/configmaps/default/two'), 'missing');
    }));
    it('updates only the newest revision, and keeps createRevision', using(async ({ store }) => {
      const made = await store.create(KEY, configMap('one'));
      const changed = await store.update(KEY, configMap('one', { a: '2' }), { revision: made.revision });
      assert.equal(changed.createRevision, made.revision);
      await rejects(store.update(KEY, configMap('one'), { revision: made.revision }), 'modified');
      await rejects(store.delete(KEY, { revision: made.revision }), 'modified');
    }));
    it('lets one of two updates win that come in one turn', using(async ({ store }) => {
      const made = await store.create(KEY, configMap('one'));
      const both = await Promise.allSettled([1, 2].map((n) => store.update(KEY, configMap('one', { n: String(n) }), { revision: made.revision })));
      assert.deepEqual(both.map((each) => each.status), ['fulfilled', 'rejected']);
    }));
    it('shows the newest state only to writers until it is on the disk', using(async ({ store }) => {
      const creating = store.create(KEY, configMap('one'));
      assert.equal(store.get(KEY), undefined);
      const newest = store.newest(KEY);
      assert.ok(newest !== undefined);
      const updating = store.update(KEY, configMap('one', { a: '2' }), { revision: newest.revision });
      const deleting = store.delete(KEY);
      assert.equal(store.newest(KEY), undefined);
      const again = store.create(KEY, configMap('one', { a: '3' }));
      await store.settled();
      assert.equal(store.get(KEY), await again);
      assert.ok((await creating).revision < (await updating).revision && (await updating).revision < (await deleting).revision);
    }));
    it('gives the last state of a deleted object with the revision of the deletion', using(async ({ store }) => {
      const made = await store.create(KEY, configMap('one', { a: '1' }));
      const gone = await store.delete(KEY);
      assert.ok(gone.revision > made.revision);
      assert.equal(gone.object.metadata.resourceVersion, String(gone.revision));
      assert.deepEqual((gone.object as ConfigMap).data, { a: '1' });
      assert.equal(store.get(KEY), undefined);
    }));
    it('refuses keys that cannot be, and objects that are too large', using(async ({ store }) => {
      for (const key of ['', 'x', '/core', '/core/pods', '/core/pods/', '//pods/x', '/core//x', '/core/pods/a/', `/core/pods/${'x'.repeat(3_000)}`])
        await rejects(store.create(key, configMap('x')), 'invalid');
      await rejects(store.create(KEY, configMap('one', { big: 'x'.repeat(2 * 1_024 * 1_024) })), 'large');
      assert.ok(await store.create(KEY, configMap('one')));
    }));
    it('keeps bytes that are not ASCII', using(async ({ store, reopen }) => {
      await store.create(KEY, configMap('one', { a: 'Grüße, 世界 🚀' }));
      assert.deepEqual((await reopen()).get(KEY)?.object, store.get(KEY)?.object);
      assert.match(store.get(KEY)?.bytes.toString() ?? '', /Grüße, 世界 🚀/);
    }));
  });

  describe(`${name}: lists`, () => {
    it('sorts by key and keeps to the prefix', using(async ({ store }) => {
      await make(store, ['b/y', 'a/z', 'a/b', 'a-b/c', 'b/x']);
      await store.create('/core/configmapsx/a/z', configMap('z'));
      await store.create('/apps/configmaps/a/z', configMap('z'));
      assert.deepEqual(names(store.list('/core/configmaps/')), ['a-b/c', 'a/b', 'a/z', 'b/x', 'b/y']);
      assert.deepEqual(names(store.list('/core/configmaps/a/')), ['a/b', 'a/z']);
      assert.deepEqual(names(store.list('/core/secrets/')), []);
      assert.equal(store.list('/').items.length, 7);
      assert.equal(store.count('/core/configmaps/b/'), 2);
      assert.throws(() => store.list('/core/'), (error) => isStoreError(error, 'invalid'));
    }));
    it('gives chunks with what remains', using(async ({ store }) => {
      await make(store, ['a/1', 'a/2', 'a/3', 'a/4', 'a/5']);
      const first = store.list('/core/configmaps/', { limit: 2 });
      assert.deepEqual([names(first), first.remaining], [['a/1', 'a/2'], 3]);
      const second = store.list('/core/configmaps/', { limit: 2, startAfter: first.last });
      assert.deepEqual([names(second), second.remaining], [['a/3', 'a/4'], 1]);
      const third = store.list('/core/configmaps/', { limit: 2, startAfter: second.last });
      assert.deepEqual([names(third), third.remaining, third.last], [['a/5'], 0, undefined]);
    }));
    it('gives the exact state of an older revision, in chunks too', using(async ({ store }) => {
      await make(store, ['a/1', 'a/2', 'a/3', 'a/4']);
      const then = store.list('/core/configmaps/');
      await make(store, ['a/0', 'a/9']);
      await store.delete('/core/configmaps/a/2');
      await store.update('/core/configmaps/a/3', configMap('3', { new: 'yes' }), { revision: then.items[2]?.revision ?? 0 });
      await store.delete('/core/configmaps/a/4');
      await make(store, ['a/4']);
      const past = store.list('/core/configmaps/', { revision: then.revision });
      assert.equal(past.revision, then.revision);
      assert.deepEqual(past.items.map((each) => each.bytes.toString()), then.items.map((each) => each.bytes.toString()));
      const first = store.list('/core/configmaps/', { revision: then.revision, limit: 3 });
      assert.deepEqual([names(first), first.remaining], [['a/1', 'a/2', 'a/3'], 1]);
      await make(store, ['a/5']);
      const rest = store.list('/core/configmaps/', { revision: then.revision, limit: 3, startAfter: first.last });
      assert.deepEqual([names(rest), rest.remaining], [['a/4'], 0]);
      assert.throws(() => store.list('/core/configmaps/', { revision: store.revision + 1 }), (error) => isStoreError(error, 'future'));
    }));
  });

  describe(`${name}: watches`, () => {
    it('gives every change of its prefix in order, the same value to all', using(async ({ store }) => {
      const one = collect(store, '/core/configmaps/');
      const two = collect(store, '/core/configmaps/default/');
      await store.create('/core/secrets/default/one', configMap('one'));
      const made = await store.create(KEY, configMap('one'));
      const changed = await store.update(KEY, configMap('one', { a: '2' }), { revision: made.revision });
      const gone = await store.delete(KEY);
      assert.deepEqual(one.events.map((event) => [event.type, event.revision]), [['added', made.revision], ['modified', changed.revision], ['deleted', gone.revision]]);
      assert.equal(one.events[1]?.previous, made);
      assert.equal(one.events[1]?.stored, changed);
      assert.ok(one.events.every((event, index) => event === two.events[index]));
    }));
    it('begins after any revision that is not forgotten, also after opening again', using(async ({ store, reopen }) => {
      await make(store, ['a/1', 'a/2']);
      const from = store.revision;
      await make(store, ['b/1', 'a/3']);
      await store.delete('/core/configmaps/a/1');
      const told = (events: readonly StoreEvent[]) => events.map((event) => [event.type, event.key, event.previous?.revision]);
      const before = collect(store, '/core/configmaps/a/', { fromRevision: from });
      await until(() => before.events.length === 2);
      const again = await reopen();
      const after = collect(again, '/core/configmaps/a/', { fromRevision: from });
      await until(() => after.events.length === 2);
      assert.deepEqual(told(after.events), told(before.events));
      assert.deepEqual(after.events.map((event) => event.stored.bytes.toString()), before.events.map((event) => event.stored.bytes.toString()));
      await make(again, ['a/7']);
      await until(() => after.events.length === 3);
    }));
    it('misses nothing and repeats nothing while it catches up', using(async ({ store, reopen }) => {
      await make(store, Array.from({ length: 3_000 }, (_, index) => `a/${index}`));
      const again = await reopen();
      const watching = collect(again, '/core/configmaps/', { fromRevision: 1 });
      await make(again, Array.from({ length: 300 }, (_, index) => `b/${index}`));
      await until(() => watching.events.length === 3_300);
      assert.ok(watching.events.every((event, index) => index === 0 || event.revision > (watching.events[index - 1] as StoreEvent).revision));
      assert.equal(watching.watch.revision, again.revision);
    }));
    it('pauses and goes on', using(async ({ store }) => {
      const watching = collect(store, '/core/configmaps/', {}, () => watching.events.length !== 2);
      await make(store, ['a/1', 'a/2', 'a/3', 'a/4']);
      assert.equal(watching.events.length, 2);
      assert.equal(watching.watch.revision, watching.events[1]?.revision);
      watching.watch.resume();
      await until(() => watching.events.length === 4);
    }));
    it('drops a watch that falls behind, and no other', using(async ({ store }) => {
      const slow = collect(store, '/core/configmaps/', { maxBehind: 5 }, () => false);
      const quick = collect(store, '/core/configmaps/');
      await make(store, Array.from({ length: 8 }, (_, index) => `a/${index}`));
      assert.equal(slow.error?.code, 'slow');
      assert.equal(slow.events.length, 1);
      assert.equal(quick.events.length, 8);
      assert.equal(store.stats().droppedWatches, 1);
    }));
    it('ends a watch whose receiver throws, and no other', using(async ({ store }) => {
      const bad = collect(store, '/core/configmaps/', {}, () => { throw new Error('no'); });
      const good = collect(store, '/core/configmaps/');
      await make(store, ['a/1', 'a/2']);
      assert.equal(bad.error?.code, 'failed');
      assert.equal(good.events.length, 2);
    }));
    it('ends with its signal', using(async ({ store }) => {
      const watching = collect(store, '/core/configmaps/');
      await make(store, ['a/1']);
      watching.stop();
      await make(store, ['a/2']);
      assert.equal(watching.events.length, 1);
      assert.equal(watching.error, undefined);
      assert.equal(store.stats().watches, 0);
    }));
    it('tells bookmarks: up to where everything was given', using(async ({ store }) => {
      const watching = collect(store, '/core/configmaps/');
      await store.create('/core/secrets/default/one', configMap('one'));
      assert.equal(watching.watch.revision, store.revision);
    }));
  });

  describe(`${name}: history`, () => {
    it('forgets on compaction what was replaced, and keeps what lives', using(async ({ store, reopen }) => {
      await make(store, ['a/1', 'a/2']);
      const old = store.revision;
      await store.update('/core/configmaps/a/1', configMap('1', { v: '2' }), { revision: store.get('/core/configmaps/a/1')?.revision ?? 0 });
      await store.delete('/core/configmaps/a/2');
      const kept = store.revision;
      await make(store, ['a/3']);
      await store.compact(kept);
      for (const get of [() => store, reopen]) {
        const opened = await get();
        assert.equal(opened.compactedRevision, kept);
        assert.throws(() => opened.list('/core/configmaps/', { revision: old }), (error) => isStoreError(error, 'compacted'));
        assert.throws(() => collect(opened, '/core/configmaps/', { fromRevision: old }), (error) => isStoreError(error, 'compacted'));
        assert.deepEqual(names(opened.list('/core/configmaps/', { revision: kept })), ['a/1']);
        assert.deepEqual(names(opened.list('/core/configmaps/')), ['a/1', 'a/3']);
        const watching = collect(opened, '/core/configmaps/', { fromRevision: kept });
        await until(() => watching.events.length === 1);
      }
    }));
    it('never gives a revision twice, even when the newest was forgotten', using(async ({ store, reopen }) => {
      await make(store, ['a/1']);
      await store.delete('/core/configmaps/a/1');
      const last = store.revision;
      await store.compact();
      const again = await reopen();
      assert.equal(again.revision, last);
      assert.ok((await again.create(KEY, configMap('one'))).revision > last);
    }));
    it('comes back as it was', using(async ({ store, reopen }) => {
      await make(store, Array.from({ length: 700 }, (_, index) => `a/${index}`));
      const before = store.list('/');
      const again = await reopen();
      const after = again.list('/');
      assert.equal(again.revision, before.revision);
      assert.deepEqual(after.items.map((each) => [each.revision, each.createRevision, each.bytes.toString()]), before.items.map((each) => [each.revision, each.createRevision, each.bytes.toString()]));
      assert.deepEqual(after.items[3]?.object, before.items[3]?.object);
    }));
    it('goes back to a named snapshot, and watchers follow', using(async ({ store }) => {
      await make(store, ['a/1', 'a/2', 'a/3']);
      const made = await store.snapshots.create('good');
      assert.equal(made.revision, store.revision);
      await rejects(store.snapshots.create('good'), 'exists');
      await rejects(store.snapshots.create('../bad'), 'invalid');
      await store.delete('/core/configmaps/a/1');
      await store.update('/core/configmaps/a/2', configMap('2', { v: '2' }), { revision: store.get('/core/configmaps/a/2')?.revision ?? 0 });
      await make(store, ['a/4']);
      const difference = await store.snapshots.diff('good');
      assert.deepEqual(difference.map((each) => [each.type, each.key.slice(17)]), [['deleted', 'a/1'], ['modified', 'a/2'], ['added', 'a/4']]);
      const watching = collect(store, '/core/configmaps/');
      assert.equal(await store.snapshots.restore('good'), 3);
      assert.deepEqual(watching.events.map((event) => event.type), ['added', 'modified', 'deleted']);
      assert.deepEqual(names(store.list('/core/configmaps/')), ['a/1', 'a/2', 'a/3']);
      assert.deepEqual(await store.snapshots.diff('good'), []);
      assert.deepEqual(store.snapshots.list().map((each) => each.name), ['good']);
      await store.snapshots.delete('good');
      await rejects(store.snapshots.diff('good'), 'missing');
    }));
    it('goes back to a snapshot from what is under way too', using(async ({ store }) => {
      await make(store, ['a/1', 'a/2']);
      await store.snapshots.create('good');
      const restoring = store.snapshots.restore('good');
      const writing = [store.create('/core/configmaps/a/3', configMap('3')), store.delete('/core/configmaps/a/1'), ...Array.from({ length: 50 }, (_, index) => store.create(`/core/pods/a/${index}`, configMap('x')))];
      await restoring;
      await Promise.all(writing);
      const { revision } = store;
      assert.deepEqual(store.list('/').items.map((each) => each.key), ['/core/configmaps/a/1', '/core/configmaps/a/2']);
      assert.equal(revision, store.revision);
    }));
    it('makes one snapshot of a name, and compares it twice at once', using(async ({ store }) => {
      await make(store, ['a/1', 'a/2']);
      const both = await Promise.allSettled([store.snapshots.create('good'), store.snapshots.create('good')]);
      assert.deepEqual(both.map((each) => each.status), ['fulfilled', 'rejected']);
      await store.delete('/core/configmaps/a/1');
      const [one, other] = await Promise.all([store.snapshots.diff('good'), store.snapshots.diff('good')]);
      assert.deepEqual([one.length, other.length], [1, 1]);
    }));
    it('ends watches and refuses writes when closed, and brings what waits to the disk', using(async ({ store, reopen }) => {
      const watching = collect(store, '/core/configmaps/');
      const creating = store.create(KEY, configMap('one'));
      const again = await reopen();
      assert.ok((await creating).revision > 0);
      assert.ok(again.get(KEY) !== undefined);
      assert.equal(watching.error?.code, 'closed');
      await rejects(store.create('/core/configmaps/default/two', configMap('two')), 'closed');
    }));
  });
}

export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

export function configMap(name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { app: 'test' } }, data };
}

async function make(store: Store, keys: readonly string[]): Promise<void> {
  await Promise.all(keys.map((key) => store.create(`/core/configmaps/${key}`, configMap(key))));
}

function names(list: { items: readonly { key: string }[] }): string[] {
  return list.items.map((each) => each.key.slice('/core/configmaps/'.length));
}

export function collect(store: Store, prefix: string, options: Partial<WatchOptions> = {}, answer: (event: StoreEvent) => boolean = () => true) {
  const ending = new AbortController();
  const got = { events: [] as StoreEvent[], error: undefined as StoreError | undefined, stop: () => ending.abort() };
  const watch = store.watch(prefix, { signal: ending.signal, ...options }, {
    event(event) {
      got.events.push(event);
      return answer(event);
    },
    error(error) { got.error = error; },
  });
  return Object.assign(got, { watch });
}

async function until(done: () => boolean, timeoutMs = 5_000): Promise<void> {
  const endMs = Date.now() + timeoutMs;
  while (!done()) {
    assert.ok(Date.now() < endMs, 'it did not happen in time');
    await sleep(1);
  }
}

export async function rejects(promise: Promise<unknown>, code: StoreErrorCode): Promise<void> {
  await assert.rejects(promise, (error) => isStoreError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`));
}
