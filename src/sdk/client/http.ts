/** The Client of any cluster, over HTTP. */
import { ApiError } from '../../api/errors.ts';
import { parseJson } from '../../api/int64.ts';
import { deepFreeze } from '../../api/json.ts';
import { apiVersionOf, type KubeList, type KubeObject } from '../../api/meta.ts';
import type { Kind } from '../../api/kind.ts';
import type { Client, DeleteOptions, ListOptions, PatchType, WatchEvent, WatchOptions } from '../client.ts';
import type { ClusterAccess } from './kubeconfig.ts';
import { objectPathOf, pathOf, type Query } from './paths.ts';
import { aborted, connectionError, createTransport, readBody, type CallRequest, type Transport } from './transport.ts';
import { linesOf, parseWatchLine } from './watch-stream.ts';

export interface HttpClientOptions {
  /** Names this program: the user agent, and the default field manager. */
  name: string;
  /** How long a call may take, ms; default 30,000. Watches are not bound by it. */
  timeoutMs?: number;
  /** After this long the server is to end a watch, which then goes on where it was; seconds, default 300. */
  watchSeconds?: number;
  /** Called with each Warning header of the server. */
  onWarning?: (text: string) => void;
}

export interface HttpClient extends Client {
  /** The namespace of the kubeconfig's context. */
  readonly namespace: string;
  /** GET of any path, for instance `/version`, as text. */
  getRaw(path: string, options?: { signal?: AbortSignal }): Promise<string>;
  /** Ends all connections. */
  close(): void;
}

const MAX_ANSWER_BYTES = 512 * 1_024 * 1_024;
const MAX_EVENT_BYTES = 32 * 1_024 * 1_024;
/** A watch that is silent this much longer than the server was asked for has lost its connection. */
const WATCH_GRACE_MS = 15_000;

const PATCH_TYPES: Readonly<Record<PatchType | 'apply', string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

export function createHttpClient(access: ClusterAccess, options: HttpClientOptions): HttpClient {
  return clientOver(createTransport(access, { userAgent: options.name, onWarning: options.onWarning }), { ...options, namespace: access.namespace });
}

/** The same over any way to a server. */
export function clientOver(transport: Transport, options: HttpClientOptions & { namespace: string }): HttpClient {
  const { server } = transport;
  const timeoutMs = options.timeoutMs ?? 30_000;
  const watchSeconds = options.watchSeconds ?? 300;

  async function call(request: Omit<CallRequest, 'timeoutMs'>): Promise<string> {
    const answer = await transport.open({ ...request, timeoutMs });
    return readBody(answer, { server, maxBytes: MAX_ANSWER_BYTES, signal: request.signal });
  }

  async function callFor<A>(request: Omit<CallRequest, 'timeoutMs' | 'body'> & { body?: unknown }): Promise<A> {
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    return deepFreeze(parseAnswer<A>(await call({ ...request, body }), server));
  }

  const write = (how: { dryRun?: boolean; fieldManager?: string; force?: boolean } = {}): Query => ({
    dryRun: how.dryRun === true ? 'All' : undefined, fieldManager: how.fieldManager ?? options.name, force: how.force === true ? true : undefined,
  });

  async function list<T extends KubeObject>(kind: Kind<T>, how: ListOptions = {}): Promise<KubeList<T>> {
    const { labelSelector, fieldSelector, metricLabelSelector, limit, resourceVersion, resourceVersionMatch } = how;
    const query = { labelSelector, fieldSelector, metricLabelSelector, limit, continue: how.continue, resourceVersion, resourceVersionMatch };
    const found = parseAnswer<KubeList<T>>(await call({ method: 'GET', path: pathOf(kind, { namespace: how.namespace }, query), signal: how.signal }), server);
    // Servers leave the kind of the items to the list.
    found.items = (found.items ?? []).map((item) => ({ apiVersion: apiVersionOf(kind.group, kind.version), kind: kind.kind, ...item }));
    return deepFreeze(found);
  }

  /** One request; ends when the server ends it. */
  async function* watchOnce<T extends KubeObject>(kind: Kind<T>, how: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const { labelSelector, fieldSelector, resourceVersion, sendInitialEvents, signal } = how;
    const query = {
      watch: true, labelSelector, fieldSelector, resourceVersion, allowWatchBookmarks: how.allowWatchBookmarks ?? true, timeoutSeconds: watchSeconds,
      sendInitialEvents, resourceVersionMatch: sendInitialEvents === undefined ? undefined : 'NotOlderThan',
    };
    const answer = await transport.open({ method: 'GET', path: pathOf(kind, { namespace: how.namespace }, query), stream: true, signal, timeoutMs });
    const silence = setTimeout(() => answer.destroy(new Error('the connection has gone silent')), watchSeconds * 1_000 + WATCH_GRACE_MS);
    const abort = (): void => void answer.destroy(aborted());
    signal?.addEventListener('abort', abort, { once: true });
    try {
      for await (const line of linesOf(answer, MAX_EVENT_BYTES)) {
        const event = parseWatchLine<T>(line);
        if (event !== undefined) yield event;
      }
    } catch (error) {
      throw connectionError(server, error as Error);
    } finally {
      clearTimeout(silence);
      signal?.removeEventListener('abort', abort);
      answer.destroy();
    }
  }

  async function* watch<T extends KubeObject>(kind: Kind<T>, how: WatchOptions = {}): AsyncGenerator<WatchEvent<T>> {
    let from = how;
    let resumable = how.resourceVersion !== undefined && how.resourceVersion !== '0' && how.sendInitialEvents !== true;
    const over = (): boolean => how.signal?.aborted === true;
    while (!over()) {
      const beganMs = Date.now();
      let given = 0;
      try {
        for await (const event of watchOnce(kind, from)) {
          from = { ...from, resourceVersion: event.object.metadata.resourceVersion ?? from.resourceVersion, sendInitialEvents: undefined };
          // The objects there at first come in any order: only what follows says how far we are.
          resumable ||= event.type !== 'ADDED';
          given += 1;
          yield event;
        }
      } catch (error) {
        if (over()) return;
        throw error;
      }
      const atOnce = given === 0 && Date.now() - beganMs < 1_000;
      if (!over() && (!resumable || atOnce)) throw new ApiError('ServiceUnavailable', `${server} ended the watch of ${kind.plural}: list again`);
    }
  }

  return {
    namespace: options.namespace,
    list,
    watch,
    get: async (kind, name, how = {}) => callFor({ method: 'GET', path: objectPathOf(kind, { name, namespace: how.namespace, subresource: how.subresource }), signal: how.signal }),
    create: async (kind, object, how = {}) => {
      const { namespace, name } = object.metadata;
      if (how.subresource === undefined) return callFor({ method: 'POST', path: objectPathOf(kind, { namespace }, write(how)), body: named(kind, object), signal: how.signal });
      return callFor({ method: 'POST', path: objectPathOf(kind, { namespace, name, subresource: how.subresource }, write(how)), body: object, signal: how.signal });
    },
    createSubresource: async (kind, parent, subresource, body, how = {}) =>
      callFor({ method: 'POST', path: objectPathOf(kind, { ...parent, subresource }, write(how)), body, signal: how.signal }),
    update: async (kind, object, how = {}) =>
      callFor({ method: 'PUT', path: objectPathOf(kind, targetOf(object, how), write(how)), body: how.subresource === 'scale' ? object : named(kind, object), signal: how.signal }),
    patch: async (kind, name, patch, how = {}) => {
      const path = objectPathOf(kind, { name, namespace: how.namespace, subresource: how.subresource }, write(how));
      return callFor({ method: 'PATCH', path, body: patch.body, contentType: PATCH_TYPES[patch.type], signal: how.signal });
    },
    apply: async (kind, object, how = {}) =>
      callFor({ method: 'PATCH', path: objectPathOf(kind, targetOf(object, how), write(how)), body: named(kind, object), contentType: PATCH_TYPES.apply, signal: how.signal }),
    delete: async (kind, name, how = {}) => callFor({ method: 'DELETE', path: objectPathOf(kind, { name, namespace: how.namespace }), body: deleteBody(how), signal: how.signal }),
    deleteCollection: async (kind, how = {}) => {
      const path = objectPathOf(kind, { namespace: how.namespace }, { labelSelector: how.labelSelector, fieldSelector: how.fieldSelector });
      await call({ method: 'DELETE', path, body: JSON.stringify(deleteBody(how)), signal: how.signal });
    },
    getRaw: (path, how = {}) => call({ method: 'GET', path, signal: how.signal }),
    close: transport.close,
  };
}

function targetOf(object: KubeObject, how: { subresource?: string }): { name: string; namespace?: string; subresource?: string } {
  const { name, namespace } = object.metadata;
  if (name === undefined || name === '') throw new ApiError('BadRequest', 'the object has no metadata.name');
  return { name, namespace, subresource: how.subresource };
}

/** Writes say what they are, even if the object does not. */
function named<T extends KubeObject>(kind: Kind<T>, object: T): T {
  return { ...object, apiVersion: object.apiVersion ?? apiVersionOf(kind.group, kind.version), kind: object.kind ?? kind.kind };
}

function deleteBody(how: DeleteOptions): object {
  const { gracePeriodSeconds, propagationPolicy, preconditions, dryRun } = how;
  return { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds, propagationPolicy, preconditions, dryRun: dryRun === true ? ['All'] : undefined };
}

function parseAnswer<A>(text: string, server: string): A {
  try {
    return parseJson(text) as A;
  } catch {
    throw new ApiError('ServiceUnavailable', `${server} answered what is no JSON (${JSON.stringify(text.slice(0, 100))}): is it a Kubernetes API server?`);
  }
}
