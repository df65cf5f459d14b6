/** Lists: order, prefixes, chunks, the past. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isStoreError } from '../../store.ts';
import { configMap, make, names } from '../objects.ts';
import type { Using } from './using.ts';

export function lists(name: string, using: Using): void {
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
}
