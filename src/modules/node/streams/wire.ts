/** What carries SPDY: messages of a WebSocket, or the connection itself after an upgrade to SPDY. */
import type { WebSocket } from 'ws';
import { ApiError } from '../../../api/errors.ts';
import type { RouteRequest } from '../../../sdk/module.ts';

/** That of the library for WebSockets, too. */
const CLOSE_MS = 30_000;

export interface Wire {
  send(data: Buffer): void;
  readonly bufferedBytes: number;
  readonly open: boolean;
  onData(callback: (data: Buffer) => void): void;
  /** No more is read until {@link resume}. */
  pause(): void;
  resume(): void;
  onClose(callback: () => void): void;
  /** Ends it when all that was sent is out; a client that does not end its part, too, is dropped after 30 s. */
  close(): void;
  drop(): void;
}

export function webSocketWire(webSocket: WebSocket): Wire {
  return {
    send: (data) => { if (webSocket.readyState === webSocket.OPEN) webSocket.send(data, { binary: true }); },
    get bufferedBytes() { return webSocket.bufferedAmount; },
    get open() { return webSocket.readyState === webSocket.OPEN; },
    onData: (callback) => void webSocket.on('message', callback),
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
    onClose: (callback) => void webSocket.on('close', callback),
    close: () => webSocket.close(1000),
    drop: () => webSocket.terminate(),
  };
}

/** Whether the client asks to change to SPDY. */
export function asksForSpdy(request: RouteRequest): boolean {
  return request.upgrade !== undefined && String(request.http.headers.upgrade).toLowerCase() === 'spdy/3.1';
}

/**
 * Answers the upgrade with the first protocol that the client offers and that is among `protocols` (apimachinery util/httpstream, Handshake).
 * Throws BadRequest where it offers none, Forbidden where they have none in common.
 */
export function acceptSpdy(request: RouteRequest, protocols: readonly string[]): { wire: Wire; protocol: string } {
  const offered = String(request.http.headers['x-stream-protocol-version'] ?? '').split(',').map((each) => each.trim()).filter((each) => each !== '');
  if (offered.length === 0) throw new ApiError('BadRequest', 'unable to upgrade: the header X-Stream-Protocol-Version names no protocol');
  const protocol = offered.find((each) => protocols.includes(each));
  if (protocol === undefined) throw new ApiError('Forbidden', `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${protocols.join(' ')}]`);
  return { protocol, wire: rawWire(request.upgrade!, protocol, request.signal) };
}

function rawWire({ socket, head }: NonNullable<RouteRequest['upgrade']>, protocol: string, signal: AbortSignal): Wire {
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`);
  socket.on('error', () => {}); // close follows
  signal.addEventListener('abort', () => socket.destroy(), { once: true });
  return {
    send: (data) => { if (!socket.destroyed && !socket.writableEnded) socket.write(data); },
    get bufferedBytes() { return socket.writableLength; },
    get open() { return !socket.destroyed; },
    onData(callback) {
      if (head.length > 0) callback(head);
      socket.on('data', callback);
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    onClose(callback) {
      socket.on('close', callback);
      socket.on('end', () => socket.end());
    },
    close() {
      socket.end();
      const timer = setTimeout(() => socket.destroy(), CLOSE_MS).unref();
      socket.once('close', () => clearTimeout(timer));
    },
    drop: () => void socket.destroy(),
  };
}
