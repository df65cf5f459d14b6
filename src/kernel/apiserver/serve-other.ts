/** What is asked about no resource: metrics, discovery, OpenAPI, the keys of our tokens, the pages of the door itself. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { encodeValue } from './encode.ts';
import { methodNotAllowed, resourceUnknown } from './errors.ts';
import { isPretty, MEDIA_TYPES, negotiate } from './negotiate.ts';
import type { Parts } from './parts.ts';
import type { RequestInfo } from './request-info.ts';
import { respond } from './respond.ts';
import { isZPage, zPage } from './zpages.ts';

/** Only reads; throws MethodNotAllowed for the rest, and NotFound for what is not there. Who asks was authorized for the path. */
export async function serveOther(parts: Parts, http: IncomingMessage, response: ServerResponse, info: RequestInfo): Promise<void> {
  if (info.method !== 'GET' && info.method !== 'HEAD') throw methodNotAllowed();
  const [root] = info.segments;
  if (info.path === '/metrics') return respond(http, response, 200, { contentType: 'text/plain; version=0.0.4; charset=utf-8', chunks: [Buffer.from(await parts.metrics.text())] });
  if (info.path === '/metrics/slis') return respond(http, response, 200, { contentType: 'text/plain; version=0.0.4; charset=utf-8', chunks: [Buffer.from(parts.health.metrics())] });
  if (isZPage(info.path)) {
    const { warnings, ...page } = await zPage(info.path, http.headers.accept, { version: parts.version, flags: parts.flags, paths: rootPaths(parts), nowMs: parts.door.clock.nowMs(), uptimeSeconds: process.uptime() });
    return respond(http, response, 200, page, { warnings });
  }
  if (root === 'openapi') return parts.openapi.serve(info, http, response);
  if (root === '.well-known' || root === 'openid') return serveKeys(parts, http, response, info.path);
  if (root === undefined) return respond(http, response, 200, await encodeValue({ paths: rootPaths(parts) }, { encoding: 'json', pretty: true }));
  return serveDiscovery(parts, http, response, info);
}

/** In JSON, YAML or protobuf, as every other answer (upstream: endpoints/discovery, WriteObjectNegotiated). Throws NotFound and NotAcceptable. */
async function serveDiscovery(parts: Parts, http: IncomingMessage, response: ServerResponse, info: RequestInfo): Promise<void> {
  const { accept, 'user-agent': userAgent, 'if-none-match': known } = http.headers;
  const found = parts.discovery.answer(info.segments, accept);
  if (found === undefined) throw resourceUnknown();
  const headers: Record<string, string> = found.etag === undefined ? {} : { ETag: found.etag, 'Cache-Control': 'public', Vary: 'Accept' };
  if (found.etag !== undefined && known === found.etag) {
    response.writeHead(304, headers);
    response.end();
    return;
  }
  const pretty = isPretty(info.query, { userAgent, isList: true });
  const encoding = found.as?.encoding ?? negotiate(accept, info.query, { protobuf: true, plain: true }).encoding;
  const encoded = encoding === 'json' && !pretty ? { contentType: MEDIA_TYPES.json, chunks: [found.body] } : await encodeValue(JSON.parse(found.body.toString()), { encoding, pretty });
  respond(http, response, 200, { ...encoded, contentType: `${encoded.contentType}${found.as?.parameters ?? ''}` }, { headers });
}

function rootPaths(parts: Parts): string[] {
  const others = parts.aggregated.list();
  const groups = new Set([...parts.door.kinds.list(), ...others].flatMap(({ group, version }) => (group === '' ? ['/api', `/api/${version}`] : ['/apis', `/apis/${group}`, `/apis/${group}/${version}`])));
  return [...groups, '/.well-known/openid-configuration', '/flagz', '/healthz', '/livez', '/metrics', '/metrics/slis', '/openapi/v2', '/openapi/v3', '/openid/v1/jwks', '/readyz', '/statusz', '/version'].sort();
}

/** So that others can check our tokens (OpenID Connect Discovery 1.0). */
async function serveKeys(parts: Parts, http: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const { issuer, keySet } = parts.identity.tokens;
  const plain = { encoding: 'json', pretty: false } as const;
  const how = { headers: { 'Cache-Control': 'public, max-age=3600' } };
  if (path === '/openid/v1/jwks') return respond(http, response, 200, { ...(await encodeValue(keySet, plain)), contentType: 'application/jwk-set+json' }, how);
  if (path !== '/.well-known/openid-configuration') throw resourceUnknown();
  const document = { issuer, jwks_uri: `${issuer}/openid/v1/jwks`, response_types_supported: ['id_token'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['ES256'] };
  respond(http, response, 200, await encodeValue(document, plain), how);
}
