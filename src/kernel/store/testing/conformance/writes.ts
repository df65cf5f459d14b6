/** Writes: revisions, conflicts, what may be stored. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KEY, configMap, rejects, type ConfigMap } from '../objects.ts';
import type { Using } from './using.ts';

export function writes(name: string, using: Using): void {
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
}
