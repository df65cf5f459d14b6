import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Stored } from '../store/store.ts';
import { createListBytes } from './list-bytes.ts';

const stored = (n: number, text = `{"n":${n},"filler":"${'x'.repeat(100)}"}`): Stored => ({ key: `/core/pods/default/p${String(n).padStart(6, '0')}`, revision: n, createRevision: n, bytes: Buffer.from(text) }) as Stored;
const many = (count: number): Stored[] => Array.from({ length: count }, (_, n) => stored(n + 1));
const plain = (items: readonly Stored[]): string => items.map(({ bytes }) => bytes.toString()).join(',');

function check(bytes: ReturnType<typeof createListBytes>, items: readonly Stored[]): Buffer[] {
  const all = bytes.of(items);
  assert.ok(all !== undefined);
  assert.equal(Buffer.concat(all).toString(), plain(items));
  return all;
}

describe('the bytes of lists', () => {
  it('are the items with commas between them', () => {
    const bytes = createListBytes();
    for (const count of [600, 1_000, 5_000]) check(bytes, many(count));
    for (const count of [0, 1, 100]) assert.equal(bytes.of(many(count)), undefined, 'a short list is joined as fast');
  });

  it('are kept in runs, of which a change touches one', () => {
    const bytes = createListBytes();
    const items = many(1_000);
    const before = check(bytes, items);
    assert.ok(before.length > 5 && before.length < 60, `${before.length} runs`);
    assert.deepEqual(check(bytes, items).filter((piece, at) => piece.buffer !== before[at]?.buffer), []);
    const changes: [string, Stored[]][] = [
      ['an update', items.map((each, at) => (at === 500 ? { ...each, bytes: Buffer.from('{"n":"new"}') } as Stored : each))],
      ['a deletion', items.filter((_, at) => at !== 500)],
      ['a create in the middle', items.toSpliced(500, 0, stored(5_001, '{"n":"more"}'))],
    ];
    for (const [what, changed] of changes) {
      check(bytes, items);
      const made = check(bytes, changed).filter((piece) => !before.some(({ buffer }) => buffer === piece.buffer));
      assert.ok(made.length <= 2, `${what} made ${made.length} runs anew`);
    }
  });

  it('are not kept beyond the limit', () => {
    const bytes = createListBytes({ keepBytes: 150_000 });
    assert.equal(bytes.of(many(2_000)), undefined);
    const [some, others] = [many(1_000), many(2_000).slice(1_000)];
    const before = check(bytes, some);
    check(bytes, others);
    assert.notEqual(check(bytes, some)[0]?.buffer, before[0]?.buffer);
  });

  it('are let go of when nobody asks', async () => {
    const bytes = createListBytes({ keepMs: 20 });
    const items = many(1_000);
    const [before] = check(bytes, items);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.notEqual(check(bytes, items)[0]?.buffer, before?.buffer);
  });
});
