/** Paths that modules answer, by themselves or below an object: the request is authorized here, and then handed over as it is. */
import type { Kind } from '../../api/kind.ts';
import { apiVersionOf, type KubeObject } from '../../api/meta.ts';
import { queryFlag } from '../../api/query-flag.ts';
import type { AdmissionRequest, Route } from '../../sdk/module.ts';
import { attributesOf, attributesOfRequest, authorize } from './authorize-request.ts';
import { methodNotAllowed } from './errors.ts';
import { isGone } from './gone.ts';
import type { Asked, AskedResource } from './parts.ts';
import { getStored } from './resources/read.ts';
import { methodsOf } from './route-table.ts';
import { staysOpen } from './metrics/count.ts';

/** The subresources that connect, with the kind of their options (upstream: rest.Connecter). */
const CONNECT_OPTIONS: Readonly<Record<string, string>> = { attach: 'AttachOptions', exec: 'ExecOptions', portforward: 'PortForwardOptions', proxy: 'ProxyOptions' };

const ENTERS_PODS = new Set(['attach', 'exec', 'portforward']);

const CONNECT_FLAGS = new Set(['stdin', 'stdout', 'stderr', 'tty']);
const CONNECT_LISTS = new Set(['command', 'ports']);

/** What a route is told of the path, beside the request itself. */
interface RouteSubject {
  /** What stands behind the path of the route. */
  rest: string;
  namespace?: string;
  name?: string;
  /** The object below which the path lies. */
  object?: KubeObject;
  /** In place of what the client asked. */
  query?: URLSearchParams;
}

/** A subresource that a module answers: `exec`, `log`, `proxy` and the like. Throws NotFound where the object is not there. */
export async function serveConnect(asked: AskedResource, kind: Kind, route: Route): Promise<void> {
  const { parts, user, resource } = asked;
  // By the method, and who enters a pod must be able to create there, even by the GET of a WebSocket: to read is not enough (upstream: the gate
  // AuthorizePodWebsocketUpgradeCreatePermission, on since 1.35).
  const wanted = attributesOf(user, resource, resource.verb);
  authorize(asked, wanted);
  if (ENTERS_PODS.has(resource.subresource ?? '') && wanted.verb !== 'create') authorize(asked, { ...wanted, verb: 'create' });
  const { object } = getStored(parts.door, kind, resource.namespace, route.nameOf?.(resource.name ?? '') ?? resource.name ?? '');
  const admitted = await admitConnect(asked, kind);
  return handOver(asked, route, { rest: admitted.rest ?? resource.rest, namespace: resource.namespace, name: resource.name, object, ...(admitted.query === undefined ? {} : { query: admitted.query }) });
}

/** Gives what admission made of the options, where it changed them. */
async function admitConnect({ parts, incoming, info, resource, user }: AskedResource, kind: Kind): Promise<{ rest?: string; query?: URLSearchParams }> {
  const options = CONNECT_OPTIONS[resource.subresource ?? ''];
  if (options === undefined) return {};
  const object: Record<string, unknown> = { apiVersion: apiVersionOf(kind.group, kind.version), kind: `${kind.kind}${options}` };
  // The query of what is proxied is for the other server.
  if (resource.subresource === 'proxy') object['path'] = resource.rest;
  else for (const key of new Set(info.query.keys())) {
    const values = info.query.getAll(key);
    object[key] = CONNECT_LISTS.has(key) ? values : CONNECT_FLAGS.has(key) ? queryFlag(info.query, key) : values[0];
  }
  const request: AdmissionRequest = { operation: 'CONNECT', kind, namespace: resource.namespace, name: resource.name, subresource: resource.subresource, object: object as unknown as KubeObject, oldObject: undefined, user, dryRun: false, warnings: incoming.warnings, ...(incoming.audit === undefined ? {} : { annotate: incoming.audit.annotate }) };
  const asked = JSON.stringify(object);
  await parts.door.admissions.admit(request);
  await parts.door.admissions.validate(request);
  if (JSON.stringify(object) === asked) return {};
  return resource.subresource === 'proxy' ? { rest: String(object['path'] ?? '') } : { query: queryOf(object) };
}

function queryOf(options: Readonly<Record<string, unknown>>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(options)) if (key !== 'apiVersion' && key !== 'kind') for (const each of Array.isArray(value) ? value : [value]) query.append(key, String(each));
  return query;
}

/** A path that a module answers, as it is written; of `rest` it makes what it wants. */
export async function serveRoute(asked: Asked, route: Route, about: RouteSubject): Promise<void> {
  authorize(asked, asked.info.resource === undefined ? attributesOfRequest(asked.user, asked.info) : attributesOf(asked.user, asked.info.resource, asked.info.resource.verb));
  return handOver(asked, route, about);
}

/** Settles when the module has answered. */
async function handOver({ parts, incoming, info, user }: Asked, route: Route, { query, ...about }: RouteSubject): Promise<void> {
  if (!methodsOf(route).includes(info.method)) throw methodNotAllowed();
  staysOpen(parts, incoming);
  if (incoming.upgrade !== undefined) incoming.audit?.started(101);
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const stream = incoming.response ?? incoming.upgrade!.socket;
  stream.on('close', end);
  if (isGone(stream)) end();
  parts.door.signal.addEventListener('abort', end, { once: true });
  try {
    const url = new URL(incoming.http.url ?? '/', 'https://door');
    if (query !== undefined) url.search = query.toString();
    await route.handle({ method: info.method, url, user, ...about, http: incoming.http, response: incoming.response, upgrade: incoming.upgrade, signal: ending.signal });
  } finally {
    parts.door.signal.removeEventListener('abort', end);
  }
}
