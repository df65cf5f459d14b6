import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runAny } from './run.ts';

test('what a command leaves behind holds nobody up for longer than it may', async () => {
  const { code, stdout } = await runAny('sh', ['-c', 'sleep 300 & echo $!'], { drainMs: 200 });
  process.kill(Number(stdout), 'SIGKILL');
  assert.equal(code, 0);
});

test('a command that is killed for its time is not waited for by way of what it started', async () => {
  const begunMs = performance.now();
  const { code, stdout, killed } = await runAny('sh', ['-c', 'sleep 300 & echo $!; wait'], { timeoutMs: 500 });
  process.kill(Number(stdout), 'SIGKILL');
  assert.deepEqual([code, killed], [137, true]);
  assert.ok(performance.now() - begunMs < 100_000);
});
