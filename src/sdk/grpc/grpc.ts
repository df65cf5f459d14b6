/** As much of gRPC over HTTP/2 as plugins, drivers and scalers need (gRPC: "PROTOCOL-HTTP2"), on unix sockets or addresses: calls with one answer or a stream of them, and a server of the former. */
import { connect, createServer, type ClientHttp2Session, type Http2Server, type SecureClientSessionOptions } from 'node:http2';
import { connect as connectSocket } from 'node:net';

const MOST_MESSAGE_BYTES = 16 * 1024 * 1024;
const HEAD_BYTES = 5;
const [DEADLINE_EXCEEDED, UNIMPLEMENTED] = [4, 12];

export class GrpcError extends Error {
  override name = 'GrpcError';
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export interface GrpcClient {
  /** Rejects with {@link GrpcError}, of code 4 when there is no answer in time, or as the connection fails. */
  call(path: string, message: Buffer, timeoutMs: number): Promise<Buffer>;
  /** Settles at the end of the stream; rejects as `call` does. */
  stream(path: string, message: Buffer, received: (message: Buffer) => void): Promise<void>;
  /** Its connection has ended: whoever wants another asks for another client. */
  isClosed(): boolean;
  close(): void;
}

/** A path of a socket, or an address; with `tls` what makes up the connection. `userAgent` is who asks; default `llmos`. */
export function grpcClient(where: string | { host: string; port: number; tls?: SecureClientSessionOptions }, { userAgent = 'llmos' }: { userAgent?: string } = {}): GrpcClient {
  const session = typeof where === 'string' ? connect('http://localhost', { createConnection: () => connectSocket(where) }) : connect(`${where.tls === undefined ? 'http' : 'https'}://${where.host.includes(':') ? `[${where.host}]` : where.host}:${where.port}`, where.tls);
  session.on('error', () => {}); // each call says it
  return {
    async call(path, message, timeoutMs) {
      let answer: Buffer | undefined;
      await request(session, { path, message, userAgent, timeoutMs, received: (each) => { answer ??= each; } });
      if (answer === undefined) throw new GrpcError(13, `${path} gave no answer`);
      return answer;
    },
    stream: (path, message, received) => request(session, { path, message, userAgent, received }),
    isClosed: () => session.closed || session.destroyed,
    close: () => session.destroy(),
  };
}

function request(session: ClientHttp2Session, { path, message, userAgent, timeoutMs, received }: { path: string; message: Buffer; userAgent: string; timeoutMs?: number; received: (message: Buffer) => void }): Promise<void> {
  return new Promise((resolve, reject) => {
    if (session.closed || session.destroyed) return reject(new Error('the connection is closed'));
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', 'user-agent': userAgent });
    let status: string | undefined;
    let words = '';
    const note = (headers: Record<string, unknown>): void => {
      if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status']);
      if (headers['grpc-message'] !== undefined) words = decodeURIComponent(String(headers['grpc-message']));
    };
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => fail(session.connecting ? new Error(`there was no connection within ${timeoutMs / 1_000} s`) : new GrpcError(DEADLINE_EXCEEDED, `${path} did not answer within ${timeoutMs / 1_000} s`)), timeoutMs);
    const broken = (error: Error): void => fail(error);
    const finish = (): void => {
      clearTimeout(timer);
      session.off('error', broken);
    };
    function fail(error: Error): void {
      finish();
      stream.destroy();
      reject(error);
    }
    session.once('error', broken);
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('data', framesTo(received, fail));
    stream.once('error', (error) => fail(error.cause instanceof Error ? error.cause : error)); // why the stream was given up
    stream.once('close', () => {
      finish();
      if (status === '0') resolve();
      else reject(new GrpcError(Number(status ?? 14), words || (status === undefined ? 'the connection ended' : `status ${status}`)));
    });
    stream.end(framed(message));
  });
}

/** Gives whole messages; compressed ones were not asked for and are refused. */
function framesTo(received: (message: Buffer) => void, fail: (error: Error) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= HEAD_BYTES) {
      const length = rest.readUInt32BE(1);
      if (rest[0] !== 0 || length > MOST_MESSAGE_BYTES) return fail(new GrpcError(13, rest[0] !== 0 ? 'the message is compressed' : 'the message is too long'));
      if (rest.length < HEAD_BYTES + length) return;
      const message = rest.subarray(HEAD_BYTES, HEAD_BYTES + length);
      rest = rest.subarray(HEAD_BYTES + length);
      try {
        received(message);
      } catch (error) {
        return fail(error as Error);
      }
    }
  };
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** By path. What a handler throws is told: GrpcError with its code, others as code 2. */
export function grpcServer(handlers: Readonly<Record<string, (message: Buffer) => Promise<Buffer>>>): Http2Server {
  const server = createServer();
  server.on('session', (session) => void session.on('error', () => {}));
  server.on('stream', (stream, headers) => {
    const handler = handlers[String(headers[':path'])];
    stream.on('error', () => {});
    const end = (code: number, words: string, answer?: Buffer): void => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': String(code), ...(words === '' ? {} : { 'grpc-message': encodeURIComponent(words) }) }));
      stream.end(answer === undefined ? undefined : framed(answer));
    };
    let message: Buffer | undefined;
    stream.on('data', framesTo((each) => { message ??= Buffer.from(each); }, (error) => end(13, error.message)));
    stream.once('end', () => {
      if (handler === undefined) return end(UNIMPLEMENTED, 'there is no such method');
      handler(message ?? Buffer.alloc(0)).then((answer) => end(0, '', answer), (error: unknown) => end(error instanceof GrpcError ? error.code : 2, (error as Error).message));
    });
  });
  return server;
}
