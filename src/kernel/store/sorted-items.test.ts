import assert from 'node:assert/strict';
import { it } from 'node:test';
import { sortedItems } from './sorted-items.ts';

const item = (key: string, value = 0) => ({ key, value });

it('is what a sorted array is, over many inserts, replacements and deletions', () => {
  const expected = new Map<string, number>();
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
  const first = Array.from({ length: 3_000 }, (_, index) => item(`k${(index * 7_919) % 100_000}`));
  for (const each of first) expected.set(each.key, each.value);
  const items = sortedItems(first);
  for (let round = 0; round < 20_000; round++) {
    const key = `k${random(6_000)}`;
    if (random(3) === 0) {
      items.delete(key);
      expected.delete(key);
    } else {
      items.set(item(key, round));
      expected.set(key, round);
    }
  }
  const keys = [...expected.keys()].sort();
  assert.equal(items.size, keys.length);
  assert.deepEqual(items.slice(0, items.size).map((each) => [each.key, each.value]), keys.map((key) => [key, expected.get(key)]));
  for (const probe of ['', 'k', 'k3', 'k30', 'k5999', 'z', keys[1_500] as string]) assert.equal(items.rank(probe), keys.filter((key) => key < probe).length, probe);
  for (const [from, to] of [[0, 1], [511, 513], [1_000, 2_500], [keys.length - 1, keys.length + 9], [5, 5]] as const)
    assert.deepEqual(items.slice(from, to).map((each) => each.key), keys.slice(from, to));
});

it('can be emptied and filled again', () => {
  const items = sortedItems([item('a')]);
  items.delete('a');
  items.delete('b');
  assert.deepEqual([items.size, items.rank('x'), items.slice(0, 9)], [0, 0, []]);
  items.set(item('b'));
  assert.deepEqual(items.slice(0, 9), [item('b')]);
});
