/** The proxy subresources: a request goes on to a port of a pod, a service or a node (upstream: apimachinery util/proxy/upgradeaware.go). */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import type { Duplex } from 'node:stream';
import { createBrotliCompress, createBrotliDecompress, createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';
import { ApiError } from '../../api/errors.ts';
import { request as httpRequest } from '../../base/http.ts';
import type { RouteRequest } from '../module.ts';
import { onwardHeaders, returnedHeaders } from './headers.ts';
import { passOn, type Returned } from './pass-on.ts';
import { htmlRewriter, rewriteLink, type Place } from './rewrite.ts';

export const PROXY_METHODS: readonly string[] = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

const DIAL_MS = 10_000;
const MOST_HEADER_BYTES = 64 * 1024;
/** What a server allows the pages of others is not for the pages of the door. */
const CROSS_ORIGIN = /^access-control-allow-(credentials|headers|methods|origin)$/;

export interface Target {
  scheme: 'http' | 'https';
  /** An IP address. */
  address: string;
  /** Default 80, or 443 with https. */
  port?: number;
}

/** What the place of a name says: `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`, a port by number or name or ''. */
export interface NamedPort {
  scheme: Target['scheme'];
  name: string;
  port: string;
}

/** Throws BadRequest when it is none of that. `what` is what the message says it is: `pod`. */
export function parseNamedPort(id: string, what: string): NamedPort {
  const parts = id.split(':');
  const [scheme, name = '', port = ''] = parts.length === 3 ? parts : ['', ...parts];
  if (parts.length > 3 || name === '' || !['', 'http', 'https'].includes(scheme!)) throw new ApiError('BadRequest', `invalid ${what} request ${JSON.stringify(id)}: name it NAME, NAME:PORT, http:NAME:PORT or https:NAME:PORT`);
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port };
}

/** Of a port by number; undefined when it is none. */
export function portNumber(port: string): number | undefined {
  return /^[1-9]\d{0,4}$/.test(port) && Number(port) < 65_536 ? Number(port) : undefined;
}

const NOWHERE = new BlockList();
for (const [address, bits] of [['0.0.0.0', 8], ['127.0.0.0', 8], ['169.254.0.0', 16], ['224.0.0.0', 4], ['255.255.255.255', 32]] as const) NOWHERE.addSubnet(address, bits, 'ipv4');
for (const [address, bits] of [['::', 127], ['fe80::', 10], ['ff00::', 8]] as const) NOWHERE.addSubnet(address, bits, 'ipv6');

/** Whether a request may be sent there: not to loopback, link-local or multicast addresses (upstream: proxyutil.IsProxyableIP). */
export function mayProxyTo(address: string): boolean {
  return (isIPv4(address) && !NOWHERE.check(address, 'ipv4')) || (isIPv6(address) && !NOWHERE.check(address, 'ipv6'));
}

/**
 * Settles when the answer is through. Rejects with BadRequest when the address may not be reached so, with ServiceUnavailable when
 * nothing answers there; a connection must stand after 10 s. The certificate of an https server is not checked, as upstream: it is reached by its address.
 */
export async function proxyTo(request: RouteRequest, target: Target): Promise<void> {
  if (!mayProxyTo(target.address)) throw new ApiError('BadRequest', `address not allowed: ${target.address} is no address of a pod or node`);
  const { before, path, query } = split(request);
  if (path === '' && request.upgrade === undefined && (request.method === 'GET' || request.method === 'HEAD')) return withSlash(request, `${before}/${query}`);
  const asked = request.http.headers[':authority'] ?? request.http.headers.host ?? '';
  const place: Place = { prefix: before, hosts: { server: hostOf(target), asked: String(asked) } };
  const headers = { ...onwardHeaders(request.http), host: String(asked), 'x-forwarded-uri': `${before}${path}` };
  if (request.upgrade !== undefined) Object.assign(headers, { connection: 'Upgrade', upgrade: request.http.headers.upgrade });
  try {
    await passOn(request, {
      open: async () => dial(target, { method: request.method, path: `${path === '' ? '/' : path}${query}`, headers, signal: request.signal }),
      returned: (answer) => returned(answer, request.method, place),
    });
  } catch (error) {
    throw new ApiError('ServiceUnavailable', `error trying to reach service: ${(error as Error).message}`);
  }
}

/** The path as it came, before and after `proxy`; the query with its mark. */
function split({ http, namespace }: RouteRequest): { before: string; path: string; query: string } {
  const url = http.url ?? '/';
  const mark = url.indexOf('?');
  const whole = mark < 0 ? url : url.slice(0, mark);
  // /api/v1/namespaces/NAMESPACE/pods/NAME/proxy or /api/v1/nodes/NAME/proxy
  const before = new RegExp(`^(?:/+[^/]+){${namespace === undefined ? 5 : 7}}`).exec(whole)?.[0] ?? whole;
  return { before, path: whole.slice(before.length), query: mark < 0 ? '' : url.slice(mark) };
}

/** Relative links of the first page would lead out of the proxy. */
function withSlash({ response }: RouteRequest, location: string): void {
  response!.writeHead(301, { Location: location });
  response!.end();
}

function hostOf({ address, port, scheme }: Target): string {
  const host = isIPv6(address) ? `[${address}]` : address;
  return port === undefined || port === (scheme === 'https' ? 443 : 80) ? host : `${host}:${port}`;
}

function dial({ scheme, address, port }: Target, options: RequestOptions): ClientRequest {
  const at: RequestOptions = { ...options, host: address, port: port ?? (scheme === 'https' ? 443 : 80), agent: false, maxHeaderSize: MOST_HEADER_BYTES };
  const sent = scheme === 'https' ? httpsRequest({ ...at, rejectUnauthorized: false }) : httpRequest(at);
  sent.once('socket', (socket) => {
    const late = setTimeout(() => sent.destroy(new Error(`no connection to ${address}:${at.port} within ${DIAL_MS / 1_000} s`)), DIAL_MS);
    const settle = (): void => clearTimeout(late);
    socket.once(scheme === 'https' ? 'secureConnect' : 'connect', settle);
    socket.once('close', settle);
  });
  return sent;
}

function returned(answer: IncomingMessage, method: string, place: Place): Returned {
  const code = answer.statusCode ?? 502;
  const headers = Object.fromEntries(Object.entries(returnedHeaders(answer)).filter(([name]) => !CROSS_ORIGIN.test(name)));
  if (answer.headers.location !== undefined) return { code, headers: { ...headers, location: rewriteLink(answer.headers.location, place) } };
  const coding = answer.headers['content-encoding'] ?? '';
  const isPage = /^\s*text\/html\s*(;|$)/i.test(answer.headers['content-type'] ?? '');
  if (!isPage || method === 'HEAD' || code === 204 || code === 206 || code === 304 || !Object.hasOwn(CODINGS, coding)) return { code, headers };
  const { 'content-length': _length, ...others } = headers;
  return { code, headers: others, through: CODINGS[coding]!(htmlRewriter(place)) };
}

const CODINGS: Readonly<Record<string, (rewriter: Duplex) => Duplex[]>> = {
  '': (rewriter) => [rewriter],
  gzip: (rewriter) => [createGunzip(), rewriter, createGzip()],
  deflate: (rewriter) => [createInflate(), rewriter, createDeflate()],
  br: (rewriter) => [createBrotliDecompress(), rewriter, createBrotliCompress()],
};
