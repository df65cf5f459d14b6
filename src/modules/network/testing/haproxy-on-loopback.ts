/** A real HAProxy that carries Services to servers on loopback, so without a network of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, request, type RequestListener, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Service } from '../../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import { silentLog } from '../../../base/log.ts';
import { endHaproxy } from '../../../sdk/haproxy/process.ts';
import { createProxiedServices, type ProxiedServices } from '../proxy/proxied.ts';

/** Loopback addresses of this process alone, so that files may run at once; HAProxy has the first. */
export const net = (last: number): string => `127.${60 + (process.pid % 100)}.${(process.pid >> 7) % 250}.${last}`;
/** The port of all servers. */
export const PORT = 8080;

export interface Asked { method?: string; headers?: Record<string, string>; agent?: Agent }

/** What is said of a Service: its name and its annotations, without `llmos.dev/`. */
type Said = Readonly<Record<string, string>>;

/** Services of the namespace `shop`. */
export class HaproxyOnLoopback {
  folder!: string;
  proxies!: ProxiedServices;
  #stop = new AbortController();
  readonly #names = new Set<string>();
  readonly #servers: Server[] = [];

  async start(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'llmos-proxy-'));
    this.#begin();
  }

  /** As a new llmos after a kill, which finds nothing but what is in the folder and in HAProxy. `program`: what it starts as HAProxy. */
  again({ program = 'haproxy' }: { program?: string } = {}): void {
    this.#stop.abort('killed');
    this.#begin(program);
  }

  #begin(program = 'haproxy'): void {
    this.#stop = new AbortController();
    const log = process.env['LLMOS_TEST_VERBOSE'] ? { ...silentLog, warn: (text: string, more?: Record<string, unknown>) => process.stderr.write(`${text} ${String(more?.['error'])}\n`) } as typeof silentLog : silentLog;
    this.proxies = createProxiedServices({ program, folder: join(this.folder, 'haproxy'), gatewayIp: net(1), nodeName: 'n1', others: () => [{ nodeName: 'n2' }, { nodeName: 'n3' }], log, signal: this.#stop.signal });
  }

  async end(): Promise<void> {
    await this.dropAll();
    this.#stop.abort('down');
    await endHaproxy(join(this.folder, 'haproxy'));
    for (const each of this.#servers) {
      each.closeAllConnections();
      each.close();
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A server at `net(last)`; gives its address. */
  async serve(last: number, listener: RequestListener): Promise<string> {
    const server = createServer({ keepAliveTimeout: 60_000 }, listener);
    this.#servers.push(server);
    await new Promise<void>((resolve) => server.listen(PORT, net(last), resolve));
    return net(last);
  }

  /** One that is well and answers with `last`. */
  well(last: number): Promise<string> {
    return this.serve(last, (asked, response) => void asked.resume().on('end', () => response.end(String(last))));
  }

  /** Settles when HAProxy carries it; gives its port at `net(1)`. */
  async carry(name: string, said: Said, addresses: readonly string[], appProtocol?: string): Promise<number> {
    this.#names.add(name);
    const annotations = Object.fromEntries(Object.entries(said).map(([key, value]) => [`llmos.dev/${key}`, value]));
    const service = { metadata: { name, namespace: 'shop', annotations }, spec: { clusterIP: '10.2.0.9', ports: [{ port: 80, protocol: 'TCP', ...(appProtocol === undefined ? {} : { appProtocol }) }] } } as Service;
    const slice = { metadata: { name: `${name}-1`, namespace: 'shop' }, addressType: 'IPv4', endpoints: addresses.map((address) => ({ addresses: [address] })), ports: [{ name: '', port: PORT, protocol: 'TCP' }] } as unknown as EndpointSlice;
    const port = (await this.proxies.want(`shop/${name}`, service, [slice])).get(80)!.all;
    await this.proxies.flush();
    return port;
  }

  /** No Service is carried any more; connections that are open go on. */
  async dropAll(): Promise<void> {
    for (const name of this.#names) await this.proxies.want(`shop/${name}`, undefined, []);
    await this.proxies.flush();
    await this.proxies.settle();
  }
}

/** The body of an answer of 200, else its status, or the code of the error. */
export function ask(port: number, { method = 'GET', headers = {}, agent }: Asked = {}): Promise<string> {
  return new Promise((resolve) => {
    const sent = request({ host: net(1), port, method, headers, agent: agent ?? false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString())).on('end', () => resolve(response.statusCode === 200 ? text : String(response.statusCode)));
    });
    // A connection that is kept may end just as it is used again, which every client has to bear (RFC 9112, 9.3.1).
    sent.on('error', (error: NodeJS.ErrnoException) => resolve(sent.reusedSocket && error.code === 'ECONNRESET' && method === 'GET' ? ask(port, { headers, ...(agent === undefined ? {} : { agent }) }) : (error.code ?? 'error'))).end();
  });
}

/** A connection that stays, from `localAddress` where it is said: `say` sends a request and gives what comes back first; `closed` settles with the time at which it ended, in ms of performance.now(). */
export function hold(port: number, localAddress?: string): { socket: Socket; closed: Promise<number>; say(): Promise<string> } {
  const socket = connect({ port, host: net(1), ...(localAddress === undefined ? {} : { localAddress }) });
  const closed = new Promise<number>((resolve) => socket.on('error', () => {}).on('close', () => resolve(performance.now())));
  const say = (): Promise<string> => new Promise((resolve) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  });
  return { socket, closed, say };
}
