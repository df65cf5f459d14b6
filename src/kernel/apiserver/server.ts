/** The handler of requests: who asks, may they, and which step of the door answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { isJsonObject } from '../../api/json.ts';
import type { Route, UserInfo } from '../../sdk/module.ts';
import type { Authenticator } from './authenticate.ts';
import type { Authorizer } from './authorize.ts';
import type { Discovery } from './discovery.ts';
import type { Door } from './door.ts';
import { impersonated } from './impersonate.ts';
import { encodeValue } from './encode.ts';
import { badRequest, forbidden, methodNotAllowed, resourceUnknown, toApiError, tooManyRequests, unauthorized, type Attributes } from './errors.ts';
import { answerValue, readObject, type Exchange } from './exchange.ts';
import { handleDelete, handleDeleteCollection } from './handlers/delete.ts';
import { handleList } from './handlers/list.ts';
import { handleGet } from './handlers/read.ts';
import { handleWatch } from './handlers/watch.ts';
import { handleCreate, handlePatch, handleUpdate } from './handlers/write.ts';
import type { Health } from './health.ts';
import type { Identity } from './identity/identity.ts';
import type { Handler } from './listen.ts';
import type { Metrics } from './metrics.ts';
import type { OpenApi } from './openapi.ts';
import { parseRequest, type RequestInfo, type ResourceRequest } from './request-info.ts';
import { getStored } from './resources/read.ts';
import { respond, respondError } from './respond.ts';
import { methodsOf, type RouteTable } from './route-table.ts';
import { isTokenPath, requestToken } from './token-request.ts';
import type { VersionInfo } from './version.ts';
import type { VirtualResource, VirtualTable } from './virtual.ts';

export interface Parts {
  door: Door;
  identity: Identity;
  audiences: readonly string[];
  authenticator: Authenticator;
  authorizer: Authorizer;
  virtual: VirtualTable;
  routes: RouteTable;
  discovery: Discovery;
  health: Health;
  openapi: OpenApi;
  version: VersionInfo;
  metrics: Metrics;
}

/** More requests at once, watches left out, are asked to come again: each may hold a body in memory. */
const IN_FLIGHT_MOST = 1_000;

interface Incoming {
  http: IncomingMessage;
  /** Absent when the client asked to upgrade. */
  response?: ServerResponse;
  upgrade?: { socket: Duplex; head: Buffer };
  warnings: string[];
  info?: RequestInfo;
  /** Called for requests that stay open as long as the client wants: they no longer count as under way. */
  longRunning?: () => void;
}

export function createHandler(parts: Parts): Handler {
  return {
    request(http, response) {
      const incoming: Incoming = { http, response, warnings: [] };
      const { metrics } = parts;
      const fromMs = performance.now();
      let counted = true;
      const answered = (): void => {
        if (!counted) return;
        counted = false;
        metrics.inFlight--;
        count(parts, incoming, response, (performance.now() - fromMs) / 1_000);
      };
      metrics.inFlight++;
      incoming.longRunning = answered;
      response.on('error', () => {}); // a client that went away is no fault of ours
      response.on('close', answered);
      const served = metrics.inFlight > IN_FLIGHT_MOST ? Promise.reject(tooManyRequests()) : serve(parts, incoming);
      served.catch((error: unknown) => respondError(http, response, known(parts, http, error), { warnings: incoming.warnings }));
    },
    upgrade(http, socket, head) {
      socket.on('error', () => {});
      serve(parts, { http, upgrade: { socket, head }, warnings: [] }).catch((error: unknown) => refuseUpgrade(socket, known(parts, http, error)));
    },
  };
}

function count(parts: Parts, { http, info }: Incoming, response: ServerResponse, seconds: number): void {
  const { resource } = info ?? parseRequest(http.method ?? 'GET', http.url ?? '/');
  const served = resource !== undefined && parts.door.kinds.lookup(resource.group, resource.version, resource.plural) !== undefined ? resource : undefined;
  parts.metrics.answered({ verb: (served?.verb ?? http.method ?? '').toUpperCase(), group: served?.group ?? '', resource: served?.plural ?? '', subresource: served?.subresource ?? '', code: response.statusCode, seconds });
}

function known(parts: Parts, http: IncomingMessage, error: unknown): ReturnType<typeof toApiError> {
  const apiError = toApiError(error);
  if (apiError.code >= 500 && apiError.reason === 'InternalError') parts.door.log.error('a request failed', { method: http.method, url: http.url?.slice(0, 300), error: error instanceof Error ? (error.stack ?? error.message) : error });
  return apiError;
}

async function serve(parts: Parts, incoming: Incoming): Promise<void> {
  const { http, response } = incoming;
  const info = parseRequest(http.method ?? 'GET', http.url ?? '/');
  incoming.info = info;
  const [root] = info.segments;
  if (response !== undefined && (root === 'healthz' || root === 'livez' || root === 'readyz')) return parts.health.serve(info, http, response);
  if (response !== undefined && root === 'version') return respond(http, response, 200, await encodeValue(parts.version, { encoding: 'json', pretty: true }));
  const asking = parts.authenticator.ofRequest(http);
  if (asking === undefined) throw unauthorized();
  const user = impersonated(http, asking, parts.authorizer);
  const raw = parts.routes.raw(info.path);
  if (raw !== undefined) return serveRoute(parts, incoming, info, user, raw.route, { rest: raw.rest });
  if (info.resource !== undefined) return serveResource(parts, incoming, info, info.resource, user);
  authorize(parts, { user, verb: info.method.toLowerCase(), path: info.path });
  if (response === undefined) throw badRequest('this path cannot be upgraded');
  return serveOther(parts, http, response, info);
}

async function serveOther(parts: Parts, http: IncomingMessage, response: ServerResponse, info: RequestInfo): Promise<void> {
  if (info.method !== 'GET' && info.method !== 'HEAD') throw methodNotAllowed();
  const [root] = info.segments;
  if (info.path === '/metrics') return respond(http, response, 200, { contentType: 'text/plain; version=0.0.4; charset=utf-8', chunks: [Buffer.from(parts.metrics.text())] });
  if (root === 'openapi') return parts.openapi.serve(info, http, response);
  if (root === '.well-known' || root === 'openid') return serveKeys(parts, http, response, info.path);
  if (root === undefined) return respond(http, response, 200, await encodeValue({ paths: rootPaths(parts) }, { encoding: 'json', pretty: true }));
  const found = parts.discovery.answer(info.segments, http.headers.accept);
  if (found === undefined) throw resourceUnknown();
  if (found.etag !== undefined && http.headers['if-none-match'] === found.etag) {
    response.writeHead(304, { ETag: found.etag, 'Cache-Control': 'public', Vary: 'Accept' });
    response.end();
    return;
  }
  const headers: Record<string, string> = found.etag === undefined ? {} : { ETag: found.etag, 'Cache-Control': 'public', Vary: 'Accept' };
  respond(http, response, 200, { contentType: found.contentType, chunks: [found.body] }, { headers });
}

function rootPaths(parts: Parts): string[] {
  const groups = new Set(parts.door.kinds.list().flatMap(({ group, version }) => (group === '' ? ['/api', `/api/${version}`] : ['/apis', `/apis/${group}`, `/apis/${group}/${version}`])));
  return [...groups, '/healthz', '/livez', '/metrics', '/openapi/v2', '/openapi/v3', '/readyz', '/version'].sort();
}

/** So that others can check our tokens (OpenID Connect Discovery 1.0). */
async function serveKeys(parts: Parts, http: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const { issuer, keySet } = parts.identity.tokens;
  const plain = { encoding: 'json', pretty: false } as const;
  if (path === '/openid/v1/jwks') return respond(http, response, 200, await encodeValue(keySet, plain));
  if (path !== '/.well-known/openid-configuration') throw resourceUnknown();
  const document = { issuer, jwks_uri: `${issuer}/openid/v1/jwks`, response_types_supported: ['id_token'], subject_types_supported: ['public'], id_token_signing_alg_values_supported: ['ES256'] };
  respond(http, response, 200, await encodeValue(document, plain));
}

async function serveResource(parts: Parts, incoming: Incoming, info: RequestInfo, resource: ResourceRequest, user: UserInfo): Promise<void> {
  const { door } = parts;
  const kind = door.kinds.lookup(resource.group, resource.version, resource.plural);
  if (kind === undefined) {
    const virtual = parts.virtual.get(`${resource.group}/${resource.version}/${resource.plural}`);
    authorizeResource(parts, user, resource, resource.verb);
    if (virtual === undefined || incoming.response === undefined) throw resourceUnknown();
    return serveVirtual(parts, incoming, info, resource, user, virtual);
  }
  const connect = resource.subresource === undefined ? undefined : parts.routes.connect(kind, resource.subresource);
  if (connect !== undefined) return serveConnect(parts, incoming, info, resource, kind, user, connect);
  authorizeResource(parts, user, resource, resource.verb);
  if (incoming.response === undefined) throw badRequest('this path cannot be upgraded');
  if (kind.namespaced && resource.namespace === undefined && (resource.name !== undefined || resource.verb === 'create' || resource.verb === 'deletecollection')) throw resource.name === undefined ? methodNotAllowed() : resourceUnknown();
  if (!kind.namespaced && resource.namespace !== undefined) throw resourceUnknown();
  if (resource.rest !== '') throw resourceUnknown();
  const exchange: Exchange = { door, http: incoming.http, response: incoming.response, info, resource, kind, user, warnings: incoming.warnings };
  if (isTokenPath(kind, resource.subresource)) return serveToken(parts, exchange);
  if (resource.verb === 'watch') incoming.longRunning?.();
  return dispatch(exchange);
}

async function dispatch(exchange: Exchange): Promise<void> {
  const { kind, resource } = exchange;
  const { verb, subresource, name } = resource;
  if (verb === 'unknown' || (subresource === undefined && !kind.verbs.includes(verb))) throw methodNotAllowed();
  switch (verb) {
    case 'get': return handleGet(exchange);
    case 'list': return handleList(exchange);
    case 'watch': return handleWatch(exchange);
    case 'create':
      if (name !== undefined && subresource === undefined) throw methodNotAllowed();
      return handleCreate(exchange);
    case 'update':
      if (name === undefined) throw methodNotAllowed();
      return handleUpdate(exchange);
    case 'patch':
      if (name === undefined) throw methodNotAllowed();
      return handlePatch(exchange);
    case 'delete':
      if (subresource !== undefined) throw methodNotAllowed();
      return handleDelete(exchange);
    case 'deletecollection': return handleDeleteCollection(exchange);
  }
}

async function serveVirtual(parts: Parts, incoming: Incoming, info: RequestInfo, resource: ResourceRequest, user: UserInfo, virtual: VirtualResource): Promise<void> {
  if (resource.verb !== 'create' || resource.name !== undefined) throw methodNotAllowed();
  const kind = { group: virtual.group, version: virtual.version, kind: virtual.kind } as Kind;
  const exchange: Exchange = { door: parts.door, http: incoming.http, response: incoming.response!, info, resource, kind, user, warnings: incoming.warnings };
  const { value } = await readObject(exchange);
  if (!isJsonObject(value)) throw badRequest(`the body of the request must be a ${virtual.kind} object`);
  const body = { kind: virtual.kind, apiVersion: `${virtual.group}/${virtual.version}`, ...value } as unknown as KubeObject;
  return answerValue(exchange, 201, await virtual.create(body, { user, namespace: resource.namespace }));
}

async function serveToken(parts: Parts, exchange: Exchange): Promise<void> {
  const { resource, door, kind } = exchange;
  if (resource.verb !== 'create') throw methodNotAllowed();
  const { value } = await readObject(exchange);
  return answerValue(exchange, 201, requestToken(door, parts.identity.tokens, kind, { namespace: resource.namespace!, name: resource.name! }, value, parts.audiences));
}

async function serveConnect(parts: Parts, incoming: Incoming, info: RequestInfo, resource: ResourceRequest, kind: Kind, user: UserInfo, route: Route): Promise<void> {
  // Upstream asks for `create` on some of these even with GET; whoever has either may connect.
  const wanted = attributesOf(user, resource, resource.verb);
  if (!parts.authorizer.decide(wanted).allowed) authorizeResource(parts, user, resource, 'create');
  const { object } = getStored(parts.door, kind, resource.namespace, resource.name ?? '');
  return serveRoute(parts, incoming, info, user, route, { rest: resource.rest, namespace: resource.namespace, name: resource.name, object }, true);
}

async function serveRoute(parts: Parts, incoming: Incoming, info: RequestInfo, user: UserInfo, route: Route, about: { rest: string; namespace?: string; name?: string; object?: KubeObject }, authorized = false): Promise<void> {
  if (!authorized) {
    if (info.resource === undefined) authorize(parts, { user, verb: info.method.toLowerCase(), path: info.path });
    else authorizeResource(parts, user, info.resource, info.resource.verb);
  }
  if (!methodsOf(route).includes(info.method)) throw methodNotAllowed();
  incoming.longRunning?.();
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const stream = incoming.response ?? incoming.upgrade!.socket;
  stream.on('close', end);
  parts.door.signal.addEventListener('abort', end, { once: true });
  try {
    await route.handle({ method: info.method, url: new URL(incoming.http.url ?? '/', 'https://door'), user, ...about, http: incoming.http, response: incoming.response, upgrade: incoming.upgrade, signal: ending.signal });
  } finally {
    parts.door.signal.removeEventListener('abort', end);
  }
}

function attributesOf(user: UserInfo, resource: ResourceRequest, verb: string): Attributes {
  const { group, version, plural, subresource, namespace, name } = resource;
  // A namespace is also the place that it is itself in, as upstream sees it.
  return { user, verb, resource: { group, version, plural, subresource, namespace: namespace ?? (group === '' && plural === 'namespaces' ? name : undefined), name } };
}

function authorizeResource(parts: Parts, user: UserInfo, resource: ResourceRequest, verb: string): void {
  authorize(parts, attributesOf(user, resource, verb));
}

function authorize(parts: Parts, attributes: Attributes): void {
  const { allowed, reason } = parts.authorizer.decide(attributes);
  if (!allowed) throw forbidden(attributes, reason);
}

/** An answer over a connection that was to become something else. */
function refuseUpgrade(socket: Duplex, error: ReturnType<typeof toApiError>): void {
  const body = JSON.stringify(error.toStatus());
  socket.end(`HTTP/1.1 ${error.code} ${error.reason}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}

