/** TLSRoutes, TCPRoutes and UDPRoutes: connections and datagrams led on by the name of the server that they ask for, or by their port alone. Pure. */
import { GROUP } from '../../api/gateway/parts.ts';
import type { Route } from '../../api/gateway/types.ts';
import { balancingOf, type Balancing } from '../../sdk/load-balancing/balancing.ts';
import type { Observed } from './observed.ts';
import { tlsOf } from './backend-tls.ts';
import { isFailure, resolveBackend, type Failure } from './references.ts';
import type { BackendTls } from './rules.ts';

export interface StreamTarget {
  weight: number;
  backend?: {
    serviceKey: string;
    portName: string;
    /** How it is spoken to where TLS is ended here: by TLS of our own (BackendTLSPolicy), or not at all. */
    tls?: BackendTls | 'broken';
    balancing?: Balancing;
  };
}

export interface TlsEntry {
  listener: string;
  hostname: string;
  /** What the route says for it: who says more has the connections. */
  said: string;
  id: string;
  targets: readonly StreamTarget[];
  age: string;
  key: string;
}

/** Rules of such a route match alike, so the first takes all that comes; what the others refer to is told of all the same. */
export function streamTargets(kind: 'TLSRoute' | 'TCPRoute' | 'UDPRoute', route: Route, observed: Observed): { targets: StreamTarget[]; unresolved?: Failure } {
  let unresolved: Failure | undefined;
  const protocol = kind === 'UDPRoute' ? 'UDP' : 'TCP';
  const [targets = []] = (route.spec?.rules ?? []).map(({ backendRefs = [] }) => backendRefs.map((ref): StreamTarget => {
    const found = resolveBackend(observed, ref, { group: GROUP, kind, namespace: route.metadata.namespace ?? '' }, protocol);
    if (!isFailure(found)) {
      const tls = tlsOf(observed, found.serviceKey, found.port.name);
      const balancing = balancingOf(observed.service(found.serviceKey));
      return { weight: ref.weight ?? 1, backend: { serviceKey: found.serviceKey, portName: found.port.name ?? '', ...(tls === undefined ? {} : { tls: isFailure(tls) ? 'broken' : tls }), ...(balancing === undefined ? {} : { balancing }) } };
    }
    unresolved ??= found;
    return { weight: ref.weight ?? 1 };
  }));
  return { targets: targets.filter(({ weight }) => weight > 0), ...(unresolved === undefined ? {} : { unresolved }) };
}
