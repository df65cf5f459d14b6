import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, startTicks } from './is-running.ts';
import { firstThreadEnds, hasFirstThreadEnds } from './testing/first-thread-ends.ts';

test('a process is known by when it began, whatever its name, until it ends', async () => {
  // Its name has what divides the fields.
  const child = spawn('sh', ['-c', 'printf "a) b (c" > /proc/self/comm; echo named; cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  await once(child.stdout!, 'data');
  const pid = child.pid!;
  const ticks = startTicks(pid);
  assert.equal(String(ticks), execFileSync('sh', ['-c', `sed 's/.*) //' /proc/${pid}/stat | cut -d' ' -f20`], { encoding: 'utf8' }).trim());
  assert.ok(ticks! > 0 && ticks! >= startTicks(process.pid)!);
  assert.ok(isRunning(pid));
  const ended = once(child, 'exit');
  child.stdin!.end();
  await ended;
  assert.equal(startTicks(pid), undefined);
});

test('one that ended and that its parent has not looked at is over', async (t) => {
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec tail -f /dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => parent.kill('SIGKILL'));
  const [line] = await once(parent.stdout!, 'data') as [Buffer];
  const pid = Number(line.toString());
  while (readFileSync(`/proc/${parent.pid}/comm`, 'utf8') !== 'tail\n') await sleep(1);
  assert.ok(isRunning(pid));
  process.kill(pid, 'SIGKILL');
  while (isRunning(pid)) await sleep(1);
  assert.match(readFileSync(`/proc/${pid}/stat`, 'utf8'), /\) Z /);
});

test('one whose first thread ended runs on, with its files, until the last one ends', { skip: !hasFirstThreadEnds && 'needs Perl with threads', timeout: 60_000 }, async (t) => {
  const { child, pid, said } = await firstThreadEnds(`use IO::Socket; my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5) or die; print $s->sockport, "\\n"`);
  t.after(() => child.kill('SIGKILL'));
  assert.ok(isRunning(pid));
  assert.ok(startTicks(pid)! > 0);
  const socket = connect(Number(said), '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  assert.equal(startTicks(pid), undefined);
});
