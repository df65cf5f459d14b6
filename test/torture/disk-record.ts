/** What a process did to the files of one folder and said on its standard output, in order, as strace(1) saw it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

export type DiskEvent =
  | { what: 'create' | 'unlink'; path: string }
  | { what: 'rename'; path: string; to: string }
  | { what: 'write'; path: string; at: number; bytes: Buffer }
  | { what: 'truncate'; path: string; size: number }
  /** A sync covers what was written before its begin, and holds from its end on. */
  | { what: 'sync-begin' | 'sync-end'; path: string; sync: number }
  | { what: 'said'; text: string };

const CALLS = 'openat,pwrite64,write,ftruncate,fdatasync,fsync,unlink,unlinkat,rename,renameat,renameat2';

export function canTrace(): boolean {
  return spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
}

/** Runs a command under strace and settles when it has ended; `trace` is written. Rejects when it fails. */
export async function runTraced(command: readonly string[], trace: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn('strace', ['-f', '-qq', '-y', '-xx', '-s', '2000000', '-e', 'signal=none', '-e', `trace=${CALLS}`, '-o', trace, ...command], { stdio: ['ignore', 'ignore', 'inherit'], env });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the traced process ended with ${code}`);
}

/** The events of a trace that touch the folder, or standard output. */
export async function readTrace(trace: string, folder: string): Promise<DiskEvent[]> {
  const events: DiskEvent[] = [];
  const unfinished = new Map<string, number>();
  let syncs = 0;
  for await (const line of createInterface({ input: createReadStream(trace, 'latin1') })) {
    const resumed = /^(\d+) +<\.\.\. (\w+) resumed>/.exec(line);
    if (resumed !== null) {
      const sync = unfinished.get(resumed[1] as string);
      unfinished.delete(resumed[1] as string);
      const begun = sync === undefined ? undefined : events.find((each) => each.what === 'sync-begin' && each.sync === sync);
      if (begun?.what === 'sync-begin' && line.endsWith('= 0')) events.push({ ...begun, what: 'sync-end' });
      continue;
    }
    const [, pid, call, rest] = /^(\d+) +(\w+)\((.*)$/s.exec(line) ?? [];
    if (pid === undefined || call === undefined || rest === undefined || / = -1 /.test(line)) continue;
    if (call === 'fdatasync' || call === 'fsync') {
      const path = descriptorPath(rest);
      if (path === undefined || !path.startsWith(folder)) continue;
      events.push({ what: 'sync-begin', path, sync: ++syncs });
      if (rest.includes('<unfinished')) unfinished.set(pid, syncs);
      else events.push({ what: 'sync-end', path, sync: syncs });
      continue;
    }
    const event = eventOf(call, rest, folder);
    if (event !== undefined) events.push(event);
  }
  return events;
}

function eventOf(call: string, rest: string, folder: string): DiskEvent | undefined {
  if (call === 'write' && rest.startsWith('1<')) return { what: 'said', text: textOf(rest) };
  if (call === 'openat') {
    const path = textOf(rest);
    return rest.includes('O_CREAT') && path.startsWith(folder) ? { what: 'create', path } : undefined;
  }
  if (call.startsWith('unlink')) {
    const path = textOf(rest);
    return path.startsWith(folder) ? { what: 'unlink', path } : undefined;
  }
  if (call.startsWith('rename')) {
    const [path = '', to = ''] = [...rest.matchAll(/"((?:\\x..)*)"/g)].map((match) => unescapeHex(match[1] ?? '').toString('utf8'));
    return path.startsWith(folder) ? { what: 'rename', path, to } : undefined;
  }
  const path = descriptorPath(rest);
  if (path === undefined || !path.startsWith(folder)) return undefined;
  if (call === 'ftruncate') return { what: 'truncate', path, size: Number(/, (\d+)/.exec(rest.slice(rest.indexOf('>')))?.[1]) };
  if (call !== 'pwrite64') throw new Error(`a ${call} of ${path} is not understood`);
  const bytes = unescapeHex(rest.slice(rest.indexOf('"') + 1, rest.lastIndexOf('"')));
  const [, size, at] = /, (\d+), (\d+)/.exec(rest.slice(rest.lastIndexOf('"'))) ?? [];
  if (bytes.length !== Number(size)) throw new Error(`${bytes.length} of ${size} bytes were recorded`);
  return { what: 'write', path, at: Number(at), bytes };
}

/** With -xx even the paths of descriptors are in hexadecimal. */
function descriptorPath(rest: string): string | undefined {
  const path = /^\d+<([^>]*)>/.exec(rest)?.[1];
  return path?.startsWith('\\x') === true ? unescapeHex(path).toString('utf8') : path;
}

function textOf(rest: string): string {
  return unescapeHex(rest.slice(rest.indexOf('"') + 1, rest.lastIndexOf('"'))).toString('utf8');
}

function unescapeHex(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex');
}
