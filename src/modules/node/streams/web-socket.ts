/**
 * The remote command protocol over WebSocket (channel.k8s.io, the first one, v4 and v5, base64 too): the first byte of a message names its channel.
 * v5 lets the client end its standard input with a message of channel 255; the first one tells a failure in plain words, and a success by closing.
 */
import type { WebSocket } from 'ws';
import { ApiError, type Status } from '../../../api/errors.ts';
import type { RouteRequest } from '../../../sdk/module.ts';

export const CHANNELS = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Those without a version; '' is a client that offers no subprotocol. */
const FIRST_PROTOCOLS = ['', 'channel.k8s.io', 'base64.channel.k8s.io'];
/** What exec and attach speak, the best first. */
export const COMMAND_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'base64.v4.channel.k8s.io', 'v4.base64.channel.k8s.io', 'channel.k8s.io', 'base64.channel.k8s.io', ''];

const MOST_MESSAGE_BYTES = 32 * 1024 * 1024;
const HIGH_WATER_BYTES = 1024 * 1024;
const PING_MS = 30_000;

/** Whether the client asks to change to WebSocket. */
export function asksForWebSocket(request: RouteRequest): boolean {
  return request.upgrade !== undefined && String(request.http.headers.upgrade).toLowerCase() === 'websocket';
}

/** Answers the upgrade with the first of `protocols` that the client offers; '' among them stands for a client that offers none. Throws BadRequest when they have none in common, or it did not upgrade. */
export async function acceptWebSocket(request: RouteRequest, protocols: readonly string[]): Promise<WebSocket> {
  const offered = String(request.http.headers['sec-websocket-protocol'] ?? '').split(',').map((each) => each.trim()).filter((each) => each !== '');
  const chosen = protocols.find((each) => (each === '' ? offered.length === 0 : offered.includes(each)));
  if (request.upgrade === undefined || !asksForWebSocket(request)) throw new ApiError('BadRequest', 'Upgrade request required');
  if (chosen === undefined) throw new ApiError('BadRequest', `unable to upgrade: the client offers ${offered.join(', ') || 'no subprotocol'}, this server speaks ${protocols.join(', ')}`);
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({ noServer: true, maxPayload: MOST_MESSAGE_BYTES, handleProtocols: () => chosen, perMessageDeflate: false });
  const { socket, head } = request.upgrade;
  // `SPDY/3.1+portforward.k8s.io` is no token as WebSocket wants it, and ws refuses it; the choice is made above.
  if (chosen !== '') request.http.headers['sec-websocket-protocol'] = 'chosen';
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    server.handleUpgrade(request.http, socket, head, (webSocket) => {
      keepAlive(webSocket);
      request.signal.addEventListener('abort', () => webSocket.terminate(), { once: true });
      webSocket.on('error', () => webSocket.terminate());
      resolve(webSocket);
    });
  });
}

export interface Channels {
  send(channel: number, data: Buffer): void;
  /** Whether the client reads too slowly: stop what produces. */
  readonly full: boolean;
  /** Calls back when `full` ended. */
  onDrain(callback: () => void): void;
  onMessage(callback: (channel: number, data: Buffer) => void): void;
  /** No more of the client is read until {@link resume}. */
  pause(): void;
  resume(): void;
  onClose(callback: () => void): void;
  /** Says how it ended on the error channel, and closes. */
  end(status: Partial<Status>): void;
  close(): void;
}

export function channelsOf(webSocket: WebSocket): Channels {
  const base64 = /(^|\.)base64\./.test(webSocket.protocol);
  const first = FIRST_PROTOCOLS.includes(webSocket.protocol);
  let drained = (): void => {};
  const send = (channel: number, data: Buffer): void => {
    if (webSocket.readyState !== webSocket.OPEN) return;
    const message = base64 ? String(channel) + data.toString('base64') : Buffer.concat([Buffer.from([channel]), data]);
    webSocket.send(message, { binary: !base64 }, () => { if (webSocket.bufferedAmount < HIGH_WATER_BYTES) drained(); });
  };
  return {
    send,
    get full() {
      return webSocket.bufferedAmount >= HIGH_WATER_BYTES;
    },
    onDrain: (callback) => { drained = callback; },
    onMessage(callback) {
      webSocket.on('message', (message: Buffer) => {
        if (message.length === 0) return;
        if (base64) callback(Number(message.subarray(0, 1).toString()), Buffer.from(message.subarray(1).toString(), 'base64'));
        else callback(message[0]!, message.subarray(1));
      });
    },
    pause: () => webSocket.pause(),
    resume: () => webSocket.resume(),
    onClose: (callback) => void webSocket.on('close', callback),
    end(status) {
      if (!first) send(CHANNELS.error, Buffer.from(JSON.stringify(status)));
      else if (status.status !== 'Success') send(CHANNELS.error, Buffer.from(status.message ?? ''));
      webSocket.close(1000);
    },
    close: () => webSocket.close(1000),
  };
}

/** What the error channel says of the end of a command (client-go tools/remotecommand, v4). */
export function exitStatus(code: number): Partial<Status> {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {}, status: 'Failure', reason: 'NonZeroExitCode', message: `command terminated with non-zero exit code: exit status ${code}`,
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

export function failureStatus(message: string): Partial<Status> {
  return { metadata: {}, status: 'Failure', reason: 'InternalError', message, code: 500 };
}

/** A connection that answers no ping is gone. Of one that is not read nobody can tell, but who went meanwhile resets the ping. */
function keepAlive(webSocket: WebSocket): void {
  let answered = true;
  for (const sign of ['pong', 'message']) webSocket.on(sign, () => { answered = true; });
  const timer = setInterval(() => {
    if (!answered && !webSocket.isPaused) return webSocket.terminate();
    answered = false;
    webSocket.ping();
  }, PING_MS);
  timer.unref();
  webSocket.on('close', () => clearInterval(timer));
}
