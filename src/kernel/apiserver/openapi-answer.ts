/** How a document of OpenAPI is answered: in which encoding, and not at all to who has it (upstream: kube-openapi, pkg/handler and pkg/handler3). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { notAcceptable } from './errors.ts';
import { clausesOf } from './negotiate.ts';
import { respond } from './respond.ts';

export interface Document {
  /** That of the JSON, whatever the encoding. */
  hash: string;
  body(): Promise<Buffer>;
}

interface Form {
  contentType: string;
  isProtobuf: boolean;
}

const JSON_TYPE = 'application/json';
const IMMUTABLE_MS = 365 * 86_400_000;

/** Clients ask for protobuf with an @ or a dot; the answer has the dot, as no media type may have an @. Throws NotAcceptable. */
export function openapiForm(accept: string | undefined, version: 2 | 3): Form {
  const [dotted, deprecated] = ['.', '@'].map((sign) => `application/com.github.proto-openapi.spec.v${version}${sign}v1.0+protobuf`) as [string, string];
  for (const { type } of clausesOf(accept || '*/*')) {
    if (type === JSON_TYPE || type === '*/*' || type === 'application/*' || type === '*/json') return { contentType: JSON_TYPE, isProtobuf: false };
    if (type === dotted || type === deprecated) return { contentType: dotted, isProtobuf: true };
  }
  throw notAcceptable([JSON_TYPE, dotted]);
}

/** `isImmutable`: the URL names the hash, so that what it gives never changes. */
export async function answerOpenapi(http: IncomingMessage, response: ServerResponse, document: Document, { contentType = JSON_TYPE, isImmutable = false }: { contentType?: string; isImmutable?: boolean } = {}): Promise<void> {
  const etag = `"${document.hash}"`;
  const headers = { ETag: etag, Vary: 'Accept', ...(isImmutable ? { 'Cache-Control': 'public, immutable', Expires: new Date(Date.now() + IMMUTABLE_MS).toUTCString() } : {}) };
  if (hasIt(http.headers['if-none-match'], etag)) {
    response.writeHead(304, headers);
    response.end();
    return;
  }
  respond(http, response, 200, { contentType, chunks: [await document.body()] }, { headers });
}

export function redirect(response: ServerResponse, location: string): void {
  response.writeHead(301, { Location: location, Vary: 'Accept', 'Content-Length': 0 });
  response.end();
}

/** Of several tags any may be it, and a weak one, as caches in between make them of ours, is as good (RFC 9110, 13.1.2). */
function hasIt(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch?.split(',').some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === etag) === true;
}
