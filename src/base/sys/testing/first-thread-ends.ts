/** A process whose first thread has ended, while another one runs on: so it is of programs that say pthread_exit(3) in `main`. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** exit(2) itself, which ends the thread that says it and no other: the C library's function ends all. */
const EXIT: Partial<Record<string, number>> = { x64: 60, arm64: 93 };

export const hasFirstThreadEnds = ((): boolean => {
  try {
    execFileSync('perl', ['-e', 'use threads'], { stdio: 'ignore' });
    return EXIT[process.arch] !== undefined;
  } catch {
    return false;
  }
})();

/** Gives it with a line that `say`, a statement of Perl, printed at its start. It is the caller's to kill. */
export async function firstThreadEnds(say: string): Promise<{ child: ChildProcess; pid: number; said: string }> {
  const child = spawn('perl', ['-e', `use threads; $| = 1; ${say}; threads->create(sub { sleep 600 }); syscall(${EXIT[process.arch]}, 0)`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout!, 'data') as [Buffer];
  while (!/\) Z /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))) await sleep(1);
  return { child, pid: child.pid!, said: line.toString().trim() };
}
