/**
 * A load generator that keeps to one core, as far as one process can be what another machine would be. The kernel wakes who waits for a socket where the
 * sender runs: left to itself it put the client beside the server on one core, where they took turns while the other core was idle.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** The thread that calls runs on the last core only until the work is done; programs that it starts meanwhile do so, too. Servers run where they like. */
export async function onOneCore<T>(work: () => Promise<T>): Promise<T> {
  const before = /^Cpus_allowed_list:\s+(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  if (before === undefined || cpus().length < 2) return work();
  keepTo(String(cpus().length - 1));
  try {
    return await work();
  } finally {
    keepTo(before);
  }
}

function keepTo(cores: string): void {
  const { status, stderr } = spawnSync('taskset', ['--pid', '--cpu-list', cores, String(process.pid)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the bench could not be bound to the cores ${cores} (taskset of util-linux is needed): ${stderr}`);
}
