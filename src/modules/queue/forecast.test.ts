/** When those that wait are expected to start, by whether others go past who does not fit. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LiveQueue } from './build.ts';
import { forecast } from './forecast.ts';
import type { Entry } from './policy/job.ts';
import { createRoom } from './policy/room.ts';

/** Of `capacity` pieces; each that runs or waits has its amount and its seconds; those that run began at 0. */
function times(capacity: number, runs: readonly [amount: number, seconds: number][], waits: readonly [amount: number, seconds: number][], { skips = false, now = 10 } = {}): number[] {
  const entryOf = ([amount, expectedSeconds]: readonly [number, number]): Entry => ({ job: { request: [amount] }, placement: { amount: [amount] }, expectedSeconds, startedAt: 0, trialSeconds: 0 }) as unknown as Entry;
  const room = { ...createRoom([capacity]), elsewhere: () => [] };
  const running = runs.map(entryOf);
  for (const { placement } of running) room.take(placement!);
  return forecast({ admission: { running }, room, skips } as unknown as LiveQueue, waits.map(entryOf), now, (entry, ranSeconds) => (entry.expectedSeconds > ranSeconds ? entry.expectedSeconds : 2 * ranSeconds));
}

test('each as soon as there is room for it', () => {
  const runs: [number, number][] = [[2, 100], [2, 50]];
  for (const [name, actual, wanted] of [
    ['at once', times(4, [], [[4, 10]]), [10]],
    ['in turn', times(4, runs, [[2, 10], [2, 10], [4, 5]]), [50, 60, 100]],
    ['a small one waits for the large one before it', times(4, runs, [[4, 10], [1, 10]]), [100, 110]],
    ['or goes past it', times(4, runs, [[4, 10], [1, 10]], { skips: true }), [100, 50]],
    ['who goes past puts off who it passes', times(4, runs, [[4, 10], [1, 80]], { skips: true }), [130, 50]],
    ['one that has run for longer than expected runs as long again', times(4, [[4, 5]], [[1, 10]]), [20]],
    ['never', times(4, runs, [[5, 10], [1, 1]]), [Infinity, Infinity]],
    ['never, but others all the same', times(4, runs, [[5, 10], [1, 1]], { skips: true }), [Infinity, 50]],
  ] as [string, number[], number[]][]) assert.deepEqual(actual, wanted, name);
});

test('among thousands that run it is told about when, and at little cost', () => {
  const runs = Array.from({ length: 5_000 }, (_, index): [number, number] => [1, 1_000 + index]);
  const waits = Array.from({ length: 50 }, (): [number, number] => [2_500, 10]);
  const before = process.threadCpuUsage();
  const [first = 0] = times(5_000, runs, waits, { skips: true });
  assert.ok(first >= 3_499 && first <= 3_499 + 130, `half of them have ended after 3,499 s, and it is told ${first}`);
  assert.ok(process.threadCpuUsage(before).user < 2_000_000);
});
