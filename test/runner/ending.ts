/**
 * A run of tests that is told to end ends what it has started: test files take back what they made (src/sdk/testing/told-to-end.ts), and what
 * goes on all the same is killed. It knows its own by a mark in their environment.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { isIsolated } from '../fixtures/isolation.ts';
import { eventually } from '../../src/sdk/testing/eventually.ts';

const MARK = 'LLMOS_TEST_RUN';
/** For a pod's grace, and for `llmos down --purge` after it. */
const END_MS = 60_000;

const abort = new AbortController();
let told: NodeJS.Signals | undefined;

/** Aborts when the run is told to end: nothing more is to be begun. */
export const ending: AbortSignal = abort.signal;

/** From here on the first of these signals ends the run; what follows it is the run's own end, see {@link endedBy}. */
export function endWhenTold(): void {
  if (!isIsolated()) process.env[MARK] = `${process.pid}-${Date.now()}`;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (told !== undefined) return;
      told = signal;
      for (const pid of children()) kill(pid, 'SIGTERM');
      abort.abort();
    });
  }
}

/** When all that was started has ended: the code to exit with, where the run was told to end. */
export async function endedBy(): Promise<number | undefined> {
  if (told === undefined) return undefined;
  await eventually(async () => children().length === 0, { timeoutMs: END_MS }).catch(() => {});
  // One that runs isolated is part of another, whose it is to kill.
  if (!isIsolated()) await eventually(async () => marked().map((pid) => kill(pid, 'SIGKILL')).length === 0);
  return 128 + constants.signals[told];
}

/** Of this process, as long as they run. */
function children(): number[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number).filter((pid) => !/^State:\s+Z/m.test(textOf(pid, 'status')));
}

function marked(): number[] {
  const mark = `\0${MARK}=${process.env[MARK]}\0`;
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => pid !== process.pid && `\0${textOf(pid, 'environ')}\0`.includes(mark));
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** Empty for one that has ended meanwhile. */
function textOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
