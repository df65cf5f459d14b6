import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { createReading, type Connection } from './reading.ts';

type Wire = EventEmitter & Connection & { isRead: boolean };

function wires(count: number): Wire[] {
  return Array.from({ length: count }, () => {
    const wire: Wire = Object.assign(new EventEmitter(), {
      isRead: true,
      pause: () => (wire.isRead = false),
      resume: () => (wire.isRead = true),
    });
    return wire;
  });
}

/** Turns that come when the test says so. */
function someTurns(isHeavy: (user: string) => boolean): { round: number; charge(): void; isHeavy(user: string): boolean; wait(): Promise<void>; next(): Promise<void>; asked: number } {
  const going: (() => void)[] = [];
  return {
    round: 1, isHeavy, asked: 0,
    charge() {},
    wait() {
      this.asked += 1;
      return new Promise((go) => going.push(go));
    },
    async next() {
      this.round += 1;
      going.shift()?.();
      await new Promise(setImmediate);
    },
  };
}

const readOf = (all: readonly Wire[]): number => all.filter(({ isRead }) => isRead).length;

test('of who floods only so many connections are read in a round, and all of them in the end', async () => {
  const turns = someTurns(() => true);
  const reading = createReading(turns);
  const flood = wires(15);
  for (const wire of flood) reading.rests('flood', wire);
  assert.equal(readOf(flood), 15, 'nothing has come yet');
  for (const wire of flood.slice(0, 4)) reading.came('flood', wire);
  assert.deepEqual([readOf(flood.slice(4)), turns.asked], [0, 1], 'the others wait, for one turn');
  for (const read of [4, 8, 11]) {
    await turns.next();
    assert.equal(readOf(flood.slice(4)), read);
  }
  assert.equal(turns.asked, 3, 'and nobody asks for more');
});

test('a connection that comes to rest while others of its user wait, waits too, behind them', async () => {
  const turns = someTurns(() => true);
  const reading = createReading(turns);
  const flood = wires(9);
  for (const wire of flood) reading.rests('flood', wire);
  for (const wire of flood.slice(0, 4)) reading.came('flood', wire);
  reading.rests('flood', flood[0] as Wire);
  assert.equal(flood[0]?.isRead, false);
  await turns.next();
  assert.deepEqual([readOf(flood.slice(4)), flood[0]?.isRead], [4, false]);
  await turns.next();
  assert.deepEqual([readOf(flood.slice(4)), flood[0]?.isRead], [5, true]);
});

test('who holds up nobody is read as it comes, and a round later counts anew', () => {
  const turns = someTurns((user) => user === 'flood');
  const reading = createReading(turns);
  const [calm, flood] = [wires(40), wires(40)];
  for (const wire of calm) reading.rests('calm', wire);
  for (const wire of calm.slice(0, 20)) reading.came('calm', wire);
  assert.equal(readOf(calm), 40);
  turns.round += 1;
  for (const wire of flood) reading.rests('flood', wire);
  for (const wire of flood.slice(0, 3)) reading.came('flood', wire);
  assert.equal(readOf(flood), 40);
});

test('a connection that closes is forgotten, and the turn that was asked for it does no harm', async () => {
  const turns = someTurns(() => true);
  const reading = createReading(turns);
  const flood = wires(6);
  for (const wire of flood) reading.rests('flood', wire);
  for (const wire of flood.slice(0, 4)) reading.came('flood', wire);
  for (const wire of flood) wire.emit('close');
  await turns.next();
  assert.equal(readOf(flood.slice(4)), 0, 'nobody touches it any more');
  assert.equal(flood[5]?.listenerCount('close'), 0);
});

test('a connection by which one asks for several users waits with those of the last', () => {
  const turns = someTurns((user) => user === 'flood');
  const reading = createReading(turns);
  const flood = wires(6);
  for (const wire of flood) reading.rests('flood', wire);
  const [first, ...others] = flood as [Wire, ...Wire[]];
  reading.came('calm', first);
  reading.rests('calm', first);
  turns.round += 1;
  for (const wire of others.slice(0, 4)) reading.came('flood', wire);
  assert.deepEqual([first.isRead, others.at(-1)?.isRead], [true, false]);
  reading.rests('calm', others.at(-1) as Wire);
  assert.equal(others.at(-1)?.isRead, true);
});
