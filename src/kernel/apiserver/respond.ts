/** Respond: writes an answer, with compression for big ones when the client takes it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, gzip } from 'node:zlib';
import type { ApiError } from '../../api/errors.ts';
import { encodeProtobuf, PROTOBUF_MEDIA_TYPE } from '../../api/protobuf/envelope.ts';
import type { Encoded } from './encode.ts';
import { isGone } from './gone.ts';
import { paceOf, type Pace } from './flow-control/turns.ts';
import { clausesOf, isPretty } from './negotiate.ts';

const GZIP_FROM_BYTES = 128 * 1024;
const PIECE_BYTES = 128 * 1024;
/**
 * What is written last stays below what fills a socket (64 KiB): the client answers it with its next request, and for a request that comes while the
 * socket is full Node pauses its parser, which then takes what TLS has decrypted already for an error and ends the connection.
 */
const LAST_PIECE_BYTES = 48 * 1024;
/** What is longer than this is written as it is; copying it together with others would cost more than a write of its own. */
const OWN_PIECE_BYTES = 32 * 1024;
/** A client that takes nothing of an answer for so long is let go. */
const DRAIN_TIMEOUT_MS = 60_000;
/** So long a client that is refused may go on with its body before the connection that it wants closed is closed. */
const LINGER_MS = 2_000;

export interface ResponseOptions {
  warnings?: readonly string[];
  headers?: Record<string, string>;
}

export function respond(http: IncomingMessage, response: ServerResponse, code: number, encoded: Encoded, options: ResponseOptions = {}): void {
  // Answered already: the client would wait no longer.
  if (response.headersSent) return;
  const { chunks, contentType } = encoded;
  const length = chunks.length === 1 ? chunks[0]!.length : chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (length >= GZIP_FROM_BYTES && takesGzip(http)) return respondGzipped(http, response, code, contentType, chunks, options);
  response.writeHead(code, headersOf(contentType, length, options));
  end(http, response, chunks, length);
}

function end(http: IncomingMessage, response: ServerResponse, chunks: readonly Buffer[], length: number): void {
  if (http.method === 'HEAD') response.end();
  else if (length <= LAST_PIECE_BYTES) response.end(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  else writeInPieces(http, response, chunks).catch(() => response.destroy());
}

/** So that the others have their turn in between, and a client that does not read costs a piece of memory and not the whole. */
async function writeInPieces(http: IncomingMessage, response: ServerResponse, chunks: readonly Buffer[]): Promise<void> {
  const write = writerOf(response, paceOf(http));
  let held: Buffer | undefined;
  for (const piece of piecesOf(chunks)) {
    if (held !== undefined) await write(held);
    held = piece;
  }
  if (held === undefined || isGone(response)) return;
  if (held.length > LAST_PIECE_BYTES) await write(held.subarray(0, -LAST_PIECE_BYTES));
  response.end(held.subarray(-LAST_PIECE_BYTES));
}

/**
 * Writes pieces, one after another: each settles when the kernel has it, which is as fast as the client reads. Rejects when the client went away, or does
 * not read for too long.
 */
function writerOf(response: ServerResponse, pace: Pace): (piece: Buffer) => Promise<void> {
  let settle: ((error?: Error | null) => void) | undefined;
  let impatient: NodeJS.Timeout | undefined;
  response.on('close', () => {
    clearTimeout(impatient);
    settle?.(new Error('the client went away'));
  });
  return async (piece) => {
    const turn = pace();
    if (turn !== undefined) await turn;
    if (isGone(response)) throw new Error('the client went away');
    impatient = impatient?.refresh() ?? setTimeout(() => settle?.(new Error('the client does not read')), DRAIN_TIMEOUT_MS);
    await new Promise<void>((resolve, reject) => {
      settle = (error) => (error === undefined || error === null ? resolve() : reject(error));
      response.write(piece, settle);
    });
    // The answer may be old, and would keep the piece.
    settle = undefined;
  };
}

/** The same bytes in pieces of about PIECE_BYTES. */
function* piecesOf(chunks: readonly Buffer[]): Generator<Buffer> {
  let some: Buffer[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      const part = chunk.length <= PIECE_BYTES ? chunk : chunk.subarray(at, at + PIECE_BYTES);
      if (part.length > OWN_PIECE_BYTES && bytes > 0) {
        yield Buffer.concat(some, bytes);
        some = [];
        bytes = 0;
      }
      some.push(part);
      bytes += part.length;
      if (bytes < PIECE_BYTES && part.length <= OWN_PIECE_BYTES) continue;
      yield some.length === 1 ? some[0]! : Buffer.concat(some, bytes);
      some = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(some, bytes);
}

export function respondError(http: IncomingMessage, response: ServerResponse, error: ApiError, options: ResponseOptions = {}): void {
  if (response.headersSent || isGone(response)) {
    response.destroy();
    return;
  }
  const retryAfter = error.details?.retryAfterSeconds;
  const headers = { ...options.headers, ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }) };
  const { contentType, body } = statusFor(http, error);
  const whole = { ...options, headers };
  if (http.complete || response.shouldKeepAlive !== false) respond(http, response, error.code, { contentType, chunks: [body] }, whole);
  else {
    response.writeHead(error.code, headersOf(contentType, body.length, whole));
    response.write(body);
    lingering(http, () => response.end());
  }
  // A body that nobody read would be taken for the next request.
  if (!http.complete) http.resume();
}

/** In protobuf for who would rather have that, else in JSON: an error is told whatever a client accepts. */
function statusFor(http: IncomingMessage, error: ApiError): { contentType: string; body: Buffer } {
  const status = error.toStatus();
  const wants = http.headers.accept?.includes(PROTOBUF_MEDIA_TYPE) === true ? clausesOf(http.headers.accept)[0] : undefined;
  const protobuf = wants?.type === PROTOBUF_MEDIA_TYPE && wants.parameters['as'] === undefined ? encodeProtobuf(status) : undefined;
  if (protobuf !== undefined) return { contentType: PROTOBUF_MEDIA_TYPE, body: protobuf };
  const pretty = isPretty(new URLSearchParams(/\?.*/s.exec(http.url ?? '')?.[0]), { userAgent: http.headers['user-agent'] });
  return { contentType: 'application/json', body: Buffer.from(`${JSON.stringify(status, undefined, pretty ? 2 : 0)}\n`) };
}

/**
 * Calls when the body is over, or has taken long enough. The end of an answer closes a connection that is not kept, and who still writes to it then is
 * reset before it has read the answer (RFC 9112, 9.6).
 */
function lingering(http: IncomingMessage, answer: () => void): void {
  const impatient = setTimeout(answer, LINGER_MS);
  http.once('close', () => clearTimeout(impatient));
  http.once('end', () => {
    clearTimeout(impatient);
    answer();
  });
}

function headersOf(contentType: string, lengthBytes: number, options: ResponseOptions): Record<string, string | number | string[]> {
  const headers: Record<string, string | number | string[]> = { 'Cache-Control': 'no-cache, private', 'Content-Type': contentType, 'Content-Length': lengthBytes };
  if (options.headers !== undefined) Object.assign(headers, options.headers);
  if (options.warnings !== undefined && options.warnings.length > 0) headers['Warning'] = warningHeaders(options.warnings);
  return headers;
}

const MOST_WARNINGS = 50;
/** As many characters in all as are told whole; beyond that each text is cut to `CUT_TO` (upstream: endpoints/filters/warning.go). */
const MOST_CHARACTERS = 4_096;
const CUT_TO = 256;

/** RFC 7234, 5.5: code, agent, quoted text; in UTF-8, as clients read it, whose bytes are the characters of a header here. */
export function warningHeaders(texts: readonly string[]): string[] {
  const all = [...new Set(texts)].filter((text) => text !== '').map((text) => [...text]);
  const cut = all.reduce((sum, { length }) => sum + length, 0) > MOST_CHARACTERS;
  const headers: string[] = [];
  for (let [index, characters] = [0, 0]; index < all.length && index < MOST_WARNINGS && characters < MOST_CHARACTERS; index++) {
    const text = cut ? all[index]!.slice(0, CUT_TO) : all[index]!;
    characters += text.length;
    headers.push(warningHeader(text.join('')));
  }
  return headers;
}

function warningHeader(text: string): string {
  // oxlint-disable-next-line no-control-regex
  const clean = text.replace(/[\x00-\x1f\x7f-\x9f]/g, ' ');
  return `299 - "${Buffer.from(clean.replace(/[\\"]/g, '\\$&')).toString('latin1')}"`;
}

function takesGzip(http: IncomingMessage): boolean {
  const accepted = http.headers['accept-encoding'];
  return typeof accepted === 'string' && /(^|,)\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*(,|$))[\d.]+)?\s*(,|$)/.test(accepted);
}

function respondGzipped(http: IncomingMessage, response: ServerResponse, code: number, contentType: string, chunks: readonly Buffer[], options: ResponseOptions): void {
  gzip(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks), { level: constants.Z_BEST_SPEED }, (error, compressed) => {
    if (error !== null) return void response.destroy(error);
    response.writeHead(code, { ...headersOf(contentType, compressed.length, options), 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' });
    end(http, response, [compressed], compressed.length);
  });
}
