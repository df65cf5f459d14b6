/** Reads the body of a request, bounded (upstream: limitedReadBody, 3 MiB). */
import type { IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';
import type { Readable } from 'node:stream';
import { badRequest, tooLargeBody } from './errors.ts';

export const BODY_LIMIT_BYTES = 3 * 1024 * 1024;

/** Rejects with 413 as soon as the limit is passed; what comes after is thrown away so that the client can read the answer. */
export function readBody(http: IncomingMessage, limitBytes: number = BODY_LIMIT_BYTES): Promise<Buffer> {
  const declared = http.headers['content-length'];
  if (declared !== undefined && Number(declared) > limitBytes) {
    http.resume();
    return Promise.reject(tooLargeBody(limitBytes));
  }
  const source: Readable = http.headers['content-encoding'] === 'gzip' ? http.pipe(createGunzip()) : http;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    source.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limitBytes) chunks.push(chunk);
      else {
        reject(tooLargeBody(limitBytes));
        if (source !== http) source.destroy();
        http.resume();
      }
    });
    source.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    source.on('error', (error) => reject(badRequest(`the body could not be read: ${error.message}`)));
    http.on('aborted', () => reject(badRequest('the body ended early')));
  });
}
