/** Memory and cpu of an instance: every process in its mount namespace, which is llmos and all that it started beside the containers. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** The pids that share the mount namespace of `pid`. */
export function pidsOf(pid: number): number[] {
  const namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
  return readdirSync('/proc').map(Number).filter((each) => Number.isInteger(each) && each > 0 && namespaceOf(each) === namespace);
}

/** Proportional set size of the processes, in MiB (/proc/PID/smaps_rollup). */
export function pssMib(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids) kib += Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
  return kib / 1_024;
}

/** User and system time so far, in ms of one core. */
export function cpuMs(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = read(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return (ticks * 1_000) / TICKS_PER_SECOND;
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
