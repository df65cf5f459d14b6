/**
 * The server's end of SPDY/3.1, as much as port-forward and commands need (SPDY draft 3.1, section 2): the client opens streams with headers, both
 * send data, each ends its own direction. Client-go's library knows no flow control, so neither does this.
 */
import { createInflate } from 'node:zlib';
import { SPDY_DICTIONARY } from './spdy-dictionary.ts';

export interface SpdyStream {
  id: number;
  headers: ReadonlyMap<string, string>;
  send(data: Buffer): void;
  /** Ends this direction. */
  end(): void;
  /** Ends both at once. */
  reset(): void;
  onData: (data: Buffer) => void;
  /** The client ended its direction. */
  onEnd: () => void;
  onReset: () => void;
}

export interface SpdySession {
  /** Bytes from the client, in any pieces. */
  receive(chunk: Buffer): Promise<void>;
}

const CONTROL = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goAway: 7 } as const;
const FIN = 1;
const CANCEL = 5;
const MOST_HEADER_BYTES = 64 * 1024;
/** Of one session at a time: port-forward has two a connection. */
const MOST_STREAMS = 2_000;

/** `write` sends bytes to the client. Frames that break the rules throw. */
export function spdySession(write: (data: Buffer) => void, opened: (stream: SpdyStream) => void): SpdySession {
  const streams = new Map<number, SpdyStream>();
  const inflate = inflater();
  const reply = emptyHeaders();
  let rest: Buffer = Buffer.alloc(0);
  let turn: Promise<void> = Promise.resolve();

  /** Streams of which one direction has ended; with the other they are forgotten. */
  const halfEnded = new Set<number>();
  const ended = (id: number): void => {
    if (!halfEnded.delete(id)) halfEnded.add(id);
    else streams.delete(id);
  };

  function makeStream(id: number, headers: ReadonlyMap<string, string>): SpdyStream {
    let open = true;
    return {
      id, headers, onData() {}, onEnd() {}, onReset() {},
      send: (data) => write(dataFrame(id, data, 0)),
      end() {
        write(dataFrame(id, Buffer.alloc(0), FIN));
        if (open) ended(id);
        open = false;
      },
      reset() {
        forget(id);
        write(controlFrame(CONTROL.rstStream, 0, Buffer.concat([number(id), number(CANCEL)])));
      },
    };
  }

  async function control(type: number, flags: number, payload: Buffer): Promise<void> {
    if (type === CONTROL.synStream) {
      const id = payload.readUInt32BE(0) & 0x7fff_ffff;
      const stream = makeStream(id, parseHeaders(await inflate(payload.subarray(10))));
      if (streams.size >= MOST_STREAMS || streams.has(id)) throw new Error(`the SPDY stream ${id} cannot be opened: it is open, or ${MOST_STREAMS} are`);
      streams.set(id, stream);
      write(controlFrame(CONTROL.synReply, 0, Buffer.concat([number(id), reply()])));
      opened(stream);
      if ((flags & FIN) !== 0) clientEnded(id, stream);
    } else if (type === CONTROL.rstStream) {
      const id = payload.readUInt32BE(0) & 0x7fff_ffff;
      streams.get(id)?.onReset();
      forget(id);
    } else if (type === CONTROL.ping) write(controlFrame(CONTROL.ping, 0, payload.subarray(0, 4)));
  }

  async function frame(head: Buffer, payload: Buffer): Promise<void> {
    const flags = head[4]!;
    if ((head[0]! & 0x80) !== 0) return control(head.readUInt16BE(2), flags, payload);
    const stream = streams.get(head.readUInt32BE(0));
    if (payload.length > 0) stream?.onData(payload);
    if ((flags & FIN) !== 0 && stream !== undefined) clientEnded(head.readUInt32BE(0), stream);
  }

  function clientEnded(id: number, stream: SpdyStream): void {
    stream.onEnd();
    ended(id);
  }

  function forget(id: number): void {
    streams.delete(id);
    halfEnded.delete(id);
  }

  async function consume(chunk: Buffer): Promise<void> {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 8) {
      const length = rest.readUIntBE(5, 3);
      if (rest.length < 8 + length) return;
      const head = rest.subarray(0, 8);
      const payload = rest.subarray(8, 8 + length);
      rest = rest.subarray(8 + length);
      await frame(head, payload);
    }
  }

  return { receive: (chunk) => (turn = turn.then(() => consume(chunk))) };
}

function controlFrame(type: number, flags: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8003, 0);
  head.writeUInt16BE(type, 2);
  head[4] = flags;
  head.writeUIntBE(payload.length, 5, 3);
  return Buffer.concat([head, payload]);
}

function dataFrame(id: number, data: Buffer, flags: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(id, 0);
  head[4] = flags;
  head.writeUIntBE(data.length, 5, 3);
  return Buffer.concat([head, data]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A block of no headers: a stored block of zlib and the empty one of a flush (without it Go's reader waits for more), after the head of the stream. */
function emptyHeaders(): () => Buffer {
  const head = Buffer.concat([Buffer.from([0x78, 0xbb]), number(adler32(SPDY_DICTIONARY))]);
  const block = Buffer.from([0x00, 0x04, 0x00, 0xfb, 0xff, 0, 0, 0, 0, 0x00, 0x00, 0x00, 0xff, 0xff]);
  let first = true;
  return () => {
    const bytes = first ? Buffer.concat([head, block]) : block;
    first = false;
    return bytes;
  };
}

function adler32(data: Buffer): number {
  let a = 1;
  let b = 0;
  for (const byte of data) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  return b * 65_536 + a;
}

/** All header blocks of a session are one zlib stream. */
function inflater(): (block: Buffer) => Promise<Buffer> {
  const stream = createInflate({ dictionary: SPDY_DICTIONARY });
  let chunks: Buffer[] = [];
  let size = 0;
  // At all times: an error that nobody hears ends the process.
  stream.on('error', () => {});
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    // A small block may become a thousand times as large.
    if (size > MOST_HEADER_BYTES) stream.destroy(new Error('the headers of a SPDY stream are too long'));
    else chunks.push(chunk);
  });
  return (block) => new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.write(block, () => setImmediate(() => {
      stream.off('error', reject);
      const whole = Buffer.concat(chunks);
      chunks = [];
      size = 0;
      if (stream.destroyed) reject(new Error('the headers of a SPDY stream cannot be read'));
      else resolve(whole);
    }));
  });
}

/** Number of pairs, then length and text of each name and value (section 2.6.10). */
function parseHeaders(block: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 4;
  const text = (): string => {
    const length = block.readUInt32BE(at);
    const word = block.subarray(at + 4, at + 4 + length).toString('utf8');
    at += 4 + length;
    return word;
  };
  for (let left = block.readUInt32BE(0); left > 0; left--) {
    const name = text();
    headers.set(name.toLowerCase(), text());
  }
  return headers;
}
