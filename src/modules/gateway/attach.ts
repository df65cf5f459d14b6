/** Which routes are attached to which listeners (parentRefs, allowedRoutes, hostnames). Pure. */
import { GROUP } from '../../api/gateway/parts.ts';
import type { Gateway, ListenerSet } from '../../api/gateway/kinds.ts';
import type { ParentReference, Route } from '../../api/gateway/types.ts';
import { matcherOfSelector } from '../../api/selector.ts';
import { hostnamesOn } from './hostnames.ts';
import { keyOfSet } from './listener-sets.ts';
import type { ListenerState } from './listeners.ts';
import type { Observed, TlsPair } from './observed.ts';
import type { Failure } from './references.ts';

export interface GatewayState {
  gateway: Gateway;
  listeners: readonly ListenerState[];
  /** That it does not let in. */
  refusedSets: readonly ListenerSet[];
  /** What it shows to backends, or why it has nothing to show. */
  clientCertificate?: TlsPair;
  unresolved?: Failure;
}

/** One parentRef that leads to a Gateway of ours, or to a ListenerSet of one. */
export interface Attachment {
  parentRef: ParentReference;
  gateway: GatewayState;
  /** The listeners that took the route, with the hostnames by which it is asked for there, and what the route itself says for each. */
  listeners: { state: ListenerState; hostnames: readonly string[]; said: ReadonlyMap<string, string> }[];
  /** Why no listener did. */
  failure?: Failure;
}

export function attachmentsOf(route: Route, kind: string, gateways: ReadonlyMap<string, GatewayState>, observed: Observed): Attachment[] {
  return (route.spec?.parentRefs ?? []).flatMap((parentRef) => {
    const { group = GROUP, kind: parentKind = 'Gateway', namespace = route.metadata.namespace } = parentRef;
    if (group !== GROUP) return [];
    const key = `${namespace}/${parentRef.name}`;
    const gateway = parentKind === 'Gateway' ? gateways.get(key) : parentKind === 'ListenerSet' ? [...gateways.values()].find(({ listeners, refusedSets }) => [...listeners.map(({ set }) => set), ...refusedSets].some((set) => set !== undefined && keyOfSet(set) === key)) : undefined;
    return gateway === undefined ? [] : [attach(route, kind, parentRef, gateway, parentKind === 'ListenerSet' ? key : undefined, observed)];
  });
}

function attach(route: Route, kind: string, parentRef: ParentReference, gateway: GatewayState, setKey: string | undefined, observed: Observed): Attachment {
  const none = (reason: string, message: string): Attachment => ({ parentRef, gateway, listeners: [], failure: { reason, message } });
  const named = gateway.listeners.filter(({ listener, set }) => (set === undefined ? undefined : keyOfSet(set)) === setKey && (parentRef.sectionName === undefined || parentRef.sectionName === '' || listener.name === parentRef.sectionName) && (parentRef.port === undefined || listener.port === parentRef.port));
  if (named.length === 0) return none('NoMatchingParent', `${parentRef.kind ?? 'Gateway'} '${parentRef.name}' has no listener of that ${parentRef.sectionName === undefined ? 'port' : 'name'}`);
  const ofKind = named.filter(({ kinds, conflict }) => kinds.includes(kind) && conflict === undefined);
  const allowed = ofKind.filter((state) => allowsNamespace(state, gateway.gateway, route.metadata.namespace ?? '', observed));
  if (allowed.length === 0) return none('NotAllowedByListeners', ofKind.length === 0 ? `no listener takes a ${kind}` : `no listener takes routes of namespace '${route.metadata.namespace}'`);
  const listeners = allowed.map((state) => {
    const said = hostnamesOn(state.listener.hostname, route.spec?.hostnames);
    return { state, hostnames: [...said.keys()], said };
  }).filter(({ hostnames }) => hostnames.length > 0);
  if (listeners.length === 0) return none('NoMatchingListenerHostname', 'no hostname of the route falls under that of a listener');
  return { parentRef, gateway, listeners };
}

function allowsNamespace({ listener, set }: ListenerState, gateway: Gateway, namespace: string, observed: Observed): boolean {
  const { from = 'Same', selector } = listener.allowedRoutes?.namespaces ?? {};
  if (from === 'All') return true;
  if (from === 'Same') return namespace === (set ?? gateway).metadata.namespace;
  return from === 'Selector' && selector !== undefined && matcherOfSelector(selector).matches(observed.namespace(namespace)?.metadata.labels ?? {});
}
