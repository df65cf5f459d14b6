/**
 * RequestInfo: what a request is about, read from its method and path (upstream: apiserver/pkg/endpoints/request/requestinfo.go).
 * Split, never matched against a list of patterns: the cost does not grow with the number of kinds.
 */
import type { Verb } from '../../api/kind.ts';
import { queryFlag } from '../../api/query-flag.ts';

export interface RequestInfo {
  method: string;
  /** Decoded per segment; without the query. */
  path: string;
  segments: readonly string[];
  query: URLSearchParams;
  /** Set for paths below `/api/VERSION/` and `/apis/GROUP/VERSION/`. */
  resource?: ResourceRequest;
}

export interface ResourceRequest {
  verb: Verb | 'unknown';
  group: string;
  version: string;
  namespace?: string;
  plural: string;
  name?: string;
  subresource?: string;
  /** What follows the subresource, joined with `/`. */
  rest: string;
}

const NO_QUERY = new URLSearchParams();
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

/** Never throws: a path that cannot be decoded is taken as it is. */
export function parseRequest(method: string, url: string): RequestInfo {
  const mark = url.indexOf('?');
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 || mark === url.length - 1 ? NO_QUERY : new URLSearchParams(url.slice(mark + 1));
  const path = rawPath.includes('%') ? decode(rawPath) : rawPath;
  const segments = splitPath(rawPath);
  const resource = parseResource(method, segments, query);
  return resource === undefined ? { method, path, segments, query } : { method, path, segments, query, resource };
}

function splitPath(path: string): string[] {
  const segments: string[] = [];
  for (const part of path.split('/')) if (part !== '') segments.push(part.includes('%') ? decode(part) : part);
  return segments;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parseResource(method: string, segments: readonly string[], query: URLSearchParams): ResourceRequest | undefined {
  const core = segments[0] === 'api';
  if (!core && segments[0] !== 'apis') return undefined;
  let at = core ? 2 : 3;
  if (segments.length <= at) return undefined;
  const group = core ? '' : segments[1]!;
  const version = segments[at - 1]!;
  const legacyWatch = segments[at] === 'watch' && segments.length > at + 1;
  if (legacyWatch) at++;
  let namespace: string | undefined;
  if (segments[at] === 'namespaces' && segments.length > at + 2 && !(segments.length === at + 3 && NAMESPACE_SUBRESOURCES.has(segments[at + 2]!))) {
    namespace = segments[at + 1]!;
    at += 2;
  }
  const request: ResourceRequest = { verb: 'unknown', group, version, plural: segments[at]!, rest: segments.slice(at + 3).join('/') };
  if (namespace !== undefined) request.namespace = namespace;
  const name = segments[at + 1];
  if (name !== undefined) request.name = name;
  const subresource = segments[at + 2];
  if (subresource !== undefined) request.subresource = subresource;
  request.verb = verbOf(method, request, query, legacyWatch);
  return request;
}

function verbOf(method: string, request: ResourceRequest, query: URLSearchParams, legacyWatch: boolean): Verb | 'unknown' {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (request.subresource !== undefined) return 'get';
      if (legacyWatch) return 'watch';
      // Whoever names the object in the path reads it, whatever `watch` says (upstream: endpoints/request/requestinfo.go).
      if (request.name !== undefined) return 'get';
      return queryFlag(query, 'watch') ? 'watch' : 'list';
    case 'POST': return 'create';
    case 'PUT': return 'update';
    case 'PATCH': return 'patch';
    case 'DELETE': return request.name === undefined ? 'deletecollection' : 'delete';
    default: return 'unknown';
  }
}
