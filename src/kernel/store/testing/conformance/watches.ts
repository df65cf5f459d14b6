/** Watches: every change once and in order, pauses, ends. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type StoreEvent } from '../../store.ts';
import { KEY, collect, configMap, make, until } from '../objects.ts';
import type { Using } from './using.ts';

export function watches(name: string, using: Using): void {
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
}
