/** What is asked about resources: which kind it is, may they, and which handler answers. */
import type { Kind } from '../../api/kind.ts';
import { isGone } from './gone.ts';
import { apiVersionOf, type KubeObject } from '../../api/meta.ts';
import { isJsonObject } from '../../api/json.ts';
import { queryFlag } from '../../api/query-flag.ts';
import type { AdmissionRequest, Route, UserInfo } from '../../sdk/module.ts';
import type { Trail } from './audit/audit.ts';
import { badRequest, forbidden, methodNotAllowed, resourceUnknown, type Attributes } from './errors.ts';
import { answerValue, readObject, writeContextOf, type Exchange } from './exchange.ts';
import { handleDelete, handleDeleteCollection } from './handlers/delete.ts';
import { handleList } from './handlers/list.ts';
import { handleGet } from './handlers/read.ts';
import { handleWatch } from './handlers/watch.ts';
import { handleCreate, handlePatch, handleUpdate } from './handlers/write.ts';
import type { Incoming, Parts } from './parts.ts';
import { mayReadBody } from './read-body.ts';
import type { RequestInfo, ResourceRequest } from './request-info.ts';
import { getStored } from './resources/read.ts';
import { checkFields } from './resources/schema-steps.ts';
import { methodsOf } from './route-table.ts';
import { isTokenPath, requestToken } from './token-request.ts';
import type { ServedVirtual } from './virtual.ts';

export async function serveResource(parts: Parts, incoming: Incoming, info: RequestInfo, resource: ResourceRequest, user: UserInfo): Promise<void> {
  const { door } = parts;
  const kind = door.kinds.lookup(resource.group, resource.version, resource.plural);
  if (kind === undefined) {
    const virtual = parts.virtual.get(`${resource.group}/${resource.version}/${resource.plural}`);
    authorizeResource(parts, user, resource, resource.verb, incoming.audit);
    if (virtual === undefined || incoming.response === undefined) throw resourceUnknown();
    return serveVirtual(parts, incoming, info, resource, user, virtual);
  }
  if (kind.rules.deprecation !== undefined) incoming.warnings.push(kind.rules.deprecation);
  const connect = resource.subresource === undefined ? undefined : parts.routes.connect(kind, resource.subresource);
  if (connect !== undefined) return serveConnect(parts, incoming, info, resource, kind, user, connect);
  authorize(parts, attributesOfRequest(user, info), incoming.audit);
  if (incoming.response === undefined) throw badRequest('this path cannot be upgraded');
  if (kind.namespaced && resource.namespace === undefined && (resource.name !== undefined || resource.verb === 'create' || resource.verb === 'deletecollection')) throw resource.name === undefined ? methodNotAllowed() : resourceUnknown();
  if (!kind.namespaced && resource.namespace !== undefined) throw resourceUnknown();
  if (resource.rest !== '') throw resourceUnknown();
  const exchange: Exchange = { door, http: incoming.http, response: incoming.response, info, resource, kind, user, warnings: incoming.warnings, audit: incoming.audit, deadline: incoming.deadline, stalledMs: parts.limits.stalledMs };
  if (resource.verb === 'update' || resource.verb === 'patch') exchange.mayCreate = () => authorize(parts, { ...attributesOfRequest(user, info), verb: 'create' }, undefined);
  if (isTokenPath(kind, resource.subresource)) return serveToken(parts, exchange);
  if (resource.verb === 'watch') incoming.longRunning?.();
  return dispatch(exchange);
}

async function dispatch(exchange: Exchange): Promise<void> {
  const { kind, resource } = exchange;
  const { verb, subresource, name } = resource;
  if (verb === 'unknown' || (subresource === undefined && !kind.verbs.includes(verb))) throw methodNotAllowed();
  const wait = verb === 'create' || verb === 'update' || verb === 'patch' ? mayReadBody(exchange.http) : undefined;
  if (wait !== undefined) await wait;
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

async function serveVirtual(parts: Parts, incoming: Incoming, info: RequestInfo, resource: ResourceRequest, user: UserInfo, virtual: ServedVirtual): Promise<void> {
  if (resource.verb !== 'create' || resource.name !== undefined) throw methodNotAllowed();
  const kind = virtual.asKind;
  const exchange: Exchange = { door: parts.door, http: incoming.http, response: incoming.response!, info, resource, kind, user, warnings: incoming.warnings, audit: incoming.audit, deadline: incoming.deadline, stalledMs: parts.limits.stalledMs };
  const { value, duplicates } = await readObject(exchange);
  if (!isJsonObject(value)) throw badRequest(`the body of the request must be a ${virtual.kind} object`);
  const context = writeContextOf(exchange, duplicates);
  checkFields(kind, value as unknown as KubeObject, context);
  const body = { kind: virtual.kind, apiVersion: `${virtual.group}/${virtual.version}`, ...value } as unknown as KubeObject;
  return answerValue(exchange, 201, await virtual.create(body, { user, namespace: resource.namespace, context }), { plain: true });
}

async function serveToken(parts: Parts, exchange: Exchange): Promise<void> {
  const { resource, door, kind } = exchange;
  if (resource.verb !== 'create') throw methodNotAllowed();
  const { value } = await readObject(exchange);
  const issuer = { signer: parts.identity.tokens, audiences: parts.audiences };
  return answerValue(exchange, 201, await requestToken(door, issuer, kind, { namespace: resource.namespace!, name: resource.name! }, value, writeContextOf(exchange)));
}

async function serveConnect(parts: Parts, incoming: Incoming, info: RequestInfo, resource: ResourceRequest, kind: Kind, user: UserInfo, route: Route): Promise<void> {
  // By the method, and who enters a pod must be able to create there, even by the GET of a WebSocket: to read is not enough (upstream: the gate
  // AuthorizePodWebsocketUpgradeCreatePermission, on since 1.35).
  const wanted = attributesOf(user, resource, resource.verb);
  authorize(parts, wanted, incoming.audit);
  if (ENTERS_PODS.has(resource.subresource ?? '') && wanted.verb !== 'create') authorize(parts, { ...wanted, verb: 'create' }, incoming.audit);
  const { object } = getStored(parts.door, kind, resource.namespace, route.nameOf?.(resource.name ?? '') ?? resource.name ?? '');
  await admitConnect(parts, incoming, info, resource, kind, user);
  return serveRoute(parts, incoming, info, user, route, { rest: resource.rest, namespace: resource.namespace, name: resource.name, object }, true);
}

/** The subresources that connect, with the kind of their options (upstream: rest.Connecter). */
const CONNECT_OPTIONS: Readonly<Record<string, string>> = { attach: 'AttachOptions', exec: 'ExecOptions', portforward: 'PortForwardOptions', proxy: 'ProxyOptions' };

const ENTERS_PODS = new Set(['attach', 'exec', 'portforward']);

const CONNECT_FLAGS = new Set(['stdin', 'stdout', 'stderr', 'tty']);
const CONNECT_LISTS = new Set(['command', 'ports']);

async function admitConnect(parts: Parts, incoming: Incoming, info: RequestInfo, resource: ResourceRequest, kind: Kind, user: UserInfo): Promise<void> {
  const options = CONNECT_OPTIONS[resource.subresource ?? ''];
  if (options === undefined) return;
  const object: Record<string, unknown> = { apiVersion: apiVersionOf(kind.group, kind.version), kind: `${kind.kind}${options}` };
  // The query of what is proxied is for the other server.
  if (resource.subresource === 'proxy') object['path'] = resource.rest;
  else for (const key of new Set(info.query.keys())) {
    const values = info.query.getAll(key);
    object[key] = CONNECT_LISTS.has(key) ? values : CONNECT_FLAGS.has(key) ? queryFlag(info.query, key) : values[0];
  }
  const request: AdmissionRequest = { operation: 'CONNECT', kind, namespace: resource.namespace, name: resource.name, subresource: resource.subresource, object: object as unknown as KubeObject, oldObject: undefined, user, dryRun: false, warnings: incoming.warnings, ...(incoming.audit === undefined ? {} : { annotate: incoming.audit.annotate }) };
  await parts.door.admissions.admit(request);
  await parts.door.admissions.validate(request);
}

export async function serveRoute(parts: Parts, incoming: Incoming, info: RequestInfo, user: UserInfo, route: Route, about: { rest: string; namespace?: string; name?: string; object?: KubeObject }, authorized = false): Promise<void> {
  if (!authorized) {
    if (info.resource === undefined) authorize(parts, attributesOfRequest(user, info), incoming.audit);
    else authorizeResource(parts, user, info.resource, info.resource.verb, incoming.audit);
  }
  if (!methodsOf(route).includes(info.method)) throw methodNotAllowed();
  incoming.longRunning?.();
  if (incoming.upgrade !== undefined) incoming.audit?.started(101);
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const stream = incoming.response ?? incoming.upgrade!.socket;
  stream.on('close', end);
  if (isGone(stream)) end();
  parts.door.signal.addEventListener('abort', end, { once: true });
  try {
    await route.handle({ method: info.method, url: new URL(incoming.http.url ?? '/', 'https://door'), user, ...about, http: incoming.http, response: incoming.response, upgrade: incoming.upgrade, signal: ending.signal });
  } finally {
    parts.door.signal.removeEventListener('abort', end);
  }
}

/** A list or watch of one name asks for rights on that name only (upstream: requestinfo.go). */
function named(resource: ResourceRequest, info: RequestInfo): ResourceRequest {
  if (resource.name !== undefined || (resource.verb !== 'list' && resource.verb !== 'watch')) return resource;
  const name = /(?:^|,)metadata\.name==?([^,=!]+)(?:,|$)/.exec(info.query.get('fieldSelector') ?? '')?.[1];
  return name === undefined ? resource : { ...resource, name };
}

/** What authorization may look at of a list or watch. */
function selectedOf({ verb }: ResourceRequest, { query }: RequestInfo): string | undefined {
  return verb === 'list' || verb === 'watch' || verb === 'deletecollection' ? query.get('fieldSelector') || undefined : undefined;
}

/** What a request wants, before it is known whether there is such a thing. */
export function attributesOfRequest(user: UserInfo, info: RequestInfo): Attributes {
  if (info.resource === undefined) return { user, verb: info.method.toLowerCase(), path: info.path };
  return attributesOf(user, named(info.resource, info), info.resource.verb, selectedOf(info.resource, info));
}

function attributesOf(user: UserInfo, resource: ResourceRequest, verb: string, fieldSelector?: string): Attributes {
  const { group, version, plural, subresource, namespace, name } = resource;
  // A namespace is also the place that it is itself in, as upstream sees it.
  return { user, verb, resource: { group, version, plural, subresource, namespace: namespace ?? (group === '' && plural === 'namespaces' ? name : undefined), name, ...(fieldSelector === undefined ? {} : { fieldSelector }) } };
}

function authorizeResource(parts: Parts, user: UserInfo, resource: ResourceRequest, verb: string, audit: Trail | undefined): void {
  authorize(parts, attributesOf(user, resource, verb), audit);
}

export function authorize(parts: Parts, attributes: Attributes, audit: Trail | undefined): void {
  const { allowed, reason } = parts.authorizer.decide(attributes);
  audit?.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid');
  audit?.annotate('authorization.k8s.io/reason', reason);
  if (!allowed) throw forbidden(attributes, reason);
}
