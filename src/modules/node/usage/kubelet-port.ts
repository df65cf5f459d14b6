/**
 * The kubelet's own port (modules.node.port, default 10250; 0: none): what Prometheus and metrics-server read of a node without the door. A listener is all that is there
 * until somebody comes. Without modules.node.address only this machine and its pods are let in; with it that address is listened on, for everybody who may.
 */
import { BlockList, createServer, isIPv4, type Server, type Socket } from 'node:net';
import { aborted } from '../../../base/aborted.ts';
import type { ModuleContext } from '../../../sdk/module.ts';
import type { NodeParts } from '../parts.ts';
import type { KubeletPaths } from './kubelet-paths.ts';

export interface PortSettings { port: number; address?: string }

const DEFAULT_PORT = 10_250;
const MOST_PORT = 65_535;
/** A scraper or two, and those who try. */
const MOST_CONNECTIONS = 64;

/** Throws when it is no port or no address. */
export function portSettings({ port = DEFAULT_PORT, address }: Readonly<Record<string, unknown>>): PortSettings {
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 0 || port > MOST_PORT) throw new Error(`modules.node.port must be a whole number from 0 to ${MOST_PORT}, not ${JSON.stringify(port)}`);
  if (address !== undefined && (typeof address !== 'string' || !/^[0-9a-fA-F.:]+$/.test(address))) throw new Error(`modules.node.address must be an IP address such as 0.0.0.0, not ${JSON.stringify(address)}`);
  return { port, ...(address === undefined ? {} : { address }) };
}

/** Settles when the signal aborted and nobody is served any more. A port that is taken is told of, and the node does without. `listening` is told the port when it is ours. */
export async function serveKubeletPort(parts: NodeParts, kubelet: KubeletPaths, settings: PortSettings, signal: AbortSignal, listening: (port: number) => void): Promise<void> {
  const { context } = parts;
  if (settings.port === 0 || context.authority === undefined || context.may === undefined || context.machine.further !== undefined || signal.aborted) return;
  const neighbours = settings.address === undefined ? neighboursOf(context) : undefined;
  const open = new Set<Socket>();
  let handler: Promise<(socket: Socket) => void> | undefined;
  const server = createServer((socket) => {
    if (neighbours !== undefined && !isNeighbour(neighbours, socket)) return void socket.destroy();
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    handler ??= import('./kubelet-server.ts').then(({ kubeletServer }) => kubeletServer(parts, kubelet));
    handler.then((serve) => serve(socket), (error: Error) => {
      handler = undefined;
      context.log.error('the port of the node could not be served', { error });
      socket.destroy();
    });
  });
  server.maxConnections = MOST_CONNECTIONS;
  const failure = await listen(server, settings, context.machine.network.ipv6 !== undefined);
  if (failure !== undefined) return context.log.warn(`nobody is served at port ${settings.port}: ${failure.message}. What the node tells is there by the door (nodes/NAME/proxy); another port: modules.node.port`);
  listening(settings.port);
  await aborted(signal);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    for (const socket of open) socket.destroy();
  });
}

function listen(server: Server, { port, address }: PortSettings, hasIpv6: boolean): Promise<Error | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen({ port, host: address ?? (hasIpv6 ? '::' : '0.0.0.0') }, () => resolve(undefined));
  });
}

function neighboursOf({ machine: { network } }: ModuleContext): BlockList {
  const list = new BlockList();
  const add = (range: string): void => {
    const [base = '', bits = ''] = range.split('/');
    list.addSubnet(base, Number(bits), isIPv4(base) ? 'ipv4' : 'ipv6');
  };
  for (const range of ['127.0.0.0/8', '::1/128', network.podCidr, ...(network.ipv6 === undefined ? [] : [network.ipv6.podCidr])]) add(range);
  return list;
}

/** Who comes from the address that it came to is this machine. */
function isNeighbour(list: BlockList, { remoteAddress = '', localAddress }: Socket): boolean {
  const plain = (address: string): string => address.replace(/^::ffff:(?=[\d.]+$)/, '');
  const remote = plain(remoteAddress);
  return remote === plain(localAddress ?? '') || (remote !== '' && list.check(remote, isIPv4(remote) ? 'ipv4' : 'ipv6'));
}
