import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { queueMetricsText } from './queue-metrics.ts';
import { createWorkQueue } from './work-queue.ts';

test('a key is worked on once for many adds, and never twice at once', async () => {
  const queue = createWorkQueue('test');
  const abort = new AbortController();
  const worked: string[] = [];
  let active = 0;
  for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
  const drained = queue.drain({ concurrency: 1, signal: abort.signal }, async (key) => {
    assert.equal(++active, 1);
    worked.push(key);
    await sleep(1);
    active -= 1;
  });
  await sleep(20);
  abort.abort();
  await drained;
  assert.deepEqual(worked, ['a', 'b']);
});

test('a key added while it is worked on comes again afterwards', async () => {
  const queue = createWorkQueue('test');
  const abort = new AbortController();
  let runs = 0;
  let overlapping = 0;
  const drained = queue.drain({ concurrency: 4, signal: abort.signal }, async () => {
    assert.equal(++overlapping, 1);
    if (++runs === 1) queue.add('a');
    await sleep(2);
    overlapping -= 1;
  });
  queue.add('a');
  await sleep(30);
  assert.equal(runs, 2);
  abort.abort();
  await drained;
});

test('drain settles only when the work under way has ended, and drops what waits', async () => {
  const queue = createWorkQueue('test');
  const abort = new AbortController();
  let finished = false;
  const drained = queue.drain({ concurrency: 1, signal: abort.signal }, async () => {
    await sleep(20);
    finished = true;
  });
  queue.add('a');
  queue.addAfter('b', 60_000); // must not keep the process alive either
  await sleep(5);
  abort.abort();
  await drained;
  assert.equal(finished, true);
});

test('an earlier delayed add is kept, a later one is dropped', async () => {
  const queue = createWorkQueue('test');
  const abort = new AbortController();
  const times: number[] = [];
  const fromMs = performance.now();
  const drained = queue.drain({ concurrency: 1, signal: abort.signal }, async () => void times.push(performance.now() - fromMs));
  queue.addAfter('a', 15);
  queue.addAfter('a', 60_000);
  await sleep(50);
  abort.abort();
  await drained;
  assert.equal(times.length, 1);
});

test('what waits comes at once when its time is no longer right, and once', async () => {
  const queue = createWorkQueue('test');
  const abort = new AbortController();
  const keys: string[] = [];
  const drained = queue.drain({ concurrency: 1, signal: abort.signal }, async (key) => void keys.push(key));
  queue.addAfter('a', 60_000);
  queue.addAfter('b', 60_000);
  queue.add('b');
  queue.hasten();
  queue.hasten();
  queue.addAfter('c', 60_000);
  while (keys.length < 3) await sleep(1);
  abort.abort();
  await drained;
  assert.deepEqual(keys.sort(), ['a', 'b', 'b']);
});

test('work that ends after the abort leaves no timer behind', async () => {
  const queue = createWorkQueue('test');
  const abort = new AbortController();
  const release = Promise.withResolvers<void>();
  queue.add('a');
  const drained = queue.drain({ concurrency: 1, signal: abort.signal }, async (key) => {
    await release.promise;
    queue.addAfter(key, 600_000);
  });
  abort.abort();
  release.resolve();
  await drained;
  assert.equal(process.getActiveResourcesInfo().includes('Timeout'), false);
});

test('what waits, what is under way and what came again is counted by name', async () => {
  const value = (family: string, more = ''): number => Number(queueMetricsText().split('\n').find((line) => line.startsWith(`${family}{name="counted"${more}}`))?.split(' ')[1]);
  const queue = createWorkQueue('counted');
  const abort = new AbortController();
  for (const key of ['a', 'b', 'a']) queue.add(key);
  assert.deepEqual([value('workqueue_depth'), value('workqueue_adds_total')], [2, 2], 'a key that waits already is not added');
  const [begun, mayEnd] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const drained = queue.drain({ concurrency: 1, signal: abort.signal }, (key) => {
    if (key === 'b') begun.resolve();
    return key === 'b' ? mayEnd.promise : Promise.resolve();
  });
  await begun.promise;
  queue.add('b');
  queue.add('b');
  queue.addRateLimited('c');
  assert.deepEqual([value('workqueue_depth'), value('workqueue_adds_total'), value('workqueue_retries_total')], [1, 3, 1], 'one that comes again afterwards waits');
  assert.deepEqual([value('workqueue_work_duration_seconds_count'), value('workqueue_queue_duration_seconds_count')], [1, 2]);
  await sleep(2);
  assert.ok(value('workqueue_unfinished_work_seconds') >= 0.001 && value('workqueue_longest_running_processor_seconds') >= 0.001);
  abort.abort();
  mayEnd.resolve();
  await drained;
  assert.deepEqual([value('workqueue_unfinished_work_seconds'), value('workqueue_work_duration_seconds_count'), value('workqueue_depth')], [0, 2, 0], 'and nothing is left of a queue that ended');
  assert.equal(value('workqueue_queue_duration_seconds_bucket', ',le="1e-8"') <= value('workqueue_queue_duration_seconds_bucket', ',le="+Inf"'), true);
  assert.match(queueMetricsText(), /^# TYPE workqueue_depth gauge$/m);
});
