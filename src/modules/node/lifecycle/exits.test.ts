import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTicks } from '../../../base/sys/is-running.ts';
import { firstThreadEnds, hasFirstThreadEnds } from '../../../base/sys/testing/first-thread-ends.ts';
import { watchExits } from './exits.ts';
import type { ContainerRecord } from './record.ts';

test('a container without a monitor has ended when all threads of its first process have', { skip: !hasFirstThreadEnds && 'needs Perl with threads', timeout: 60_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'llmos-exits-'));
  mkdirSync(join(folder, 'exits'));
  const { child, pid } = await firstThreadEnds('print "up\\n"');
  const exits = watchExits({ folder: join(folder, 'exits'), pollMs: 5 });
  t.after(() => {
    exits.close();
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const record = (id: string, pidTicks: number): ContainerRecord => ({ id, pid, pidTicks, bundle: join(folder, id) }) as ContainerRecord;
  const told: string[] = [];
  const ended = (each: ContainerRecord): Promise<number> => new Promise((settle) => {
    exits.follow(each, ({ exitCode }) => {
      told.push(each.id);
      settle(exitCode);
    });
  });
  const first = ended(record('runs', startTicks(pid)!));
  // One look is at both, in this order.
  assert.equal(await ended(record('another-had-its-pid', startTicks(pid)! - 1)), 137);
  assert.deepEqual(told, ['another-had-its-pid']);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(await first, 137);
});
