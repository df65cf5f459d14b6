/**
 * Processes of HAProxy that reloads left behind in an earlier life of llmos: nobody can talk to them any more, as they listen no longer. Their
 * connections to an endpoint are ended by the kernel (`ss --kill`, inet_diag(7): SOCK_DESTROY).
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { runAny } from '../../base/sys/run.ts';
import type { Line } from './line.ts';
import { haproxyPids } from './process.ts';

/** Those to which there is no line. */
export async function leftovers(folder: string, lines: readonly Line[]): Promise<number[]> {
  const pids = haproxyPids(folder);
  if (pids.length <= 1) return [];
  const known = await Promise.all(lines.map((line) => line.ask('show info').then((info) => Number(/^Pid: (\d+)/m.exec(info)?.[1]), () => 0)));
  return pids.filter((pid) => !known.includes(pid));
}

const MOST_AT_ONCE = 50;

/** Gives how many could not be ended. */
export async function endConnections(pids: readonly number[], endpoint: { address: string; port: number }): Promise<number> {
  const ports = portsTo(pids, endpoint);
  for (let at = 0; at < ports.length; at += MOST_AT_ONCE) {
    const some = ports.slice(at, at + MOST_AT_ONCE).flatMap((port, index) => [...(index === 0 ? [] : ['or']), 'sport', '=', `:${port}`]);
    await runAny('ss', ['-K', '-H', '-t', '-n', 'dst', endpoint.address.includes(':') ? `[${endpoint.address}]` : endpoint.address, 'dport', '=', `:${endpoint.port}`, '(', ...some, ')'], { timeoutMs: 10_000 });
  }
  return ports.length === 0 ? 0 : portsTo(pids, endpoint).length;
}

/** The local ports of connections of processes to an endpoint. */
function portsTo(pids: readonly number[], endpoint: { address: string; port: number }): number[] {
  const inodes = new Set(pids.flatMap(socketsOf));
  const table = endpoint.address.includes(':') ? '/proc/self/net/tcp6' : '/proc/self/net/tcp';
  const wanted = hexOf(endpoint);
  return readFileSync(table, 'utf8').split('\n').slice(1).flatMap((line) => {
    const [, local = '', remote, , , , , , , inode = ''] = line.trim().split(/\s+/);
    return remote === wanted && inodes.has(inode) ? [Number.parseInt(local.slice(local.indexOf(':') + 1), 16)] : [];
  });
}

function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    });
  } catch {
    return []; // it ended
  }
}

/** As /proc/net/tcp has it: words of 32 bits as the machine has them in its memory. */
function hexOf({ address, port }: { address: string; port: number }): string {
  const bytes = address.includes(':') ? sixBytes(address) : Buffer.from(address.split('.').map(Number));
  const words = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readUInt32LE(index * 4).toString(16).padStart(8, '0'));
  return `${words.join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase();
}

function sixBytes(address: string): Buffer {
  const [head = '', tail] = address.split('::');
  const parts = (text: string): number[] => (text === '' ? [] : text.split(':').map((each) => Number.parseInt(each, 16)));
  const [before, after] = [parts(head), parts(tail ?? '')];
  const words = [...before, ...Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after];
  return Buffer.from(words.flatMap((word) => [word >> 8, word & 255]));
}
