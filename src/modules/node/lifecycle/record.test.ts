import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { processTicks } from './record.ts';

test('a process is known by when it began, whatever its name, until it ends', async () => {
  // Its name has what divides the fields.
  const child = spawn('sh', ['-c', 'printf "a) b (c" > /proc/self/comm; echo named; cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  await once(child.stdout!, 'data');
  const pid = child.pid!;
  const ticks = processTicks(pid);
  assert.equal(String(ticks), execFileSync('sh', ['-c', `sed 's/.*) //' /proc/${pid}/stat | cut -d' ' -f20`], { encoding: 'utf8' }).trim());
  assert.ok(ticks! > 0 && ticks! >= processTicks(process.pid)!);
  const ended = once(child, 'exit');
  child.stdin!.end();
  await ended;
  assert.equal(processTicks(pid), undefined);
});
