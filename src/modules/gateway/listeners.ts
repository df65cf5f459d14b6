/** The listeners of a Gateway: which are valid, which conflict with each other, which certificates they show (Gateway.spec.listeners). Pure. */
import { GROUP } from '../../api/gateway/parts.ts';
import type { Gateway, ListenerSet } from '../../api/gateway/kinds.ts';
import type { Listener, RouteGroupKind } from '../../api/gateway/types.ts';
import { ownValue } from '../../api/json.ts';
import { intersection } from './hostnames.ts';
import type { Observed, TlsPair } from './observed.ts';
import { isFailure, resolveCertificate, type Failure } from './references.ts';
import { clientValidationOf, type ClientValidation } from './gateway-tls.ts';

export interface ListenerState {
  /** Among all of the Gateway: its name, for one of a ListenerSet after `namespace/set/`. */
  id: string;
  listener: Listener;
  /** Where it is from, if not from the Gateway itself. */
  set?: ListenerSet;
  /** Kinds of routes that it takes. */
  kinds: readonly string[];
  certificates: readonly TlsPair[];
  /** What clients must show of themselves. */
  clients?: ClientValidation;
  /** Why it is not accepted. */
  refused?: Failure;
  conflict?: Failure;
  /** Why not all that it refers to can be had. */
  unresolved?: Failure;
  /** Another of protocol HTTPS on its port for which some of its hostnames are too, so that a client may use the connection to one for the other (RFC 9110, 7.4). */
  overlapping?: string;
  /** Whether requests are taken in for it. */
  works: boolean;
}

const KINDS: Readonly<Record<string, readonly string[]>> = { HTTP: ['HTTPRoute', 'GRPCRoute'], HTTPS: ['HTTPRoute', 'GRPCRoute'], TLS: ['TLSRoute'], TCP: ['TCPRoute'], UDP: ['UDPRoute'] };
const ENDED_KINDS = ['TLSRoute', 'TCPRoute'];

/** Those of one group share a port: of TLS by name of the server, of HTTP by host; one of TCP or UDP has it alone. Ports of UDP are others than all these. */
const GROUPS: Readonly<Record<string, string>> = { HTTP: 'HTTP', HTTPS: 'TLS', TLS: 'TLS', TCP: 'TCP', UDP: 'UDP' };

/** Those of the Gateway, and of `sets` in their order: what comes first has the port and the hostname. */
export function listenersOf(gateway: Gateway, sets: readonly ListenerSet[], observed: Observed): ListenerState[] {
  const states = gateway.spec.listeners.map((listener) => stateOf(listener, gateway, observed));
  for (const state of states) state.conflict = conflictOf(state, states);
  const before = states.filter(({ conflict }) => conflict === undefined);
  for (const set of sets) {
    for (const listener of set.spec.listeners) {
      const state = stateOf(listener, gateway, observed, set);
      state.conflict = conflictOf(state, before);
      states.push(state);
      if (state.conflict === undefined) before.push(state);
    }
  }
  for (const state of states) state.works = state.refused === undefined && state.conflict === undefined && (state.kinds.length > 0) && !(lacksCertificate(state));
  const secure = states.filter(({ works, listener }) => works && listener.protocol === 'HTTPS');
  for (const state of secure) {
    const other = secure.find((each) => each !== state && each.listener.port === state.listener.port && intersection(each.listener.hostname, state.listener.hostname ?? '') !== undefined);
    if (other !== undefined) state.overlapping = other.listener.name;
  }
  return states;
}

function lacksCertificate({ listener, certificates }: ListenerState): boolean {
  return (listener.protocol === 'HTTPS' || (listener.protocol === 'TLS' && listener.tls?.mode !== 'Passthrough')) && certificates.length === 0;
}

function stateOf(listener: Listener, gateway: Gateway, observed: Observed, set?: ListenerSet): ListenerState {
  const from = { id: set === undefined ? listener.name : `${set.metadata.namespace}/${set.metadata.name}/${listener.name}`, listener, ...(set === undefined ? {} : { set }) };
  const supported = listener.protocol === 'TLS' && listener.tls?.mode !== 'Passthrough' ? ENDED_KINDS : ownValue(KINDS, listener.protocol);
  if (supported === undefined) return { ...from, kinds: [], certificates: [], refused: { reason: 'UnsupportedProtocol', message: `protocol ${listener.protocol} is none of HTTP, HTTPS, TLS, TCP, UDP` }, works: false };
  const { kinds, wrong } = kindsOf(listener, supported);
  const state: ListenerState = { ...from, kinds, certificates: [], works: false, ...(wrong === undefined ? {} : { unresolved: wrong }) };
  if (GROUPS[listener.protocol] !== 'TLS' || listener.tls?.mode === 'Passthrough') return state;
  const found = (listener.tls?.certificateRefs ?? []).map((ref) => resolveCertificate(observed, ref, (set ?? gateway).metadata.namespace ?? '', set === undefined ? 'Gateway' : 'ListenerSet'));
  state.certificates = found.filter((each): each is TlsPair => !isFailure(each));
  state.unresolved ??= found.find(isFailure);
  if (found.length === 0) {
    const local = listener.hostname === undefined ? undefined : observed.localCertificate?.(listener.hostname);
    if (local === undefined) state.unresolved ??= { reason: 'InvalidCertificateRef', message: 'tls.certificateRefs is needed; only hostnames under localhost, local, internal and test get a certificate without' };
    else state.certificates = [local];
  }
  return listener.protocol === 'HTTPS' ? withClients(state, gateway, observed) : state;
}

/** Without any authority by which to know them, no client may come in. */
function withClients(state: ListenerState, gateway: Gateway, observed: Observed): ListenerState {
  const { clients, wrong } = clientValidationOf(gateway, state.listener, observed);
  if (clients !== undefined) state.clients = clients;
  if (wrong === undefined) return state;
  state.unresolved ??= wrong;
  if (clients === undefined) state.refused = { reason: 'NoValidCACertificate', message: wrong.message };
  return state;
}

function kindsOf(listener: Listener, supported: readonly string[]): { kinds: readonly string[]; wrong?: Failure } {
  const asked: readonly RouteGroupKind[] | undefined = listener.allowedRoutes?.kinds;
  if (asked === undefined || asked.length === 0) return { kinds: supported };
  const kinds = asked.filter((each) => (each.group ?? GROUP) === GROUP && supported.includes(each.kind)).map(({ kind }) => kind);
  const wrong = asked.find((each) => (each.group ?? GROUP) !== GROUP || !supported.includes(each.kind));
  return wrong === undefined ? { kinds } : { kinds, wrong: { reason: 'InvalidRouteKinds', message: `${wrong.kind} cannot be attached to a listener of protocol ${listener.protocol}` } };
}

/** Of two of different groups on a port, or with the same hostname, neither is used. A set takes no names by another protocol from a listener that has them all. */
function conflictOf(state: ListenerState, all: readonly ListenerState[]): Failure | undefined {
  const { listener } = state;
  if (state.refused !== undefined) return undefined;
  const group = ownValue(GROUPS, listener.protocol);
  for (const other of all) {
    if (other === state || other.refused !== undefined || other.listener.port !== listener.port) continue;
    const otherGroup = other.listener.protocol === listener.protocol ? group : ownValue(GROUPS, other.listener.protocol);
    if (group !== otherGroup && (group === 'UDP' || otherGroup === 'UDP')) continue;
    if (group !== otherGroup) return { reason: 'ProtocolConflict', message: `listener '${other.listener.name}' has protocol ${other.listener.protocol} on port ${listener.port}` };
    const taken = state.set !== undefined && listener.protocol !== other.listener.protocol && (other.listener.hostname ?? '') === '';
    if (!taken && (listener.hostname ?? '') !== (other.listener.hostname ?? '')) continue;
    return listener.protocol !== other.listener.protocol ? { reason: 'ProtocolConflict', message: `listener '${other.listener.name}' has protocol ${other.listener.protocol} for hostnames of this one on port ${listener.port}` } : { reason: 'HostnameConflict', message: `listener '${other.listener.name}' has the same hostname on port ${listener.port}` };
  }
  return undefined;
}
