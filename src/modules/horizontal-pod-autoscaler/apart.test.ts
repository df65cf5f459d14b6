import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../base/clock.ts';
import { apart } from './apart.ts';

/** Time passes as soon as nothing else is to be done. */
const atOnce: Clock = { nowMs: () => 0, sleep: () => new Promise((settle) => setImmediate(settle)) };

test('who waits holds up nobody, and is not begun a second time meanwhile', async () => {
  const { signal } = new AbortController();
  const { round, settled } = apart(atOnce, signal);
  const begun: string[] = [];
  const answers: (() => void)[] = [];
  const quick = (name: string): [string, () => Promise<void>] => [name, async () => void begun.push(name)];
  const hanging = (name: string): [string, () => Promise<void>] => [name, () => {
    begun.push(name);
    return new Promise((settle) => answers.push(settle));
  }];
  const silent = Array.from({ length: 40 }, (_, index) => `silent${index}`);
  const all = new Map([...silent.map(hanging), quick('web'), quick('shop')]);
  await round(all);
  assert.deepEqual(begun, [...silent, 'web', 'shop']);
  begun.length = 0;
  await round(all);
  assert.deepEqual(begun, ['web', 'shop']);
  for (const answer of answers) answer();
  await settled();
  begun.length = 0;
  await round(new Map([quick('silent0'), quick('web')]));
  assert.deepEqual(begun, ['silent0', 'web']);
});

test('nothing is begun after the end', async () => {
  const ended = new AbortController();
  const begun: string[] = [];
  const { round } = apart(atOnce, ended.signal);
  await round(new Map(Array.from({ length: 40 }, (_, index) => [String(index), async () => {
    begun.push(String(index));
    ended.abort();
  }])));
  assert.ok(begun.length < 40, String(begun.length));
});
