/** Connections: how many there may be, and which of them have been silent for too long (clients that send a head byte by byte, or nothing). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2SecureServer, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Limits } from './limits.ts';
import { unacknowledged } from './unacknowledged.ts';

export interface Connections {
  /** Those that are open and encrypted. */
  readonly open: ReadonlySet<Duplex>;
}

interface Use {
  busy: number;
  /** When it was last busy, or was opened; ms of performance.now(). */
  sinceMs: number;
  /** Whether it had a request yet. */
  used: boolean;
}

/** Bounds the connections of a server for as long as it listens. */
export function boundConnections(server: Http2SecureServer, limits: Limits): Connections {
  const open = new Set<Duplex>();
  const uses = new WeakMap<Duplex, Use>();
  server.maxConnections = limits.maxConnections;
  boundAddresses(server, limits.maxConnectionsPerAddress);
  server.on('secureConnection', (socket) => {
    open.add(socket);
    uses.set(socket, { busy: 0, sinceMs: performance.now(), used: false });
    socket.on('close', () => open.delete(socket));
  });
  server.on('request', (http, response) => {
    const use = uses.get((http as unknown as IncomingMessage).socket);
    if (use !== undefined && http.httpVersionMajor === 1) markBusy(use, response as unknown as ServerResponse);
  });
  (server as unknown as NodeJS.EventEmitter).on('upgrade', (http: IncomingMessage) => {
    // It is a stream of another protocol now.
    const use = uses.get(http.socket);
    if (use !== undefined) use.busy += 1;
  });
  server.on('session', (session) => boundSession(session, limits));
  const sweep = setInterval(() => {
    const nowMs = performance.now();
    for (const socket of open) {
      const use = uses.get(socket);
      if (use === undefined || use.busy > 0 || (socket as TLSSocket).alpnProtocol === 'h2') continue;
      if (nowMs - use.sinceMs > (use.used ? limits.idleMs : limits.firstRequestMs)) socket.destroy();
    }
  }, Math.min(5_000, limits.firstRequestMs / 2)).unref();
  server.on('close', () => clearInterval(sweep));
  letGoVanished(server, open, limits);
  return { open };
}

/** Ends the connections of clients that acknowledge nothing of what they are sent; with them end their watches. */
function letGoVanished(server: Http2SecureServer, open: ReadonlySet<Duplex>, { unacknowledgedMs }: Limits): void {
  /** Since when, and how often the kernel had sent in vain when it was seen last. */
  let silent = new Map<Duplex, { sinceMs: number; times: number }>();
  const look = async (port: number): Promise<void> => {
    const peers = await unacknowledged(port);
    const nowMs = performance.now();
    const still: typeof silent = new Map();
    if (peers.size > 0) for (const socket of open) {
      const { remoteAddress = '', remotePort = 0 } = socket as TLSSocket;
      const times = peers.get(`${remoteAddress} ${remotePort}`);
      if (times === undefined) continue;
      const seen = silent.get(socket);
      // Fewer than before: some of it arrived meanwhile.
      const sinceMs = seen === undefined || times < seen.times ? nowMs : seen.sinceMs;
      if (nowMs - sinceMs >= unacknowledgedMs) socket.destroy();
      else still.set(socket, { sinceMs, times });
    }
    silent = still;
  };
  let isLooking = false;
  const sweep = setInterval(() => {
    const address = server.address();
    if (isLooking || open.size === 0 || address === null || typeof address === 'string') return;
    isLooking = true;
    void look(address.port).catch(() => {}).finally(() => (isLooking = false));
  }, Math.min(10_000, unacknowledgedMs / 3)).unref();
  server.on('close', () => clearInterval(sweep));
}

function markBusy(use: Use, response: ServerResponse): void {
  use.busy += 1;
  use.used = true;
  response.on('close', () => {
    use.busy -= 1;
    use.sinceMs = performance.now();
  });
}

function boundAddresses(server: Http2SecureServer, most: number): void {
  const counts = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (counts.get(address) ?? 0) + 1;
    counts.set(address, count);
    socket.on('close', () => {
      const left = (counts.get(address) ?? 1) - 1;
      if (left === 0) counts.delete(address);
      else counts.set(address, left);
    });
    if (count > most) socket.destroy();
  });
}

/** HTTP/2: a session without streams ends when it is silent. */
function boundSession(session: ServerHttp2Session, limits: Limits): void {
  let streams = 0;
  session.on('stream', (stream) => {
    streams += 1;
    session.setTimeout(limits.idleMs);
    stream.on('close', () => (streams -= 1));
  });
  session.setTimeout(limits.firstRequestMs);
  session.on('timeout', () => {
    if (streams === 0) session.close();
  });
}

