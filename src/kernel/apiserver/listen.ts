/** Listen: HTTPS with our authority, HTTP/2 and HTTP/1.1 by ALPN, session resumption by tickets. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Log } from '../../base/log.ts';
import { boundConnections } from './connections.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import type { Identity } from './identity/identity.ts';

export interface Address {
  host: string;
  /** 0 takes a free one. */
  port: number;
}

export interface Listener {
  host: string;
  port: number;
  /** `127.0.0.1:6443` */
  address: string;
  close(): Promise<void>;
}

export interface Handler {
  request(http: IncomingMessage, response: ServerResponse): void;
  upgrade(http: IncomingMessage, socket: Duplex, head: Buffer): void;
}

const DAY_MS = 86_400_000;

export async function listenOn(address: Address, identity: Identity, handler: Handler, log: Log, limits: Limits = DEFAULT_LIMITS): Promise<Listener> {
  let used = identity.server;
  const { keyPem, certificatePem } = used;
  const server = createSecureServer({
    allowHTTP1: true, key: keyPem, cert: certificatePem, ca: identity.caPem, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2',
    // Informers share one connection: their lists and watches together must not run into the limit of a session.
    settings: { maxConcurrentStreams: 1_000 }, maxSessionMemory: 128,
    handshakeTimeout: limits.firstRequestMs,
    ...({ keepAliveTimeout: limits.idleMs, headersTimeout: limits.firstRequestMs, requestTimeout: 300_000, maxHeaderSize: 64 * 1024, noDelay: true, keepAlive: true, keepAliveInitialDelay: limits.probeAfterMs, http1Options: { keepAliveTimeout: limits.idleMs } } as object),
  });
  const renewal = setInterval(() => {
    if (identity.server === used) return;
    used = identity.server;
    server.setSecureContext({ key: used.keyPem, cert: used.certificatePem, ca: identity.caPem });
  }, DAY_MS).unref();
  server.on('close', () => clearInterval(renewal));
  const { open: sockets } = boundConnections(server, limits);
  server.on('request', (http, response) => handler.request(http as unknown as IncomingMessage, response as unknown as ServerResponse));
  (server as unknown as NodeJS.EventEmitter).on('upgrade', (http: IncomingMessage, socket: Duplex, head: Buffer) => handler.upgrade(http, socket, head));
  (server as unknown as NodeJS.EventEmitter).on('clientError', refuse);
  server.on('sessionError', (error) => log.debug('a connection failed', { error }));
  server.on('tlsClientError', () => {}); // strangers that do not speak TLS, and clients that do not trust us
  await opened(server, address);
  server.on('error', (error) => log.error('a listener failed', { error, host: address.host }));
  const { port } = server.address() as AddressInfo;
  return { host: address.host, port, address: `${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`, close: () => closed(server, sockets) };
}

const REFUSALS: Readonly<Record<string, string>> = { HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large', ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout' };

const MOMENT_MS = 2_000;
const refused = new WeakSet<Duplex>();

/** What is no HTTP gets an answer, and a moment to read it: to close with bytes unread would take the answer away from the client. */
function refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
  // What comes after what could not be read, such as the body, cannot be read either: it is thrown away until the moment is over.
  if (refused.has(socket) && error.code !== 'ECONNRESET') return;
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  refused.add(socket);
  socket.removeAllListeners('data');
  socket.end(`HTTP/1.1 ${REFUSALS[error.code ?? ''] ?? '400 Bad Request'}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  socket.resume();
  setTimeout(() => socket.destroy(), MOMENT_MS).unref();
}

function opened(server: Http2SecureServer, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, address)));
    server.listen({ host: address.host, port: address.port, backlog: 1_024 }, () => resolve());
  });
}

function explain(error: NodeJS.ErrnoException, { host, port }: Address): Error {
  if (error.code === 'EADDRINUSE') return new Error(`port ${port} of ${host} is in use; stop what listens there, or choose another port for the API server`, { cause: error });
  if (error.code === 'EADDRNOTAVAIL') return new Error(`this machine has no address ${host}; choose another address for the API server`, { cause: error });
  return error;
}

/** Open connections get a moment to end by themselves. */
function closed(server: Http2SecureServer, sockets: ReadonlySet<Duplex>): Promise<void> {
  return new Promise((resolve) => {
    const impatient = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, 300);
    server.close(() => {
      clearTimeout(impatient);
      resolve();
    });
    for (const socket of sockets) {
      // An idle keep-alive connection has nothing to say any more.
      const { _httpMessage: busy } = socket as { _httpMessage?: unknown };
      if (busy === null || busy === undefined) setTimeout(() => socket.destroy(), 50).unref();
    }
  });
}
