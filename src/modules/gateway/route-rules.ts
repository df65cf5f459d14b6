/** From HTTPRoutes and GRPCRoutes to entries: their matches, filters and backends, with what cannot be resolved. Pure. */
import { GROUP } from '../../api/gateway/parts.ts';
import type { GRPCRoute, HTTPRoute } from '../../api/gateway/kinds.ts';
import type { BackendRef, FilteredBackendRef, GrpcMatch, GrpcRule, HttpMatch, HttpRule, RouteFilter } from '../../api/gateway/types.ts';
import { parseDuration } from '../../api/times.ts';
import { balancingOf } from '../../sdk/load-balancing/balancing.ts';
import type { Observed } from './observed.ts';
import { tlsOf } from './backend-tls.ts';
import { isFailure, resolveBackend, type Failure, type From } from './references.ts';
import { firstOfEach, type Action, type Match, type ResolvedFilter, type Target } from './rules.ts';

/** Rules of a route as they are carried out, and why some of it is not. */
export interface Resolved {
  rules: { matches: readonly Match[]; action: Action }[];
  /** ResolvedRefs is false for this. */
  unresolved?: Failure;
  /** Accepted is false for this. */
  unsupported?: Failure;
  /** PartiallyInvalid is true for this: rules that cannot do what they are for, beside others that can. */
  partial?: Failure;
}

const MATCH_ALL: Match = { path: { type: 'PathPrefix', value: '/' }, headers: [], queryParams: [] };
/** Requests whose reference leads nowhere are answered with this (BackendRefs of HTTPRouteRule). */
const INVALID_STATUS = 500;
/** What an int of HAProxy holds; the definition has no bound. */
const MOST_ATTEMPTS = 2 ** 31 - 1;
const REFUSED: Target = { weight: 1, status: INVALID_STATUS, filters: [] };

export function resolveRoute(kind: 'HTTPRoute' | 'GRPCRoute', route: HTTPRoute | GRPCRoute, observed: Observed): Resolved {
  const resolved: Resolved = { rules: [] };
  const namespace = route.metadata.namespace ?? '';
  const from: From = { group: GROUP, kind, namespace };
  const rules: readonly (HttpRule | GrpcRule)[] = route.spec?.rules ?? [];
  const refused: { index: number; why: Failure }[] = [];
  rules.forEach((rule, index) => {
    const matches = kind === 'HTTPRoute' ? ((rule as HttpRule).matches ?? [{}]).map(httpMatch) : ((rule as GrpcRule).matches ?? [{}]).map(grpcMatch);
    const extended = isExtended(rule.filters, resolved);
    const { filters, refuses } = extended ? { filters: [], refuses: undefined } : filtersOf(rule.filters ?? [], observed, from, resolved);
    if (refuses !== undefined) refused.push({ index, why: refuses });
    const { timeouts, retry } = rule as HttpRule;
    const [requestTimeoutMs, attemptTimeoutMs] = [msOf(timeouts?.request), msOf(timeouts?.backendRequest)];
    const timeoutMs = Math.min(requestTimeoutMs ?? Infinity, attemptTimeoutMs ?? Infinity);
    const backoffMs = msOf(retry?.backoff);
    const prefix = matches.length === 1 && matches[0]?.path.type === 'PathPrefix' ? matches[0].path.value : undefined;
    resolved.rules.push({
      matches: matches.length === 0 ? [MATCH_ALL] : matches,
      action: {
        id: `${kind}:${namespace}:${route.metadata.name}:${index}`, filters, grpc: kind === 'GRPCRoute',
        targets: extended || refuses !== undefined ? [REFUSED] : targetsOf(rule.backendRefs ?? [], { observed, from, resolved, grpc: kind === 'GRPCRoute', redirects: filters.some(({ type }) => type === 'RequestRedirect') }, rule.sessionPersistence !== undefined),
        ...(timeoutMs === Infinity ? {} : { timeoutMs }), ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }), ...(attemptTimeoutMs === undefined ? {} : { attemptTimeoutMs }),
        ...(retry === undefined ? {} : { retry: { codes: retry.codes ?? [], attempts: Math.min(Number(retry.attempts ?? 1), MOST_ATTEMPTS), ...(backoffMs === undefined ? {} : { backoffMs }) } }),
        ...(rule.sessionPersistence === undefined ? {} : { persistence: rule.sessionPersistence }), ...(prefix === undefined ? {} : { prefix }),
      },
    });
  });
  const [first] = refused;
  if (first !== undefined && refused.length < rules.length) resolved.partial = { reason: first.why.reason, message: `the requests of rules ${refused.map(({ index }) => index).join(', ')} are answered with ${INVALID_STATUS}: ${first.why.message}` };
  return resolved;
}

interface Context { observed: Observed; from: From; resolved: Resolved; grpc: boolean; redirects: boolean }

/** Who is to have no further requests keeps the sessions that it has. */
function targetsOf(refs: readonly FilteredBackendRef[], context: Context, hasSessions: boolean): Target[] {
  const targets = refs.map((ref) => targetOf(ref, context));
  const used = targets.filter(({ weight }) => weight > 0);
  return used.length === 0 ? [REFUSED] : hasSessions ? targets : used;
}

const WEB_SOCKETS: ReadonlySet<string> = new Set(['kubernetes.io/ws', 'kubernetes.io/wss']);

function targetOf(ref: FilteredBackendRef, { observed, from, resolved, grpc }: Context): Target {
  const weight = ref.weight ?? 1;
  if (isExtended(ref.filters, resolved)) return { ...REFUSED, weight };
  const { filters, refuses } = filtersOf(ref.filters ?? [], observed, from, resolved);
  if (refuses !== undefined) return { ...REFUSED, weight };
  const failed = (failure: Failure): Target => {
    resolved.unresolved ??= failure;
    return { weight, status: INVALID_STATUS, filters: [] };
  };
  const found = resolveBackend(observed, ref, from);
  if (isFailure(found)) return failed(found);
  const { port, serviceKey } = found;
  const tls = tlsOf(observed, serviceKey, port.name);
  if (tls !== undefined && isFailure(tls)) return { weight, status: INVALID_STATUS, filters: [] };
  const { appProtocol = '' } = port;
  if ((appProtocol === 'kubernetes.io/wss' && tls === undefined) || (grpc && WEB_SOCKETS.has(appProtocol))) return failed({ reason: 'UnsupportedProtocol', message: `port ${port.port} of Service '${serviceKey}' speaks ${appProtocol}${grpc ? ', not gRPC' : ', and no BackendTLSPolicy tells by whom it is known'}` });
  const h2c = grpc || appProtocol === 'kubernetes.io/h2c';
  const balancing = balancingOf(observed.service(serviceKey));
  return { weight, filters, backend: { serviceKey, portName: port.name ?? '', protocol: h2c ? 'h2c' : 'http', ...(tls === undefined ? {} : { tls }), ...(balancing === undefined ? {} : { balancing }) } };
}

/**
 * The filters that can be carried out. Those that mirror to nowhere are left out and told of, as the others with what refers to nothing; where nobody can be
 * asked whether a request may pass, none may: `refuses` says why.
 */
function filtersOf(filters: readonly RouteFilter[], observed: Observed, from: From, resolved: Resolved): { filters: ResolvedFilter[]; refuses?: Failure } {
  let refuses: Failure | undefined;
  const found = filters.flatMap((filter): ResolvedFilter[] => {
    if (filter.requestMirror !== undefined) return mirrorOf(filter, filter.requestMirror.backendRef, { observed, from, resolved });
    if (filter.externalAuth === undefined) return [filter];
    const { backendRef, protocol } = filter.externalAuth;
    const authorizer = authorizerOf(backendRef, protocol, observed, from);
    if (!isFailure(authorizer)) return [{ ...filter, authorizer }];
    resolved.unresolved ??= authorizer;
    refuses ??= authorizer;
    return [];
  });
  return { filters: found, ...(refuses === undefined ? {} : { refuses }) };
}

function mirrorOf(filter: RouteFilter, backendRef: BackendRef, { observed, from, resolved }: Pick<Context, 'observed' | 'from' | 'resolved'>): ResolvedFilter[] {
  const found = resolveBackend(observed, backendRef, from);
  const none = (failure: Failure): ResolvedFilter[] => {
    resolved.unresolved ??= failure;
    return [];
  };
  if (isFailure(found)) return none(found);
  const { serviceKey, port } = found;
  const address = observed.service(serviceKey)?.spec?.clusterIP;
  if (address === undefined || address === '' || address === 'None') return none({ reason: 'UnsupportedProtocol', message: `requests cannot be mirrored to Service '${backendRef.name}', which has no cluster IP` });
  const tls = tlsOf(observed, serviceKey, port.name);
  if (tls !== undefined && isFailure(tls)) return none(tls);
  if (tls?.names !== undefined) return none({ reason: 'UnsupportedProtocol', message: `requests cannot be mirrored to Service '${backendRef.name}', whose BackendTLSPolicy has subjectAltNames` });
  const protocol = from.kind === 'GRPCRoute' || port.appProtocol === 'kubernetes.io/h2c' ? 'h2c' : 'http';
  return [{ ...filter, mirrorTo: `${address.includes(':') ? `[${address}]` : address}:${port.port}`, ...(protocol === 'http' && tls === undefined ? {} : { mirrorBy: { protocol, ...(tls === undefined ? {} : { tls }) } }) }];
}

function authorizerOf(backendRef: BackendRef, protocol: 'HTTP' | 'GRPC', observed: Observed, from: From): NonNullable<Target['backend']> | Failure {
  const found = resolveBackend(observed, backendRef, from);
  if (isFailure(found)) return found;
  const { port, serviceKey } = found;
  const tls = tlsOf(observed, serviceKey, port.name);
  if (tls !== undefined && isFailure(tls)) return tls;
  return { serviceKey, portName: port.name ?? '', protocol: protocol === 'GRPC' || port.appProtocol === 'kubernetes.io/h2c' ? 'h2c' : 'http', ...(tls === undefined ? {} : { tls }) };
}

/** Whether a filter is an extension: none is known, and a filter must not be passed over, so what it is for is answered with an error (HTTPRouteFilter.extensionRef). */
function isExtended(filters: readonly RouteFilter[] | undefined, resolved: Resolved): boolean {
  const extension = filters?.find(({ type }) => type === 'ExtensionRef');
  if (extension === undefined) return false;
  const { group = '', kind = '', name = '' } = extension.extensionRef ?? {};
  resolved.unresolved ??= { reason: 'InvalidKind', message: `extensionRef ${group}/${kind} '${name}': no extensions are known; the requests of its rule are answered with ${INVALID_STATUS}` };
  return true;
}

function httpMatch({ path, headers, queryParams, method }: HttpMatch): Match {
  const type = (path?.type ?? 'PathPrefix') as Match['path']['type'];
  return { path: { type, value: path?.value ?? '/' }, headers: firstOfEach(headers), queryParams: firstOfEach(queryParams, (name) => name), ...(method === undefined ? {} : { method }) };
}

function grpcMatch({ method, headers }: GrpcMatch): Match {
  return { path: grpcPath(method), says: 2 * Number(Boolean(method?.service)) + Number(Boolean(method?.method)), headers: firstOfEach(headers), queryParams: [] };
}

function grpcPath(method: GrpcMatch['method']): Match['path'] {
  const { service = '', method: name = '', type = 'Exact' } = method ?? {};
  if (service === '' && name === '') return { type: 'PathPrefix', value: '/' };
  if (type === 'RegularExpression') return { type: 'RegularExpression', value: `/${service === '' ? '[^/]+' : `(?:${service})`}/${name === '' ? '[^/]+' : `(?:${name})`}` };
  if (service === '') return { type: 'RegularExpression', value: `/[^/]+/${name}` };
  return name === '' ? { type: 'PathPrefix', value: `/${service}` } : { type: 'Exact', value: `/${service}/${name}` };
}

/** undefined for none, and for 0s, which stands for none. */
/** HAProxy counts no further than 24.8 days. */
const LONGEST_MS = 24 * 24 * 3_600_000;

function msOf(duration: string | undefined): number | undefined {
  const ms = duration === undefined ? 0 : Math.round(parseDuration(duration) / 1_000_000);
  return ms > 0 ? Math.min(ms, LONGEST_MS) : undefined;
}
