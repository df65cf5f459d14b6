/** TLSRoutes: connections led on by the name of the server that they ask for. Pure. */
import { GROUP } from '../../api/gateway/parts.ts';
import type { TLSRoute } from '../../api/gateway/kinds.ts';
import { balancingOf, type Balancing } from '../../sdk/load-balancing/balancing.ts';
import type { Observed } from './observed.ts';
import { tlsOf } from './backend-tls.ts';
import { isFailure, resolveBackend, type Failure } from './references.ts';
import type { BackendTls } from './rules.ts';

export interface TlsTarget {
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
  targets: readonly TlsTarget[];
  age: string;
  key: string;
}

/** Rules of a TLSRoute match alike, so the first takes all that comes; what the others refer to is told of all the same. */
export function tlsTargets(route: TLSRoute, observed: Observed): { targets: TlsTarget[]; unresolved?: Failure } {
  let unresolved: Failure | undefined;
  const [targets = []] = route.spec.rules.map(({ backendRefs = [] }) => backendRefs.map((ref): TlsTarget => {
    const found = resolveBackend(observed, ref, { group: GROUP, kind: 'TLSRoute', namespace: route.metadata.namespace ?? '' });
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
