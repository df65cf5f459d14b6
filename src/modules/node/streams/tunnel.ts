/**
 * Ports over SPDY: each connection of the user is a pair of streams of one request, one for its data and one for what went wrong (upstream:
 * kubelet cri/streaming/portforward, httpstream.go). A client that reads a word on the latter gives up all its connections.
 */
import type { Duplex } from 'node:stream';
import { createIntake, type Intake } from './intake.ts';
import { spdySession, type SpdyStream } from './spdy.ts';
import type { Wire } from './wire.ts';

/** Connects to a port of the pod. */
export type Dial = (port: number) => Promise<Duplex>;

/** So long one stream of a pair waits for the other (upstream: DefaultStreamCreationTimeout). */
const PAIR_TIMEOUT_MS = 30_000;
const HIGH_WATER_BYTES = 1024 * 1024;
const LOW_WATER_BYTES = 256 * 1024;

/** What comes on a stream. */
type Events = Pick<SpdyStream, 'onData' | 'onEnd' | 'onReset'>;

/** A stream of data. */
interface Opened {
  stream: SpdyStream;
  /** What came until now, and all that comes from now on; to nobody by default. */
  release(to?: Events): void;
}

interface Pair {
  data?: Opened;
  error?: SpdyStream;
  impatient: NodeJS.Timeout;
}

/** Settles when the wire is closed. */
export function tunnel(wire: Wire, dial: Dial): Promise<void> {
  const pairs = new Map<string, Pair>();
  const sockets = new Set<Duplex>();
  const intake = createIntake(wire);
  const giveUp = (id: string, { data, error }: Pair): void => {
    pairs.delete(id);
    error?.send(Buffer.from(`timed out waiting for the other stream of request ${id}`));
    error?.end();
    data?.stream.reset();
    data?.release();
  };
  const pairOf = (id: string): Pair => {
    const known = pairs.get(id);
    if (known !== undefined) return known;
    const pair: Pair = { impatient: setTimeout(() => giveUp(id, pair), PAIR_TIMEOUT_MS).unref() };
    pairs.set(id, pair);
    return pair;
  };
  const session = spdySession((data) => wire.send(data), (stream) => {
    const role = stream.headers.get('streamtype');
    if ((role !== 'data' && role !== 'error') || portOf(stream) === undefined) return stream.reset();
    const id = requestOf(stream, role);
    const pair = pairOf(id);
    if (pair[role] !== undefined) return stream.reset();
    if (role === 'data') pair.data = hold(stream, intake);
    else pair.error = stream;
    if (pair.data === undefined || pair.error === undefined) return;
    clearTimeout(pair.impatient);
    pairs.delete(id);
    void forward(pair.data, pair.error, { dial, sockets, wire, intake });
  });
  wire.onData((data) => void session.receive(data).catch(() => wire.drop()));
  return new Promise((resolve) => wire.onClose(() => {
    for (const { impatient } of pairs.values()) clearTimeout(impatient);
    for (const socket of sockets) socket.destroy();
    resolve();
  }));
}

function portOf({ headers }: SpdyStream): number | undefined {
  const port = /^\d{1,5}$/.test(headers.get('port') ?? '') ? Number(headers.get('port')) : 0;
  return port > 0 && port < 65_536 ? port : undefined;
}

/** Clients of long ago name no request: theirs are the streams that they open one after the other, the one for errors first. */
function requestOf({ headers, id }: SpdyStream, role: 'data' | 'error'): string {
  return headers.get('requestid') || String(role === 'error' ? id : id - 2);
}

const NOBODY: Events = { onData() {}, onEnd() {}, onReset() {} };

function hold(stream: SpdyStream, intake: Intake): Opened {
  const early: ((to: Events) => void)[] = [];
  const waiting = intake.early();
  stream.onData = (data) => {
    early.push((to) => to.onData(data));
    waiting.came(data);
  };
  stream.onEnd = () => void early.push((to) => to.onEnd());
  stream.onReset = () => void early.push((to) => to.onReset());
  return {
    stream,
    release(to = NOBODY) {
      Object.assign(stream, to);
      for (const tell of early.splice(0)) tell(to);
      waiting.passed();
    },
  };
}

/** However a connection ends, the stream for errors ends too: clients wait for that, and it counts among those that are open. */
async function forward({ stream, release }: Opened, errors: SpdyStream, { dial, sockets, wire, intake }: { dial: Dial; sockets: Set<Duplex>; wire: Wire; intake: Intake }): Promise<void> {
  const port = portOf(stream)!;
  let socket: Duplex;
  try {
    socket = await dial(port);
  } catch (error) {
    errors.send(Buffer.from(`error forwarding port ${port} to the pod: ${(error as Error).message}`));
    errors.end();
    stream.end();
    return release();
  }
  if (!wire.open) return void socket.destroy();
  sockets.add(socket);
  let isReset = false;
  let isOver = false;
  const over = (why?: string): void => {
    if (isOver) return;
    isOver = true;
    if (why !== undefined) errors.send(Buffer.from(why));
    errors.end();
  };
  socket.on('data', (data: Buffer) => {
    stream.send(data);
    if (wire.bufferedBytes > HIGH_WATER_BYTES) pauseUntilRead(socket, wire);
  });
  socket.once('end', () => {
    stream.end();
    over();
  });
  socket.on('error', (error) => {
    over(error.message);
    if (!isReset) stream.reset();
    isReset = true;
  });
  socket.once('close', () => {
    sockets.delete(socket);
    over();
  });
  release({
    onData: (data) => intake.write(socket, data),
    onEnd: () => void socket.end(),
    onReset() {
      isReset = true;
      socket.destroy();
    },
  });
}

function pauseUntilRead(socket: Duplex, wire: Wire): void {
  socket.pause();
  const timer = setInterval(() => {
    if (wire.bufferedBytes > LOW_WATER_BYTES && wire.open) return;
    clearInterval(timer);
    socket.resume();
  }, 5);
}
