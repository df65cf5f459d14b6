/** Respond: writes an answer, with compression for big ones when the client takes it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, gzip } from 'node:zlib';
import type { ApiError } from '../../api/errors.ts';
import type { Encoded } from './encode.ts';

const GZIP_FROM_BYTES = 128 * 1024;

export interface ResponseOptions {
  warnings?: readonly string[];
  headers?: Record<string, string>;
}

export function respond(http: IncomingMessage, response: ServerResponse, code: number, encoded: Encoded, options: ResponseOptions = {}): void {
  const body = encoded.chunks.length === 1 ? encoded.chunks[0]! : Buffer.concat(encoded.chunks);
  if (body.length >= GZIP_FROM_BYTES && takesGzip(http)) return respondGzipped(response, code, encoded.contentType, body, options);
  response.writeHead(code, headersOf(encoded.contentType, body.length, options));
  response.end(http.method === 'HEAD' ? undefined : body);
}

export function respondError(http: IncomingMessage, response: ServerResponse, error: ApiError, options: ResponseOptions = {}): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const retryAfter = error.details?.retryAfterSeconds;
  const headers = { ...options.headers, ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }) };
  respond(http, response, error.code, { contentType: 'application/json', chunks: [Buffer.from(`${JSON.stringify(error.toStatus())}\n`)] }, { ...options, headers });
  // A body that nobody read would be taken for the next request.
  if (!http.complete) http.resume();
}

function headersOf(contentType: string, lengthBytes: number, options: ResponseOptions): Record<string, string | number | string[]> {
  const headers: Record<string, string | number | string[]> = { 'Cache-Control': 'no-cache, private', 'Content-Type': contentType, 'Content-Length': lengthBytes };
  if (options.headers !== undefined) Object.assign(headers, options.headers);
  if (options.warnings !== undefined && options.warnings.length > 0) headers['Warning'] = options.warnings.slice(0, 50).map(warningHeader);
  return headers;
}

/** RFC 7234, 5.5: code, agent, quoted text. */
export function warningHeader(text: string): string {
  // oxlint-disable-next-line no-control-regex
  const clean = text.slice(0, 2_000).replace(/[\x00-\x1f\x7f]/g, ' ').replace(/[^\x20-\x7e]/g, '?');
  return `299 - "${clean.replace(/[\\"]/g, '\\$&')}"`;
}

export function takesGzip(http: IncomingMessage): boolean {
  const accepted = http.headers['accept-encoding'];
  return typeof accepted === 'string' && /(^|,)\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*(,|$))[\d.]+)?\s*(,|$)/.test(accepted);
}

function respondGzipped(response: ServerResponse, code: number, contentType: string, body: Buffer, options: ResponseOptions): void {
  gzip(body, { level: constants.Z_BEST_SPEED }, (error, compressed) => {
    if (error !== null) return void response.destroy(error);
    response.writeHead(code, { ...headersOf(contentType, compressed.length, options), 'Content-Encoding': 'gzip', Vary: 'Accept-Encoding' });
    response.end(compressed);
  });
}
