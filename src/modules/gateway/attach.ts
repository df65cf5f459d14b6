/** Which routes are attached to which listeners (parentRefs, allowedRoutes, hostnames). Pure. */
import { GROUP } from '../../api/gateway/parts.ts';
import type { Gateway } from '../../api/gateway/kinds.ts';
import type { ParentReference, Route } from '../../api/gateway/types.ts';
import { matcherOfSelector } from '../../api/selector.ts';
import { hostnamesOn } from './hostnames.ts';
import type { ListenerState } from './listeners.ts';
import type { Observed, TlsPair } from './observed.ts';
import type { Failure } from './references.ts';

export interface GatewayState {
  gateway: Gateway;
  listeners: readonly ListenerState[];
  /** What it shows to backends, or why it has nothing to show. */
  clientCertificate?: TlsPair;
  unresolved?: Failure;
}

/** One parentRef that leads to a Gateway of ours. */
export interface Attachment {
  parentRef: ParentReference;
  gateway: GatewayState;
  /** The listeners that took the route, with the hostnames by which it is asked for there. */
  listeners: { state: ListenerState; hostnames: readonly string[] }[];
  /** Why no listener did. */
  failure?: Failure;
}

export function attachmentsOf(route: Route, kind: string, gateways: ReadonlyMap<string, GatewayState>, observed: Observed): Attachment[] {
  return (route.spec?.parentRefs ?? []).flatMap((parentRef) => {
    const { group = GROUP, kind: parentKind = 'Gateway', namespace = route.metadata.namespace } = parentRef;
    const gateway = group === GROUP && parentKind === 'Gateway' ? gateways.get(`${namespace}/${parentRef.name}`) : undefined;
    return gateway === undefined ? [] : [attach(route, kind, parentRef, gateway, observed)];
  });
}

function attach(route: Route, kind: string, parentRef: ParentReference, gateway: GatewayState, observed: Observed): Attachment {
  const none = (reason: string, message: string): Attachment => ({ parentRef, gateway, listeners: [], failure: { reason, message } });
  const named = gateway.listeners.filter(({ listener }) => (parentRef.sectionName === undefined || parentRef.sectionName === '' || listener.name === parentRef.sectionName) && (parentRef.port === undefined || listener.port === parentRef.port));
  if (named.length === 0) return none('NoMatchingParent', `Gateway '${parentRef.name}' has no listener of that ${parentRef.sectionName === undefined ? 'port' : 'name'}`);
  const ofKind = named.filter(({ kinds, conflict }) => kinds.includes(kind) && conflict === undefined);
  const allowed = ofKind.filter((state) => allowsNamespace(state, gateway.gateway, route.metadata.namespace ?? '', observed));
  if (allowed.length === 0) return none('NotAllowedByListeners', ofKind.length === 0 ? `no listener takes a ${kind}` : `no listener takes routes of namespace '${route.metadata.namespace}'`);
  const listeners = allowed.map((state) => ({ state, hostnames: hostnamesOn(state.listener.hostname, route.spec?.hostnames) })).filter(({ hostnames }) => hostnames.length > 0);
  if (listeners.length === 0) return none('NoMatchingListenerHostname', 'no hostname of the route falls under that of a listener');
  return { parentRef, gateway, listeners };
}

function allowsNamespace({ listener }: ListenerState, gateway: Gateway, namespace: string, observed: Observed): boolean {
  const { from = 'Same', selector } = listener.allowedRoutes?.namespaces ?? {};
  if (from === 'All') return true;
  if (from === 'Same') return namespace === gateway.metadata.namespace;
  return from === 'Selector' && selector !== undefined && matcherOfSelector(selector).matches(observed.namespace(namespace)?.metadata.labels ?? {});
}
