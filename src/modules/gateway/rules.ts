/** What HTTPRoutes, GRPCRoutes and Ingresses come to: requests that are matched, in their order, and what is done with them. */
import type { RouteFilter, SessionPersistence, ValueMatch } from '../../api/gateway/types.ts';
import type { Balancing } from '../../sdk/load-balancing/balancing.ts';
import type { AlternativeName } from './forward/names.ts';

export type ResolvedFilter = RouteFilter & {
  /** Of a mirror: where to, `address:port`. */
  mirrorTo?: string;
  /** How it is spoken to, where that is not HTTP/1.1 in the clear, as what sends copies does. */
  mirrorBy?: { protocol: 'http' | 'h2c'; tls?: BackendTls };
  /** Of ExternalAuth: who is asked. */
  authorizer?: NonNullable<Target['backend']>;
};

export interface PathMatch { type: 'Exact' | 'PathPrefix' | 'RegularExpression'; value: string }

export interface Match {
  path: PathMatch;
  /** Of gRPC: whether it says the service (2) and the method (1). What says one says all of its characters, an expression too. */
  says?: number;
  method?: string;
  headers: readonly ValueMatch[];
  queryParams: readonly ValueMatch[];
}

/** Where requests go: to a port of a Service, or to an answer of our own. */
export interface Target {
  weight: number;
  backend?: { serviceKey: string; portName: string; protocol: 'http' | 'h2c'; tls?: BackendTls; balancing?: Balancing };
  /** The status of the answer where there is no backend. */
  status?: number;
  filters: readonly ResolvedFilter[];
}

/** How a backend is spoken to by TLS (BackendTLSPolicy). */
export interface BackendTls {
  caPem?: string;
  /** Asked for, and what its certificate must be for where there are no `names`. */
  hostname: string;
  /** Of which its certificate must bear one. */
  names?: readonly AlternativeName[];
}

/** What is done with the requests of one rule. */
export interface Action {
  /** `HTTPRoute:namespace:name:rule`: names it in the configuration, the logs and the signals. */
  id: string;
  filters: readonly ResolvedFilter[];
  targets: readonly Target[];
  grpc: boolean;
  /** ms; until the answer begins: the shorter of the two that follow. */
  timeoutMs?: number;
  /** Of the whole request, and of one try of it (HTTPRouteTimeouts: request, backendRequest). */
  requestTimeoutMs?: number;
  attemptTimeoutMs?: number;
  retry?: { codes: readonly number[]; attempts: number; backoffMs?: number };
  persistence?: SessionPersistence;
  /** The one prefix by which the rule is matched, for what replaces it. */
  prefix?: string;
}

/** One way by which a request gets to a rule. */
export interface Entry {
  /** The name of the listener. */
  listener: string;
  /** '' for all. */
  hostname: string;
  /** What the route says for it, where that is wider: who says more has the requests. */
  said?: string;
  /** A wildcard stands for one label, as in Ingress, not for any number. */
  oneLabel?: boolean;
  match: Match;
  action: Action;
  /** Of the route: RFC 3339, and `namespace/name`; then the place of rule and match in it. */
  age: string;
  key: string;
  at: readonly [number, number];
}

const PATH_RANK = { Exact: 0, RegularExpression: 1, PathPrefix: 2 };

const isExact = ({ path }: Match): boolean => path.type === 'Exact';

/** Of entries with equivalent names only the first counts. */
export function firstOfEach<T extends { name: string }>(all: readonly T[] | undefined, normal = (name: string): string => name.toLowerCase()): T[] {
  const seen = new Set<string>();
  return (all ?? []).filter(({ name }) => !seen.has(normal(name)) && seen.add(normal(name)));
}

/** The order in which entries of a listener are tried (HTTPRouteRule.matches, GRPCRouteRule.matches). Hostnames come before all of that. */
export function compareMatches(one: Entry, other: Entry): number {
  const { match: a } = one;
  const { match: b } = other;
  return Number(isExact(b)) - Number(isExact(a))
    || (b.says ?? 0) - (a.says ?? 0)
    || PATH_RANK[a.path.type] - PATH_RANK[b.path.type]
    || b.path.value.length - a.path.value.length
    || Number(b.method !== undefined) - Number(a.method !== undefined)
    || b.headers.length - a.headers.length
    || b.queryParams.length - a.queryParams.length
    || compareText(one.age, other.age) || compareText(one.key, other.key) || one.at[0] - other.at[0] || one.at[1] - other.at[1];
}

export function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
