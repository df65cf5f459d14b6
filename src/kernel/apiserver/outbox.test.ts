import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Outbox } from './outbox.ts';

const frame = (text: string): Buffer => Buffer.from(text);

function open(reads = true) {
  const sent: Buffer[] = [];
  const seen = { sent, emptied: 0, reads };
  const outbox = new Outbox({ send: (bytes) => (sent.push(bytes), seen.reads), emptied: () => void (seen.emptied += 1) });
  return { outbox, seen };
}

const turns = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n += 1) await nextTurn();
};

describe('an outbox', () => {
  it('sends what came in one turn of the loop in one piece, in order', async () => {
    const { outbox, seen } = open();
    for (const text of ['a', 'b', 'c']) assert.equal(outbox.put(frame(text)), true);
    assert.deepEqual(seen.sent, []);
    await turns(3);
    assert.deepEqual(seen.sent.map(String), ['abc']);
    outbox.put(frame('d'));
    outbox.flush();
    assert.deepEqual(seen.sent.map(String), ['abc', 'd']);
  });

  it('gives all watchers of the same frames the same bytes', async () => {
    const all = Array.from({ length: 5 }, () => open());
    const frames = [frame('a'), frame('b')];
    for (const each of frames) for (const { outbox } of all) outbox.put(each);
    await turns(3);
    assert.deepEqual(new Set(all.map(({ seen }) => seen.sent[0])).size, 1);
    assert.deepEqual(all.map(({ seen }) => seen.sent.length), [1, 1, 1, 1, 1]);
  });

  it('holds back while the client does not read, and says when there is room', async () => {
    const { outbox, seen } = open(false);
    assert.equal(outbox.put(frame('a')), true);
    await turns(3);
    assert.equal(outbox.put(frame('b')), false);
    await turns(3);
    assert.deepEqual([seen.sent.map(String), seen.emptied], [['a'], 0]);
    seen.reads = true;
    outbox.drained();
    await turns(3);
    assert.deepEqual([seen.sent.map(String), seen.emptied], [['a', 'b'], 1]);
  });

  it('sends the end to a client that does not read', async () => {
    const { outbox, seen } = open(false);
    outbox.put(frame('a'));
    await turns(3);
    outbox.put(frame('the end'));
    outbox.flush();
    assert.deepEqual(seen.sent.map(String), ['a', 'the end']);
  });

  it('is full at 64 KiB', async () => {
    const { outbox, seen } = open();
    assert.equal(outbox.put(Buffer.alloc(60_000)), true);
    assert.equal(outbox.put(Buffer.alloc(10_000)), false);
    await turns(3);
    assert.deepEqual([seen.sent.map(({ length }) => length), seen.emptied], [[70_000], 1]);
  });

  it('leaves the loop to others between the watchers of one event', async () => {
    let others = 0;
    const busy = (): boolean => {
      const untilMs = performance.now() + 1;
      while (performance.now() < untilMs);
      return true;
    };
    let sent = 0;
    const boxes = Array.from({ length: 20 }, () => new Outbox({ send: () => (sent += 1, busy()), emptied() {} }));
    for (const box of boxes) box.put(frame('event'));
    while (sent < boxes.length) {
      await nextTurn();
      others += 1;
    }
    assert.ok(others >= 5, `${others} turns for others`);
  });

  it('has the garbage of an event to many collected when all of them have it, and of one to few not', async () => {
    const world = globalThis as { gc?: (how: unknown) => void };
    const before = world.gc;
    const collected: unknown[] = [];
    let sent = 0;
    world.gc = (how) => collected.push([how, sent]);
    try {
      const boxes = Array.from({ length: 300 }, () => new Outbox({ send: () => (sent += 1, true), emptied() {} }));
      for (const box of boxes.slice(0, 50)) box.put(frame('event'));
      await turns(10);
      assert.deepEqual(collected, []);
      for (const box of boxes) box.put(frame('event'));
      while (collected.length === 0) await nextTurn();
      await turns(10);
      assert.deepEqual(collected, [[{ type: 'minor' }, 350]]);
    } finally {
      world.gc = before;
    }
  });
});
