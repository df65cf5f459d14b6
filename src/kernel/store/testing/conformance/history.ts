/** History: compaction, snapshots, closing and opening again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isStoreError } from '../../store.ts';
import { KEY, collect, configMap, make, names, rejects, until } from '../objects.ts';
import type { Using } from './using.ts';

export function history(name: string, using: Using): void {
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
