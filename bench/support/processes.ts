/** Memory and cpu of an instance: every process in its mount namespace, which is llmos and all that it started beside the containers. */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';

const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;
/** Bytes of /proc/PID/pagemap read at once. */
const CHUNK_BYTES = 512 * 1_024;

/** The pids that share the mount namespace of `pid`. */
export function pidsOf(pid: number): number[] {
  const namespace = readlinkSync(`/proc/${pid}/ns/mnt`);
  return readdirSync('/proc').map(Number).filter((each) => Number.isInteger(each) && each > 0 && namespaceOf(each) === namespace);
}

/** The pids whose command line bears a text, such as the folder that an instance of a program works in; this process is none of them. */
export function pidsNaming(text: string): number[] {
  return readdirSync('/proc').map(Number).filter((each) => Number.isInteger(each) && each > 0 && each !== process.pid && read(`/proc/${each}/cmdline`).includes(text));
}

/** Proportional set size of the processes, in MiB (/proc/PID/smaps_rollup). */
export function pssMib(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids) kib += Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
  return kib / 1_024;
}

/**
 * The memory of the processes as if nothing else ran on the machine, in MiB: every page of memory that one of them has mapped, counted once and
 * in full, whoever else shares it. PSS would share the pages of the Node binary out to the benches, which are Node programs too. Needs root:
 * the kernel shows the numbers of pages (/proc/PID/pagemap, Documentation/admin-guide/mm/pagemap.rst) to nobody else.
 */
export function aloneMib(pids: readonly number[]): number {
  const pages = new Set<number>();
  for (const pid of pids) addPages(pid, pages);
  return (pages.size * PAGE_BYTES) / 2 ** 20;
}

function addPages(pid: number, pages: Set<number>): void {
  let file: number;
  try {
    file = openSync(`/proc/${pid}/pagemap`, 'r');
  } catch {
    return; // it ended
  }
  const buffer = Buffer.alloc(CHUNK_BYTES);
  for (const { from, to } of residentAreas(pid)) {
    const end = (to / PAGE_BYTES) * 8;
    for (let at = (from / PAGE_BYTES) * 8; at < end; at += CHUNK_BYTES) {
      const lengthBytes = readSync(file, buffer, 0, Math.min(CHUNK_BYTES, end - at), at);
      for (let entry = 0; entry + 8 <= lengthBytes; entry += 8) {
        const high = buffer.readUInt32LE(entry + 4);
        // Bit 63: present; bits 0 to 54: the number of the page.
        if (high >= 0x8000_0000) pages.add((high & 0x7f_ffff) * 2 ** 32 + buffer.readUInt32LE(entry));
      }
    }
  }
  closeSync(file);
}

/** The mappings with any page in memory: V8 reserves gigabytes of addresses that need not be looked through. */
function residentAreas(pid: number): { from: number; to: number }[] {
  const areas: { from: number; to: number }[] = [];
  let area = { from: 0, to: 0 };
  for (const line of read(`/proc/${pid}/smaps`).split('\n')) {
    const range = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (range !== null) area = { from: Number.parseInt(range[1] as string, 16), to: Number.parseInt(range[2] as string, 16) };
    else if (line.startsWith('Rss:') && !/^Rss: +0 kB/.test(line)) areas.push(area);
  }
  return areas;
}

/** Resident set size of the processes, in MiB (/proc/PID/statm): cheap enough to be asked for under load. */
export function residentMib(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(read(`/proc/${pid}/statm`).split(' ')[1] ?? 0) * PAGE_BYTES, 0) / 2 ** 20;
}

/** As {@link cpuMs}, of the children that they have waited for. */
export function childrenCpuMs(pids: readonly number[]): number {
  return ticksOf(pids, 13) * (1_000 / TICKS_PER_SECOND);
}

/** User and system time so far, in ms of one core. */
export function cpuMs(pids: readonly number[]): number {
  return ticksOf(pids, 11) * (1_000 / TICKS_PER_SECOND);
}

/** The sum of two neighbouring fields of /proc/PID/stat, counted from the state. */
function ticksOf(pids: readonly number[], first: number): number {
  let ticks = 0;
  for (const pid of pids) {
    const stat = read(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[first] ?? 0) + Number(fields[first + 1] ?? 0);
  }
  return ticks;
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
