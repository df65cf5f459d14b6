/**
 * Speaks TLS to backends that are known by one of several names, which HAProxy cannot check. HAProxy names the endpoint by SOCKS 4; it is told that it is connected
 * only when the backend has shown who it is, so that one who is somebody else counts as an endpoint that could not be connected to.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { connect, createSecureContext, getCACertificates, type SecureContext, type TLSSocket } from 'node:tls';
import { bears, type AlternativeName } from './names.ts';

/** How backends of one sort are spoken to, and where HAProxy asks for it. */
export interface Way {
  /** On 127.0.0.1. */
  port: number;
  /** Asked for (SNI). */
  hostname: string;
  names: readonly AlternativeName[];
  /** Default: the authorities of the system. */
  caPem?: string;
  /** What must be spoken (ALPN); default: nothing is said of it. */
  protocol?: 'h2' | 'http/1.1';
  /** Shown to backends. */
  identity?: { certificatePem: string; keyPem: string };
  /** Who may be asked for, `address:port`, with where that is. */
  endpoints: Readonly<Record<string, { address: string; port: number }>>;
}

export interface Forwarder {
  /** Settles when it listens for exactly these. Connections under way go on. */
  carry(ways: readonly Way[]): Promise<void>;
  /** How many connections there are. */
  connections(): number;
  close(): void;
}

const ASK_MS = 2_000;
/** Shorter than the time that HAProxy gives a connection. */
const CONNECT_MS = 1_900;
const MOST_CONNECTIONS = 4_096;
const LONGEST_QUESTION = 256;
/** One side may end before the other. */
const HALF_OPEN = { allowHalfOpen: true };
const [GRANTED, REFUSED] = [0x5a, 0x5b];

export function createForwarder(): Forwarder {
  const listening = new Map<number, { server: Server; way: Way; fixed: string; context: SecureContext }>();
  const open = new Set<Socket>();

  async function listen(way: Way, fixed: string): Promise<void> {
    const { caPem, identity } = way;
    const context = createSecureContext({ ca: caPem ?? getCACertificates('system'), ...(identity === undefined ? {} : { cert: identity.certificatePem, key: identity.keyPem }) });
    const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) => {
      if (open.size >= MOST_CONNECTIONS) return void socket.resetAndDestroy();
      open.add(socket);
      socket.on('close', () => open.delete(socket)).on('error', () => {});
      const current = listening.get(way.port);
      if (current === undefined) socket.destroy();
      else void serve(socket, current);
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ port: way.port, host: '127.0.0.1', backlog: 1_024 }, resolve));
    listening.set(way.port, { server, way, fixed, context });
  }

  return {
    async carry(ways) {
      const wanted = new Map(ways.map((way) => [way.port, way]));
      const fixedOf = (way: Way): string => JSON.stringify({ ...way, endpoints: undefined });
      for (const [port, { server, fixed }] of listening) {
        const way = wanted.get(port);
        if (way !== undefined && fixedOf(way) === fixed) continue;
        listening.delete(port);
        await new Promise<void>((resolve) => {
          // Its connections go on, so the end of the server is not waited for.
          server.close();
          server.unref();
          setImmediate(resolve);
        });
      }
      for (const way of ways) {
        const current = listening.get(way.port);
        if (current === undefined) await listen(way, fixedOf(way));
        else current.way = way;
      }
    },
    connections: () => open.size,
    close() {
      for (const { server } of listening.values()) server.close();
      listening.clear();
      for (const socket of open) socket.destroy();
    },
  };
}

async function serve(socket: Socket, { way, context }: { way: Way; context: SecureContext }): Promise<void> {
  const asked = await question(socket).catch(() => undefined);
  const endpoint = asked === undefined ? undefined : way.endpoints[asked];
  if (endpoint === undefined) return refuse(socket);
  const backend = connect({ ...endpointOf(endpoint), servername: way.hostname, secureContext: context, ...HALF_OPEN, ...(way.protocol === undefined ? {} : { ALPNProtocols: [way.protocol] }), checkServerIdentity: (_name, { subjectaltname }) => (bears(subjectaltname, way.names) ? undefined : new Error('the backend shows none of the names')) });
  backend.setNoDelay(true).setKeepAlive(true);
  const timer = setTimeout(() => backend.destroy(new Error('no connection in time')), CONNECT_MS);
  backend.on('close', () => clearTimeout(timer));
  const failed = (): void => refuse(socket);
  backend.once('error', failed);
  socket.once('close', () => backend.destroy());
  backend.once('secureConnect', () => {
    clearTimeout(timer);
    // A server that knows nothing of ALPN speaks HTTP/1.1.
    if (way.protocol === 'h2' && backend.alpnProtocol !== 'h2') return void backend.destroy(new Error('the backend does not speak HTTP/2'));
    backend.off('error', failed);
    join(socket, backend);
  });
}

const endpointOf = ({ address, port }: { address: string; port: number }): { host: string; port: number } => ({ host: address, port });

/** From here on all that comes goes to the other side, no faster than it takes it; the end of one is the end of the other, a reset too. */
function join(socket: Socket, backend: TLSSocket): void {
  let isWhole = false;
  backend.on('error', () => {}).once('end', () => { isWhole = true; }).once('close', () => {
    if (isWhole) socket.destroySoon();
    else socket.resetAndDestroy();
  });
  socket.write(answer(GRANTED));
  socket.pipe(backend);
  backend.pipe(socket);
}

function refuse(socket: Socket): void {
  if (!socket.destroyed) socket.end(answer(REFUSED), () => socket.destroy());
}

const answer = (word: number): Buffer => Buffer.from([0, word, 0, 0, 0, 0, 0, 0]);

/** The endpoint that is asked for, `address:port`: version 4, command 1, port, address, and the name of who asks, which ends with a 0. */
function question(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let told = Buffer.alloc(0);
    const timer = setTimeout(() => fail(), ASK_MS);
    const done = (): void => {
      clearTimeout(timer);
      socket.off('data', take).off('close', fail).off('end', fail).pause();
    };
    const fail = (): void => {
      done();
      reject(new Error('no question'));
    };
    const take = (chunk: Buffer): void => {
      told = Buffer.concat([told, chunk]);
      const end = told.indexOf(0, 8);
      if (end < 0 && told.length < LONGEST_QUESTION) return;
      if (end < 0 || told[0] !== 4 || told[1] !== 1) return fail();
      done();
      if (end + 1 < told.length) socket.unshift(told.subarray(end + 1));
      resolve(`${told.subarray(4, 8).join('.')}:${told.readUInt16BE(2)}`);
    };
    socket.on('data', take).once('close', fail).once('end', fail);
  });
}
