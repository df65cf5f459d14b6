/**
 * Takes HAProxy's lines from a connection (syslog over a stream, RFC 6587: a count, a blank, the line), and writes them to a file where that is wished.
 *
 * The connection is one of TCP: HAProxy tries one that is refused again after a second, and keeps the lines meanwhile, while a refusing socket of the file
 * system is tried without a pause, for as long as llmos is away. Ports below 1024 are root's, on both ends, so that nobody else takes the lines or tells any.
 */
import { appendFile, rename, stat } from 'node:fs/promises';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Log } from '../../base/log.ts';
import { holdOf, type Access } from './access.ts';

const MOST_LINE_BYTES = 64 * 1024;
/** Splits a stream into its lines; gives undefined when it is none of this sort. */
export function frameReader(take: (line: string) => void): (chunk: Buffer) => boolean {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (;;) {
      const blank = rest.indexOf(0x20, at);
      if (blank < 0) break;
      const length = Number(rest.toString('latin1', at, blank));
      if (!Number.isInteger(length) || length < 0 || length > MOST_LINE_BYTES) return false;
      if (rest.length < blank + 1 + length) break;
      take(rest.toString('utf8', blank + 1, blank + 1 + length).trimEnd());
      at = blank + 1 + length;
    }
    rest = rest.subarray(at);
    return rest.length <= MOST_LINE_BYTES;
  };
}

const ROOTS_PORTS = { first: 900, last: 1_023 };

/** An address of this machine alone that no other instance of it has. */
export function linesAddress(gatewayIp: string): string {
  return `127.${gatewayIp.split('.').slice(1).join('.')}`;
}

export interface LinesInput {
  gatewayIp: string;
  /** Keeps the port, so that an HAProxy that runs finds the next llmos at the same one. */
  file: string;
  take(line: string): void;
  log: Log;
}

export interface Lines {
  /** Of {@link linesAddress}. */
  readonly port: number;
  close(): void;
}

/** Settles when it listens. HAProxy keeps lines for a while when nobody does. Those that a process says in a hold are taken from it another way. */
export async function listenForLines({ gatewayIp, file, take, log }: LinesInput): Promise<Lines> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    if (isRoots(port) && !isRoots(socket.remotePort ?? Infinity)) return void socket.destroy();
    sockets.add(socket);
    const read = frameReader((line) => { if (holdOf(line) === 0) take(line); });
    socket.on('data', (chunk) => { if (!read(chunk)) socket.destroy(); }).on('close', () => sockets.delete(socket)).unref();
  });
  server.unref();
  const port = await listenSomewhere(server, linesAddress(gatewayIp), readPort(file));
  server.on('error', (error) => log.warn('lines of HAProxy are not heard', { error }));
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, String(port), { mode: 0o600 });
  return {
    port,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

export const isRoots = (port: number): boolean => port <= ROOTS_PORTS.last;

function readPort(file: string): number | undefined {
  try {
    const port = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}

/** At the port that it had, else at a free one of root's; at any where those may not be had. */
async function listenSomewhere(server: Server, address: string, before: number | undefined): Promise<number> {
  const roots = Array.from({ length: ROOTS_PORTS.last - ROOTS_PORTS.first + 1 }, (_, index) => ROOTS_PORTS.last - index);
  for (const port of [...(before === undefined ? [] : [before]), ...roots, 0]) {
    try {
      return await listenAt(server, address, port);
    } catch (error) {
      if (port === 0) throw error;
    }
  }
  throw new Error('unreachable');
}

function listenAt(server: Server, address: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, address, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

const MOST_FILE_BYTES = 64 * 1024 * 1024;
const FLUSH_MS = 500;
/** More than this between two writes is dropped: the file is behind. */
const MOST_WAITING = 50_000;

/** A JSON object a line, written together every half second; at 64 MiB the file moves to `.1`. */
export function accessFile(path: string, log: Log): { write(access: Access, timeMs: number): void; close(): Promise<void> } {
  let waiting: string[] = [];
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    const lines = waiting.splice(0);
    if (lines.length === 0) return;
    const size = await stat(path).then((found) => found.size, () => 0);
    if (size > MOST_FILE_BYTES) await rename(path, `${path}.1`);
    await appendFile(path, `${lines.join('\n')}\n`, { mode: 0o600 });
  };
  const step = (): Promise<void> => (writing = writing.then(flush).catch((error: unknown) => log.warn('the access log cannot be written', { error })));
  const timer = setInterval(() => void step(), FLUSH_MS);
  timer.unref();
  return {
    write: (access, timeMs) => { if (waiting.length < MOST_WAITING) waiting.push(JSON.stringify({ time: new Date(timeMs).toISOString(), ...access })); },
    async close() {
      clearInterval(timer);
      await step();
      waiting = [];
    },
  };
}
