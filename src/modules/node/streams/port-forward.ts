/** `pods/NAME/portforward`: over WebSocket channels (a pair a port), over SPDY, and as kubectl speaks it, SPDY tunnelled in a WebSocket. */
import type { Duplex } from 'node:stream';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { WebSocket } from 'ws';
import { ApiError } from '../../../api/errors.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { Route } from '../../../sdk/module.ts';
import type { Agent } from '../agent.ts';
import { PodKind } from '../kinds.ts';
import type { SandboxPool } from '../sandbox/pool.ts';
import { connectInside } from './connect-inside.ts';
import { spdySession, type SpdyStream } from './spdy.ts';
import { acceptWebSocket, channelsOf } from './web-socket.ts';
import { checkAssigned } from './target.ts';
import { acceptSpdy, asksForSpdy, webSocketWire, type Wire } from './wire.ts';

const TUNNEL = 'SPDY/3.1+portforward.k8s.io';
const PLAIN = ['v4.channel.k8s.io', 'portforward.k8s.io', 'v4.base64.channel.k8s.io', 'base64.v4.channel.k8s.io'];

export function portForwardRoute(agent: Agent, pool: SandboxPool): Route {
  return {
    kind: PodKind, subresource: 'portforward', methods: ['GET', 'POST'],
    async handle(request) {
      const pod = request.object as Pod;
      checkAssigned(pod);
      const worker = agent.worker(`${pod.metadata.namespace}/${pod.metadata.name}`);
      if (worker === undefined || pod.status?.phase !== 'Running') throw new ApiError('BadRequest', `unable to forward port because pod is not running. Current status=${pod.status?.phase ?? 'Pending'}`);
      const sandbox = pool.owned(worker.uid);
      const dial: Dial = (port) => connectTo({ ip: pod.status?.podIP ?? '127.0.0.1', namespace: sandbox === undefined ? undefined : join(sandbox.folder, 'net'), port });
      if (asksForSpdy(request)) return tunnel(acceptSpdy(request, ['portforward.k8s.io']).wire, dial);
      const webSocket = await acceptWebSocket(request, [TUNNEL, ...PLAIN]);
      await (webSocket.protocol === TUNNEL ? tunnel(webSocketWire(webSocket), dial) : plain(webSocket, portsOf(request.url.searchParams), dial));
    },
  };
}

const HIGH_WATER_BYTES = 1024 * 1024;
const LOW_WATER_BYTES = 256 * 1024;

type Dial = (port: number) => Promise<Duplex>;

function portsOf(query: URLSearchParams): number[] {
  return query.getAll('ports').flatMap((each) => each.split(',')).map(Number).filter((port) => Number.isInteger(port) && port > 0 && port < 65_536);
}

/** To the address of the pod; what listens only on the pod's loopback is reached from within its network namespace. */
async function connectTo(target: { ip: string; namespace: string | undefined; port: number }): Promise<Duplex> {
  try {
    return await new Promise((resolve, reject) => {
      const socket = connect({ host: target.ip, port: target.port, allowHalfOpen: true });
      socket.once('connect', () => resolve(socket));
      socket.once('error', reject);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED' || target.namespace === undefined) throw error;
    return connectInside(target.namespace, target.port);
  }
}

/** Channel 2i carries the data of port i, 2i+1 its errors; the first message of each is the port, 2 bytes, low first. */
async function plain(webSocket: WebSocket, ports: readonly number[], dial: Dial): Promise<void> {
  const channels = channelsOf(webSocket);
  const sockets: (Duplex | undefined)[] = [];
  const early: Buffer[][] = ports.map(() => []);
  channels.onMessage((channel, data) => {
    const index = channel / 2;
    if (!Number.isInteger(index) || index >= ports.length) return;
    const socket = sockets[index];
    if (socket === undefined) early[index]!.push(data);
    else socket.write(data);
  });
  channels.onDrain(() => { for (const socket of sockets) socket?.resume(); });
  const closed = new Promise<void>((resolve) => channels.onClose(resolve));
  for (const [index, port] of ports.entries()) {
    const head = Buffer.alloc(2);
    head.writeUInt16LE(port);
    channels.send(index * 2, head);
    channels.send(index * 2 + 1, head);
  }
  await Promise.all(ports.map(async (port, index) => {
    try {
      const socket = await dial(port);
      sockets[index] = socket;
      for (const data of early[index]!) socket.write(data);
      socket.on('data', (data: Buffer) => {
        channels.send(index * 2, data);
        if (channels.full) socket.pause();
      });
      socket.on('error', (error) => channels.send(index * 2 + 1, Buffer.from(error.message)));
      socket.on('end', () => { if (ports.length === 1) channels.close(); });
    } catch (error) {
      channels.send(index * 2 + 1, Buffer.from(`error forwarding port ${port}: ${(error as Error).message}`));
      if (ports.length === 1) channels.close();
    }
  }));
  await closed;
  for (const socket of sockets) socket?.destroy();
}

/** Each connection of the user is a pair of streams with one requestID: an error stream, then a data stream. */
function tunnel(wire: Wire, dial: Dial): Promise<void> {
  const errors = new Map<string, SpdyStream>();
  const sockets = new Set<Duplex>();
  const session = spdySession((data) => wire.send(data), (stream) => {
    const id = stream.headers.get('requestid') ?? '';
    if (stream.headers.get('streamtype') === 'error') errors.set(id, stream);
    else void forward(stream, errors.get(id), dial, sockets, wire).finally(() => errors.delete(id));
  });
  wire.onData((data) => void session.receive(data).catch(() => wire.drop()));
  return new Promise((resolve) => wire.onClose(() => {
    for (const socket of sockets) socket.destroy();
    resolve();
  }));
}

async function forward(stream: SpdyStream, errors: SpdyStream | undefined, dial: Dial, sockets: Set<Duplex>, wire: Wire): Promise<void> {
  const port = Number(stream.headers.get('port'));
  const early: (Buffer | undefined)[] = [];
  stream.onData = (data) => void early.push(data);
  stream.onEnd = () => void early.push(undefined);
  let socket: Duplex;
  try {
    socket = await dial(port);
  } catch (error) {
    errors?.send(Buffer.from(`error forwarding port ${port} to the pod: ${(error as Error).message}`));
    errors?.end();
    stream.end();
    return;
  }
  sockets.add(socket);
  stream.onData = (data) => void socket.write(data);
  stream.onEnd = () => void socket.end();
  stream.onReset = () => void socket.destroy();
  for (const data of early) {
    if (data === undefined) socket.end();
    else socket.write(data);
  }
  await new Promise<void>((resolve) => {
    socket.on('data', (data: Buffer) => {
      stream.send(data);
      if (wire.bufferedBytes > HIGH_WATER_BYTES) {
        socket.pause();
        const timer = setInterval(() => {
          if (wire.bufferedBytes > LOW_WATER_BYTES && wire.open) return;
          clearInterval(timer);
          socket.resume();
        }, 5);
      }
    });
    socket.once('end', () => {
      stream.end();
      errors?.end();
    });
    socket.on('error', (error) => {
      errors?.send(Buffer.from(error.message));
      errors?.end();
      stream.reset();
    });
    socket.once('close', () => {
      sockets.delete(socket);
      resolve();
    });
  });
}
