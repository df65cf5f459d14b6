/** The headers of a request that goes on to another server, and of its answer on the way back (RFC 9110, 7.6.1; upstream: transport.SetAuthProxyHeaders). */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { UserInfo } from '../../sdk/module.ts';

/** What concerns one connection only. */
const HOP = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']);
/** What was for us: who asks, and in whose name. */
const OURS = /^(authorization|host|expect|x-remote-(user|uid|group|extra-.*)|impersonate-.*|:.*)$/;

/** As the other server gets it: without what says who asks, with what we found out about it. */
export function forwardedHeaders(http: IncomingMessage, user: UserInfo, host: string): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, values] of endToEnd(http)) if (!OURS.test(name)) headers[name] = one(values);
  const from = http.socket.remoteAddress;
  if (from !== undefined) headers['x-forwarded-for'] = [...[headers['x-forwarded-for'] ?? []].flat(), from].join(', ');
  // A body keeps its form: with a length, or in chunks.
  if (mayHaveBody(http) && headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked';
  return { ...headers, ...userHeaders(user), host };
}

/** Who a request is for, in the headers that extension-apiserver-authentication names. */
export function userHeaders({ name, uid, groups, extra = {} }: UserInfo): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { 'x-remote-user': bytes(name) };
  if (uid) headers['x-remote-uid'] = bytes(uid);
  if (groups.length > 0) headers['x-remote-group'] = groups.map(bytes);
  for (const [key, values] of Object.entries(extra)) if (values.length > 0) headers[`x-remote-extra-${escapeKey(key)}`] = values.map(bytes);
  return headers;
}

/** Of an answer: what concerned the connection with the other server stays behind. */
export function returnedHeaders(answer: IncomingMessage): OutgoingHttpHeaders {
  return Object.fromEntries([...endToEnd(answer)].map(([name, values]) => [name, one(values)]));
}

/** In HTTP/2 nothing but the method says so. */
export function mayHaveBody({ headers, method, httpVersionMajor }: IncomingMessage): boolean {
  if (headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0') return true;
  return httpVersionMajor > 1 && headers['content-length'] === undefined && method !== 'GET' && method !== 'HEAD';
}

/** Each header with its values, but for those of the connection. */
function endToEnd({ headers, rawHeaders }: IncomingMessage): Map<string, string[]> {
  const named = new Set((headers.connection ?? '').toLowerCase().split(',').map((each) => each.trim()));
  const found = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (!HOP.has(name) && !named.has(name)) found.set(name, [...(found.get(name) ?? []), rawHeaders[at + 1]!]);
  }
  return found;
}

function one(values: string[]): string | string[] {
  return values.length === 1 ? values[0]! : values;
}

/** UTF-8 as the bytes of a header. */
function bytes(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return Buffer.from(text.replace(/[\r\n\0]/g, ' ')).toString('latin1');
}

/** What may not stand in the name of a header is escaped by percent signs. */
function escapeKey(key: string): string {
  return key.replace(/[^!#$&'*+\-.^_`|~0-9A-Za-z]/gu, (each) => [...Buffer.from(each)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''));
}
