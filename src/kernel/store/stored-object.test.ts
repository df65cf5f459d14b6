import assert from 'node:assert/strict';
import { it } from 'node:test';
import { deepFreeze } from '../../api/json.ts';
import { encode, ParsedObjects, StoredObject } from './stored-object.ts';

const object = (name: string) => ({ kind: 'X', metadata: { name }, spec: { list: [{ a: 1 }], text: 'x'.repeat(900) } });

it('lets go of parsed objects that are not used, keeps those that are, and parses again', () => {
  const parsed = new ParsedObjects(10_000);
  const all = Array.from({ length: 100 }, (_, index) => {
    const encoded = encode(object(String(index)), { key: 'k', revision: index });
    return { stored: new StoredObject(parsed, `k${index}`, index, index, encoded.bytes, encoded.object), first: encoded.object };
  });
  assert.equal(all[99]?.stored.object, all[99]?.first);
  assert.notEqual(all[0]?.stored.object, all[0]?.first);
  assert.deepEqual(all[0]?.stored.object, all[0]?.first);
  const { stored } = all[0] as (typeof all)[number];
  assert.ok(Object.isFrozen((stored.object as ReturnType<typeof object>).spec.list[0]));
  const again = all[0]?.stored.object;
  for (const each of all) assert.ok(each.stored.object && all[0]?.stored.object === again, 'one in steady use stays');
});

it('lets go of what was not used between two turns, however much room there is', () => {
  const parsed = new ParsedObjects(1_000_000);
  const [used, unused] = ['used', 'unused'].map((name) => {
    const { object: first, bytes } = encode(object(name), { key: 'k', revision: 1 });
    return { stored: new StoredObject(parsed, name, 1, 1, bytes, first), first };
  }) as [{ stored: StoredObject; first: object }, { stored: StoredObject; first: object }];
  for (let turn = 0; turn < 3; turn++) {
    parsed.turn();
    assert.equal(used.stored.object, used.first);
  }
  assert.notEqual(unused.stored.object, unused.first);
  assert.deepEqual(unused.stored.object, unused.first);
});

it('freezes what is not frozen yet, and leaves the given object as it was', () => {
  const given = object('one');
  deepFreeze(given.spec);
  const { object: owned, bytes } = encode(given, { key: 'k', revision: 7 });
  assert.ok(!Object.isFrozen(given) && Object.isFrozen(owned) && Object.isFrozen(owned.metadata));
  assert.deepEqual(JSON.parse(bytes.toString()), { ...given, metadata: { name: 'one', resourceVersion: '7' } });
});
