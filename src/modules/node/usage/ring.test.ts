import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { means } from './history.ts';
import { usageRing } from './ring.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'ring-')); });
afterEach(() => rmSync(folder, { recursive: true }));
const point = (cpuMillis: number, memoryBytes = 1_048_576) => ({ cpuMillis, memoryBytes });
const HOUR = 100;
const START = HOUR * 60;

test('points come back by their series, over a restart, and the size is that of the points', () => {
  usageRing(folder).add(START, new Map([['', point(500)], ['a/b/c/main', point(20)]]));
  const again = usageRing(folder);
  again.add(START + 1, new Map([['a/b/c/main', point(30)], ['x/y/z/main', point(1)]]));
  assert.deepEqual(again.read((name) => name.startsWith('a/')), new Map([['a/b/c/main', [{ minute: START, ...point(20) }, { minute: START + 1, ...point(30) }]]]));
  assert.equal(statSync(join(folder, `${HOUR}.points`)).size, 2 * 6 + 4 * 10);
});
test('what is older than a day goes', () => {
  const ring = usageRing(folder);
  for (let hour = 0; hour < 60; hour++) ring.add(START + hour * 60, new Map([['', point(hour)]]));
  assert.equal(readdirSync(folder).length, 2 * 25);
  assert.equal(ring.read(() => true).get('')?.[0]?.minute, START + 35 * 60);
});
test('a block that a crash cut short is taken away, and others follow', () => {
  const ring = usageRing(folder);
  for (const minute of [0, 1]) ring.add(START + minute, new Map([['', point(minute)]]));
  truncateSync(join(folder, `${HOUR}.points`), 25);
  const points = (): number[] | undefined => usageRing(folder).read(() => true).get('')?.map(({ minute }) => minute - START);
  assert.deepEqual(points(), [0]);
  usageRing(folder).add(START + 2, new Map([['', point(2)]]));
  assert.deepEqual(points(), [0, 2]);
  appendFileSync(join(folder, `${HOUR}.points`), Buffer.alloc(40, 0xff));
  assert.deepEqual(points(), [0, 2]);
});
test('a clock that goes back does no harm', () => {
  const ring = usageRing(folder);
  ring.add(START + 60, new Map([['', point(1)]]));
  ring.add(START, new Map([['', point(2)]]));
  assert.ok(ring.read(() => true).get('')!.length >= 1);
});
test('five minutes in one', () => assert.deepEqual(means([1, 2, 5, 6].map((minute) => ({ minute, ...point(minute * 10, minute) })), 5), [{ minute: 5, cpuMillis: 80 / 3, memoryBytes: 5 }, { minute: 6, cpuMillis: 60, memoryBytes: 6 }]));
