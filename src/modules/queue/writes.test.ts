import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ApiError } from '../../api/errors.ts';
import type { Workload } from '../../api/kueue/types.ts';
import { silentLog } from '../../base/log.ts';
import type { ModuleContext } from '../../sdk/index.ts';
import { createWrites } from './writes.ts';

test('a write that was refused is paused for longer each time, until the workload is gone: one of its name afterwards begins anew', async () => {
  const sleeps: { delayMs: number; end(): void }[] = [];
  const clock = { nowMs: () => 0, sleep: (delayMs: number) => new Promise<void>((end) => sleeps.push({ delayMs, end })) };
  const changed: string[] = [];
  const caches = { of: () => ({ get: () => undefined }) } as unknown as ModuleContext['caches'];
  const writes = createWrites({ caches, clock, signal: new AbortController().signal, log: silentLog }, (key) => changed.push(key));
  const workload = { metadata: { name: 'a', namespace: 'b', resourceVersion: '1' } } as Workload;
  const refused = async (): Promise<void> => {
    writes.write('b/a', workload, () => Promise.reject(new ApiError('Forbidden', 'no')));
    await writes.settled();
    await turn();
  };
  await refused();
  sleeps[0]!.end();
  await turn();
  assert.deepEqual([writes.isPaused('b/a'), changed], [false, ['b/a', 'b/a']], 'looked at anew at the end of the write, and of the pause');
  await refused();
  assert.equal(writes.isPaused('b/a'), true);
  writes.forget('b/a');
  assert.equal(writes.isPaused('b/a'), false);
  await refused();
  sleeps[1]!.end(); // that of the one before it
  await turn();
  assert.equal(writes.isPaused('b/a'), true);
  const [first, second, third] = sleeps.map(({ delayMs }) => delayMs) as [number, number, number];
  assert.ok(second > first && third < second, `${first} ${second} ${third}`);
});
