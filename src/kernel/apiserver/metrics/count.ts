/** What a request is counted as (upstream: apiserver/pkg/endpoints/metrics, CanonicalVerb, CleanVerb, CleanScope, cleanDryRun). */
import type { IncomingMessage } from 'node:http';
import type { UserInfo } from '../../../sdk/module.ts';
import type { Incoming, Parts } from '../parts.ts';
import { parseRequest, type RequestInfo } from '../request-info.ts';
import type { Answered, Subject } from './requests.ts';

/** The methods, but for these. */
const VERBS: Readonly<Record<string, string>> = { list: 'LIST', watch: 'WATCH', deletecollection: 'DELETECOLLECTION' };
const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
const CONNECTS: ReadonlySet<string> = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);

export function countAnswer(parts: Parts, incoming: Incoming, answer: Pick<Answered, 'code' | 'seconds' | 'bytes'>): void {
  const info = infoOf(incoming);
  const served = servedOf(parts, info);
  parts.metrics.requests.answered(subjectOf(incoming, served === undefined ? undefined : info.resource), { code: answer.code, seconds: answer.seconds, bytes: answer.bytes, dryRun: dryRunOf(info), deprecation: served?.deprecation });
}

/** Counts whether anybody known asks, before anything is answered. */
export function countAsking({ authenticator, metrics: { authentication }, door }: Parts, http: IncomingMessage, user: UserInfo | undefined): void {
  authentication.asked(user);
  const endMs = user === undefined ? undefined : authenticator.certificateEndMs(http);
  if (endMs !== undefined) authentication.certificate((endMs - door.clock.nowMs()) / 1_000);
}

/** From now on the request stays open for as long as the client wants: it is counted as such until its connection or stream ends. */
export function staysOpen(parts: Parts, incoming: Incoming): void {
  incoming.longRunning?.();
  const stream = incoming.response ?? incoming.upgrade?.socket;
  const info = infoOf(incoming);
  stream?.on('close', parts.metrics.requests.longRunning(subjectOf(incoming, servedOf(parts, info) === undefined ? undefined : info.resource)));
}

function infoOf({ http, info }: Incoming): RequestInfo {
  return info ?? parseRequest(http.method ?? 'GET', http.url ?? '/');
}

/** What is not served is told apart no further: it comes from outside. */
function servedOf(parts: Parts, { resource }: RequestInfo): { deprecation?: string | undefined } | undefined {
  if (resource === undefined) return undefined;
  const kind = parts.door.kinds.lookup(resource.group, resource.version, resource.plural);
  if (kind !== undefined) return { deprecation: kind.rules.deprecation };
  return parts.virtual.has(`${resource.group}/${resource.version}/${resource.plural}`) ? {} : undefined;
}

function subjectOf({ http }: Incoming, served: RequestInfo['resource']): Subject {
  return { verb: verbOf(http.method === 'HEAD' ? 'GET' : http.method ?? '', served, http.headers['content-type']), group: served?.group ?? '', version: served?.version ?? '', resource: served?.plural ?? '', subresource: served?.subresource ?? '', scope: scopeOf(served) };
}

function verbOf(method: string, resource: RequestInfo['resource'], contentType: string | undefined): string {
  if (CONNECTS.has(resource?.subresource ?? '')) return 'CONNECT';
  if (resource?.verb === 'patch' && contentType?.startsWith('application/apply-patch') === true) return 'APPLY';
  return VERBS[resource?.verb ?? ''] ?? (METHODS.has(method) ? method : 'other');
}

function scopeOf(resource: RequestInfo['resource']): string {
  if (resource === undefined) return '';
  return resource.name !== undefined || resource.verb === 'create' ? 'resource' : resource.namespace === undefined ? 'cluster' : 'namespace';
}

function dryRunOf({ query }: RequestInfo): string {
  if (!query.has('dryRun')) return '';
  return query.getAll('dryRun').every((each) => each === 'All') ? 'All' : 'invalid';
}
