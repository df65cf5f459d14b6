/** A client of this process whose calls the audit log tells of, as if they had come over the wire. */
import type { IncomingMessage } from 'node:http';
import type { Kind, Verb } from '../../../api/kind.ts';
import type { Client, WatchEvent, WatchOptions } from '../../../sdk/client.ts';
import { pathOf, type Query, type Target } from '../../../sdk/client/paths.ts';
import type { UserInfo } from '../../../sdk/module.ts';
import type { KubeObject } from '../../../api/meta.ts';
import { toApiError } from '../errors.ts';
import type { RequestInfo } from '../request-info.ts';
import type { Audit, Trail } from './audit.ts';

const METHODS: Readonly<Record<Verb, string>> = { get: 'GET', list: 'GET', watch: 'GET', create: 'POST', update: 'PUT', patch: 'PATCH', delete: 'DELETE', deletecollection: 'DELETE' };

interface Call {
  kind: Kind;
  verb: Verb;
  target: Target;
  query?: Query;
  /** What is sent, where something is. */
  body?: unknown;
}

export function auditedClient(client: Client, audit: Audit, user: UserInfo): Client {
  const begin = ({ kind, verb, target, query, body }: Call): Trail | undefined => {
    const { group, version, plural } = kind;
    const namespace = kind.namespaced ? target.namespace : undefined;
    const url = pathOf(kind, { ...target, namespace, name: verb === 'create' && target.subresource === undefined ? undefined : target.name }, query);
    const info = { method: METHODS[verb], path: url, segments: [], query: new URLSearchParams(), resource: { verb, group, version, plural, rest: '', ...target, namespace } } as RequestInfo;
    const trail = audit.begin({ url, headers: { 'user-agent': 'llmos' }, socket: {} } as unknown as IncomingMessage, info, user);
    if (body !== undefined) trail?.request(body);
    return trail;
  };
  const told = async <T>(call: Call, work: () => Promise<T>): Promise<T> => {
    const trail = begin(call);
    if (trail === undefined) return work();
    trail.annotate('authorization.k8s.io/decision', 'allow');
    try {
      const answer = await work();
      trail.response(() => answer);
      trail.complete(call.verb === 'create' ? 201 : 200);
      return answer;
    } catch (error) {
      const refusal = toApiError(error);
      trail.status(refusal.toStatus());
      trail.complete(refusal.code);
      throw error;
    }
  };
  const dry = (options?: { dryRun?: boolean }): Query => (options?.dryRun === true ? { dryRun: 'All' } : {});
  return {
    get: (kind, name, options) => told({ kind, verb: 'get', target: { namespace: options?.namespace, name, subresource: options?.subresource } }, () => client.get(kind, name, options)),
    list: (kind, options) => told({ kind, verb: 'list', target: { namespace: options?.namespace } }, () => client.list(kind, options)),
    watch<T extends KubeObject>(kind: Kind<T>, options?: WatchOptions) {
      const trail = begin({ kind, verb: 'watch', target: { namespace: options?.namespace }, query: { watch: true } });
      const events = client.watch(kind, options);
      return trail === undefined ? events : toldToItsEnd(events, trail);
    },
    create: (kind, object, options) => told({ kind, verb: 'create', target: placeOf(object, options), query: dry(options), body: object }, () => client.create(kind, object, options)),
    createSubresource: (kind, parent, subresource, body, options) => told({ kind, verb: 'create', target: { ...parent, subresource }, query: dry(options), body }, () => client.createSubresource(kind, parent, subresource, body, options)),
    update: (kind, object, options) => told({ kind, verb: 'update', target: placeOf(object, options), query: dry(options), body: object }, () => client.update(kind, object, options)),
    patch: (kind, name, patch, options) => told({ kind, verb: 'patch', target: { namespace: options?.namespace, name, subresource: options?.subresource }, query: dry(options), body: patch.body }, () => client.patch(kind, name, patch, options)),
    apply: (kind, object, options) => told({ kind, verb: 'patch', target: placeOf(object, options), query: dry(options), body: object }, () => client.apply(kind, object, options)),
    delete: (kind, name, options) => told({ kind, verb: 'delete', target: { namespace: options?.namespace, name }, query: dry(options) }, () => client.delete(kind, name, options)),
    deleteCollection: (kind, options) => told({ kind, verb: 'deletecollection', target: { namespace: options?.namespace }, query: dry(options) }, () => client.deleteCollection(kind, options)),
  };
}

function placeOf({ metadata }: KubeObject, options?: { subresource?: string }): Target {
  return { namespace: metadata?.namespace, name: metadata?.name, subresource: options?.subresource };
}

async function* toldToItsEnd<T extends KubeObject>(events: AsyncIterable<WatchEvent<T>>, trail: Trail): AsyncGenerator<WatchEvent<T>> {
  trail.started(200);
  try {
    yield* events;
  } finally {
    trail.complete(200);
  }
}
