/** What is asked about resources: which kind it is, may they, and which handler answers. */
import type { ServerResponse } from 'node:http';
import { isJsonObject } from '../../api/json.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { attributesOf, attributesOfRequest, authorize, authorizeFurther } from './authorize-request.ts';
import { badRequest, methodNotAllowed, resourceUnknown } from './errors.ts';
import { answerValue, readObject, writeContextOf, type Exchange } from './exchange.ts';
import { handleDelete, handleDeleteCollection } from './handlers/delete.ts';
import { handleList } from './handlers/list.ts';
import { handleGet } from './handlers/read.ts';
import { handleWatch } from './handlers/watch.ts';
import { handleCreate, handlePatch, handleUpdate } from './handlers/write.ts';
import type { AskedResource, Incoming, Parts } from './parts.ts';
import { staysOpen } from './metrics/count.ts';
import { removedReleaseOf } from './metrics/requests.ts';
import { mayReadBody } from './read-body.ts';
import { checkFields } from './resources/schema-steps.ts';
import { serveConnect } from './serve-route.ts';
import { isTokenPath, requestToken } from './token-request.ts';
import type { ServedVirtual } from './virtual.ts';

/** Answers a request about a resource. Throws what is the answer otherwise: NotFound, Forbidden, MethodNotAllowed, and what the handlers throw. */
export async function serveResource(asked: AskedResource): Promise<void> {
  const { parts, incoming, info, resource, user } = asked;
  const { door } = parts;
  const kind = door.kinds.lookup(resource.group, resource.version, resource.plural);
  if (kind === undefined) {
    const virtual = parts.virtual.get(`${resource.group}/${resource.version}/${resource.plural}`);
    authorize(asked, attributesOf(user, resource, resource.verb));
    if (virtual === undefined || incoming.response === undefined) throw resourceUnknown();
    return serveVirtual(asked, virtual);
  }
  if (kind.rules.deprecation !== undefined) tellDeprecated(incoming, kind.rules.deprecation);
  const connect = resource.subresource === undefined ? undefined : parts.routes.connect(kind, resource.subresource);
  if (connect !== undefined) return serveConnect(asked, kind, connect);
  authorize(asked, attributesOfRequest(user, info));
  if (incoming.response === undefined) throw badRequest('this path cannot be upgraded');
  if (kind.namespaced && resource.namespace === undefined && (resource.name !== undefined || resource.verb === 'create' || resource.verb === 'deletecollection')) throw resource.name === undefined && kind.isCustom !== true ? methodNotAllowed() : resourceUnknown();
  if (!kind.namespaced && resource.namespace !== undefined) throw resourceUnknown();
  if (resource.rest !== '') throw resourceUnknown();
  const exchange = exchangeOf(asked, kind, incoming.response);
  if (resource.verb === 'update' || resource.verb === 'patch') exchange.mayCreate = () => authorizeFurther(asked, { ...attributesOfRequest(user, info), verb: 'create' });
  if (isTokenPath(kind, resource.subresource)) return serveToken(parts, exchange);
  if (resource.verb === 'watch') staysOpen(parts, incoming);
  return dispatch(exchange);
}

/** Clients by a warning, the audit log by annotations (upstream: endpoints/metrics, deprecatedAnnotationKey). */
function tellDeprecated(incoming: Incoming, text: string): void {
  incoming.warnings.push(text);
  incoming.audit?.annotate('k8s.io/deprecated', 'true');
  const release = removedReleaseOf(text);
  if (release !== '') incoming.audit?.annotate('k8s.io/removed-release', release);
}

function exchangeOf({ parts, incoming, info, resource, user }: AskedResource, kind: Kind, response: ServerResponse): Exchange {
  const { http, warnings, audit, deadline } = incoming;
  return { door: parts.door, http, response, info, resource, kind, user, warnings, audit, deadline, stalledMs: parts.limits.stalledMs };
}

async function dispatch(exchange: Exchange): Promise<void> {
  const { kind, resource } = exchange;
  const { verb, subresource, name } = resource;
  if (subresource !== undefined && !isServed(kind, subresource)) throw resourceUnknown();
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

/** Whatever is asked of a subresource that is none, and before its body is looked at. */
function isServed({ subresources: { status, scale, actions } }: Kind, subresource: string): boolean {
  return (subresource === 'status' && status === true) || (subresource === 'scale' && scale !== undefined) || actions?.[subresource] !== undefined;
}

async function serveVirtual(asked: AskedResource, virtual: ServedVirtual): Promise<void> {
  const { incoming, resource, user } = asked;
  if (resource.verb !== 'create' || resource.name !== undefined) throw methodNotAllowed();
  const kind = virtual.asKind;
  const exchange = exchangeOf(asked, kind, incoming.response!);
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
