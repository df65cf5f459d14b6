/** The filters of a rule as lines of a backend: headers, redirects, rewrites, mirrors, cross-origin answers. Pure. */
import type { CorsFilter, HeaderFilter, PathModifier, RouteFilter } from '../../../api/gateway/types.ts';
import { firstOfEach, type ResolvedFilter } from '../rules.ts';
import { authorizeLines } from './authorize.ts';
import { argument, literal, quoted } from './words.ts';

export interface FilterContext {
  /** The one prefix by which the rule is matched. */
  prefix: string | undefined;
  /** Of the listener, for redirects. */
  port: number;
  secure: boolean;
  /** Requests may go on for long, as those of gRPC. */
  streams: boolean;
  /** Of what takes copies for a place. */
  mirrorSocket(to: string, by: ResolvedFilter['mirrorBy']): string;
  /** Of who is asked about requests. */
  authorizerSocket(filter: ResolvedFilter): string;
}

/** So long a request may be held up for its body, that it can be copied. */
const [PATIENCE_MS, STREAM_PATIENCE_MS] = [1_000, 100];

/** In the order in which they work; a redirect is last, since nothing comes after it. */
export function filterLines(filters: readonly ResolvedFilter[], context: FilterContext): string[] {
  const lines: string[] = [];
  for (const { cors } of filters) if (cors !== undefined) lines.push(...corsLines(cors));
  for (const filter of filters) if (filter.externalAuth !== undefined) lines.push(...authorizeLines(filter.externalAuth, context.authorizerSocket(filter)));
  for (const { requestHeaderModifier } of filters) if (requestHeaderModifier !== undefined) lines.push(...headerLines('http-request', requestHeaderModifier));
  for (const { urlRewrite } of filters) {
    if (urlRewrite?.path !== undefined) lines.push(...pathLines(urlRewrite.path, context.prefix));
    if (urlRewrite?.hostname !== undefined) lines.push(`http-request set-header Host ${quoted(literal(urlRewrite.hostname))}`);
  }
  // Who waits to be told to go on gets no body across before that.
  if (filters.some(({ mirrorTo }) => mirrorTo !== undefined)) lines.push('http-request wait-for-body time 30s at-least 1 if { req.hdr(expect) -m found }');
  for (const filter of filters) {
    const { mirrorTo, mirrorBy } = filter;
    if (mirrorTo !== undefined) lines.push(`http-request lua.mirror ${quoted(mirrorTo)} ${quoted(context.mirrorSocket(mirrorTo, mirrorBy))} ${mirrorBy === undefined ? 'any' : 'socket'} ${context.streams ? STREAM_PATIENCE_MS : PATIENCE_MS}${shareOf(filter)}`);
  }
  for (const { responseHeaderModifier } of filters) if (responseHeaderModifier !== undefined) lines.push(...headerLines('http-response', responseHeaderModifier));
  for (const { requestRedirect } of filters) if (requestRedirect !== undefined) lines.push(...redirectLines(requestRedirect, context));
  return lines;
}

function headerLines(of: 'http-request' | 'http-response', { set, add, remove }: HeaderFilter): string[] {
  return [
    ...(remove ?? []).map((name) => `${of} del-header ${argument(name)}`),
    ...firstOfEach(set).map(({ name, value }) => `${of} set-header ${argument(name)} ${quoted(literal(value))}`),
    ...firstOfEach(add).map(({ name, value }) => `${of} add-header ${argument(name)} ${quoted(literal(value))}`),
  ];
}

/** A prefix is replaced as the elements of a path that it is: /one of /one/two by /three gives /three/two. */
function pathLines({ type, replaceFullPath = '/', replacePrefixMatch = '' }: PathModifier, prefix = '/'): string[] {
  if (type === 'ReplaceFullPath') return [`http-request set-path ${quoted(literal(replaceFullPath === '' ? '/' : replaceFullPath))}`];
  const before = prefix.replace(/\/+$/, '');
  const after = literal(replacePrefixMatch.replace(/\/+$/, ''));
  return [
    'http-request set-var(txn.path) path',
    `http-request set-path ${quoted(after === '' ? '/' : after)} if { var(txn.path) -m len ${before.length} }`,
    `http-request set-path ${quoted(`${after}%[var(txn.path),bytes(${before.length})]`)} if !{ var(txn.path) -m len ${before.length} }`,
  ];
}

function redirectLines({ scheme, hostname, path, port, statusCode = 302 }: NonNullable<RouteFilter['requestRedirect']>, context: FilterContext): string[] {
  const toScheme = scheme ?? (context.secure ? 'https' : 'http');
  const toPort = port ?? (scheme === undefined ? context.port : undefined);
  const usual = toScheme === 'https' ? 443 : 80;
  const host = hostname === undefined ? '%[var(txn.host)]' : literal(hostname);
  return [
    ...(path === undefined ? [] : pathLines(path, context.prefix)),
    `http-request redirect location ${quoted(`${toScheme}://${host}${toPort === undefined || toPort === usual ? '' : `:${toPort}`}%[pathq]`)} code ${statusCode}`,
  ];
}

/** ` if ...`, where not all requests are mirrored. */
function shareOf({ requestMirror }: ResolvedFilter): string {
  const { numerator, denominator = 100 } = requestMirror?.fraction ?? { numerator: requestMirror?.percent ?? 100 };
  if (numerator >= denominator) return '';
  return ` if { rand(${denominator}) lt ${numerator} }`;
}

/**
 * The Fetch standard's answers, for the origins that are allowed. What comes from elsewhere is passed on without them. Who shows who he is (a cookie, a password, a certificate) gets no
 * wildcard in an answer; where any origin is allowed but nobody is to do that, he gets no such headers at all (GEP-1767, "Wildcard Resolution and Credentials"). Preflights never count as that.
 */
function corsLines(cors: CorsFilter): string[] {
  const { allowOrigins = [], allowMethods = [], allowHeaders = [], exposeHeaders = [], allowCredentials = false, maxAge = 5 } = cors;
  const anyOrigin = allowOrigins.includes('*');
  const anyExposed = exposeHeaders.includes('*');
  const lines = [
    ...(anyOrigin ? ['acl cors-origin req.hdr(origin) -m found'] : allowOrigins.map((origin) => `acl cors-origin req.hdr(origin) ${originPattern(origin)}`)),
    'acl cors-asks method OPTIONS', 'acl cors-names req.hdr(access-control-request-method) -m found',
    ...['req.hdr(cookie) -m found', 'req.hdr(authorization) -m found', 'ssl_c_used'].map((shown) => `acl cors-known ${shown}`),
    `http-request set-var(txn.origin) req.hdr(origin) if cors-origin${anyOrigin && !allowCredentials ? ' !cors-known' : ''}`,
    ...(anyExposed && !allowCredentials ? ['http-request set-var(txn.known) bool(true) if cors-known'] : []),
  ];
  const origin = anyOrigin && !allowCredentials ? '*' : '%[var(txn.origin)]';
  const always = [['Access-Control-Allow-Origin', origin], ...(allowCredentials ? [['Access-Control-Allow-Credentials', 'true']] : [])] as [string, string][];
  const methods = allowMethods.includes('*') ? '%[req.hdr(access-control-request-method)]' : literal(allowMethods.join(', '));
  const headers = allowHeaders.includes('*') ? '%[req.fhdr(access-control-request-headers)]' : literal(allowHeaders.join(', '));
  const asked: [string, string][] = [...always, ...(methods === '' ? [] : [['Access-Control-Allow-Methods', methods] as [string, string]]), ...(headers === '' ? [] : [['Access-Control-Allow-Headers', headers] as [string, string]]), ['Access-Control-Max-Age', String(maxAge)]];
  const exposed = anyExposed ? '*' : literal(exposeHeaders.join(', '));
  if (exposed !== '') asked.push(['Access-Control-Expose-Headers', exposed]);
  lines.push(`http-request return status 200 ${asked.map(([name, value]) => `hdr ${name} ${quoted(value)}`).join(' ')} if cors-asks cors-names cors-origin`);
  lines.push('http-request return status 200 if cors-asks cors-names { req.hdr(origin) -m found }');
  const isAllowed = 'if { var(txn.origin) -m found }';
  // First, as the names of what the backend answers are those of all headers.
  if (exposed !== '') lines.push(`http-response set-header Access-Control-Expose-Headers ${quoted(anyExposed && allowCredentials ? '%[res.hdr_names]' : exposed)} ${isAllowed}${anyExposed && !allowCredentials ? ' !{ var(txn.known) -m bool }' : ''}`);
  // Who keeps answers for others must know that this one is for one origin.
  if (origin !== '*') lines.push('http-response add-header Vary Origin');
  for (const [name, value] of always) lines.push(`http-response set-header ${name} ${quoted(value)} ${isAllowed}`);
  return lines;
}

const USUAL_PORTS: Record<string, string> = { http: '80', https: '443' };

/** `*` in a hostname stands for any labels, in the place of a port for any port; a port that is not said is the usual one of the scheme. */
function originPattern(origin: string): string {
  const [, scheme, host, port] = /^([a-z][a-z0-9+.-]*):\/\/([^:/]+)(?::([0-9]+|\*))?$/i.exec(origin) ?? [];
  if (scheme === undefined || host === undefined) return `-i -m str -- ${quoted(origin)}`;
  const usual = USUAL_PORTS[scheme.toLowerCase()];
  const ports = port === '*' ? '(:[0-9]+)?' : port !== undefined && port !== usual ? `:${port}` : usual === undefined ? '' : `(:${usual})?`;
  const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  return `-i -m reg -- ${quoted(`^${escaped(scheme)}://${escaped(host).replaceAll('*', '[^/:]+')}${ports}$`)}`;
}
