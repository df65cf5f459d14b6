/** `pods/NAME/portforward`: over WebSocket channels (a pair a port), over SPDY, and as kubectl speaks it, SPDY tunnelled in a WebSocket. */
import type { Duplex } from 'node:stream';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { WebSocket } from 'ws';
import { ApiError } from '../../../api/errors.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import type { Route, RouteRequest } from '../../../sdk/module.ts';
import type { Agent } from '../agent.ts';
import { PodKind } from '../kinds.ts';
import type { SandboxPool } from '../sandbox/pool.ts';
import { connectInside } from './connect-inside.ts';
import { createIntake } from './intake.ts';
import { acceptWebSocket, asksForWebSocket, channelsOf } from './web-socket.ts';
import { checkAssigned } from './target.ts';
import { tunnel, type Dial } from './tunnel.ts';
import { acceptSpdy, asksForSpdy, webSocketWire } from './wire.ts';

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
      if (isTunnelled(request)) return tunnel(webSocketWire(await acceptWebSocket(request, [TUNNEL])), dial);
      const ports = asksForWebSocket(request) ? portsOf(request.url.searchParams) : [];
      await plain(await acceptWebSocket(request, PLAIN), ports, dial);
    },
  };
}

function isTunnelled({ http }: RouteRequest): boolean {
  return String(http.headers['sec-websocket-protocol'] ?? '').split(',').some((each) => each.trim() === TUNNEL);
}

/** Throws BadRequest where no port is named, or what is none (upstream: kubelet cri/streaming/portforward, NewV4Options). */
export function portsOf(query: URLSearchParams): number[] {
  const asked = query.getAll('ports').flatMap((each) => each.split(','));
  if (asked.length === 0) throw new ApiError('BadRequest', 'query parameter "ports" is required');
  return asked.map((text) => {
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (port < 1 || port > 65_535) throw new ApiError('BadRequest', `unable to parse ${JSON.stringify(text.slice(0, 50))} as a port: it must be from 1 to 65535`);
    return port;
  });
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
  const intake = createIntake(channels);
  /** What came before there was a connection; undefined where there will be none. */
  const early: (Buffer[] | undefined)[] = ports.map(() => []);
  const waiting = ports.map(() => intake.early());
  channels.onMessage((channel, data) => {
    const index = channel / 2;
    if (!Number.isInteger(index) || index >= ports.length) return;
    const socket = sockets[index];
    if (socket !== undefined) return intake.write(socket, data);
    if (early[index] === undefined) return;
    early[index].push(data);
    waiting[index]!.came(data);
  });
  channels.onDrain(() => { for (const socket of sockets) socket?.resume(); });
  const closed = new Promise<void>((resolve) => channels.onClose(resolve));
  for (const [index, port] of ports.entries()) {
    const head = Buffer.alloc(2);
    head.writeUInt16LE(port);
    channels.send(index * 2, head);
    channels.send(index * 2 + 1, head);
  }
  let left = ports.length;
  const over = (): void => {
    left -= 1;
    if (left === 0) channels.close();
  };
  await Promise.all(ports.map(async (port, index) => {
    const tell = (text: string): void => channels.send(index * 2 + 1, Buffer.from(`error forwarding port ${port} to the pod: ${text}`));
    try {
      const socket = await dial(port);
      sockets[index] = socket;
      for (const data of early[index]!) intake.write(socket, data);
      socket.on('data', (data: Buffer) => {
        channels.send(index * 2, data);
        if (channels.full) socket.pause();
      });
      socket.on('error', (error) => tell(error.message));
      // The client has no way to end its own half, and hears nothing more of the pod.
      socket.once('end', () => socket.end());
      socket.once('close', over);
    } catch (error) {
      tell((error as Error).message);
      over();
    } finally {
      early[index] = undefined;
      waiting[index]!.passed();
    }
  }));
  await closed;
  for (const socket of sockets) socket?.destroy();
}
