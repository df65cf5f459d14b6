/** From the objects to what is to be: which ports take in which requests, and what the objects' statuses say. A pure function. */
import type { Gateway } from '../../api/gateway/kinds.ts';
import type { Listener } from '../../api/gateway/types.ts';
import { attachmentsOf, type Attachment, type GatewayState } from './attach.ts';
import { yieldHostnames } from './conflicts.ts';
import { compareHostnames } from './hostnames.ts';
import { clientCertificateOf, type ClientValidation } from './gateway-tls.ts';
import { setsOf } from './listener-sets.ts';
import { listenersOf, type ListenerState } from './listeners.ts';
import { CONTROLLER, type Observed, type TlsPair } from './observed.ts';
import type { Failure } from './references.ts';
import { resolveRoute, type Resolved } from './route-rules.ts';
import { compareMatches, compareText, type Entry } from './rules.ts';
import { ingressDoors } from './ingress.ts';
import { streamTargets, type StreamTarget, type TlsEntry } from './tls-rules.ts';
import type { GRPCRoute, HTTPRoute, TCPRoute, TLSRoute, UDPRoute } from '../../api/gateway/kinds.ts';

export interface DoorListener {
  name: string;
  /** '' for all. */
  hostname: string;
  certificates: readonly TlsPair[];
  /** What it takes in: requests, or connections: whose TLS is ended here or passed through, or whatever they carry. */
  takes: 'requests' | 'ended' | 'passed' | 'connections';
  /** What clients must show of themselves. */
  clients?: ClientValidation;
}

/** One port of a Gateway, or of all Ingresses. */
export interface Door {
  /** `namespace/name` of the Gateway; '' for the Ingresses. */
  owner: string;
  port: number;
  /** In the order in which hostnames are tried. */
  listeners: readonly DoorListener[];
  /** TLS is ended here; false for plain HTTP. */
  secure: boolean;
  /** In the order in which they are tried. */
  entries: readonly Entry[];
  /** Of connections, by name of the server or without a look at anything. */
  tlsEntries: readonly TlsEntry[];
  /** What the Gateway shows to backends that it speaks to by TLS. */
  clientCertificate?: TlsPair;
}

/** A port of a Gateway for datagrams, which the kernel shares. */
export interface DatagramPort {
  /** `namespace/name` of the Gateway. */
  owner: string;
  port: number;
  targets: readonly StreamTarget[];
}

export interface RouteState {
  kind: 'HTTPRoute' | 'GRPCRoute' | 'TLSRoute' | 'TCPRoute' | 'UDPRoute';
  route: HTTPRoute | GRPCRoute | TLSRoute | TCPRoute | UDPRoute;
  attachments: readonly Attachment[];
  resolved: Pick<Resolved, 'unresolved' | 'unsupported' | 'partial'>;
}

export interface Plan {
  gateways: readonly GatewayState[];
  routes: readonly RouteState[];
  doors: readonly Door[];
  datagramPorts: readonly DatagramPort[];
}

/** The Gateways of classes whose controller we are. */
export function ownGateways({ classes, gateways }: Pick<Observed, 'classes' | 'gateways'>): Gateway[] {
  const own = new Set(classes.filter(({ spec }) => spec.controllerName === CONTROLLER).map(({ metadata }) => metadata.name));
  return gateways.filter(({ spec, metadata }) => own.has(spec.gatewayClassName) && metadata.deletionTimestamp === undefined);
}

/** `broken` holds ids of actions that cannot be carried out, with why, so that they do not stop the others. */
export function planOf(observed: Observed, broken: ReadonlyMap<string, string> = new Map()): Plan {
  const gateways = ownGateways(observed).map((gateway): GatewayState => {
    const { allowed, refused } = setsOf(gateway, observed);
    return { gateway, listeners: listenersOf(gateway, allowed, observed), refusedSets: refused, ...clientCertificateOf(gateway, observed) };
  });
  const byKey = new Map(gateways.map((state) => [keyOfGateway(state.gateway), state]));
  const routes: RouteState[] = [];
  const entries = new Map<GatewayState, Entry[]>();
  const tlsEntries = new Map<GatewayState, TlsEntry[]>();
  const requests: (RouteState & { kind: 'HTTPRoute' | 'GRPCRoute'; resolved: Resolved })[] = [];
  for (const [kind, all] of [['HTTPRoute', observed.httpRoutes], ['GRPCRoute', observed.grpcRoutes]] as const) {
    for (const route of all) {
      const attachments = attachmentsOf(route, kind, byKey, observed);
      if (attachments.length === 0) continue;
      const resolved = resolveRoute(kind, route, observed);
      drop(resolved, broken);
      requests.push({ kind, route, attachments, resolved });
    }
  }
  yieldHostnames(requests);
  for (const { route, resolved, attachments } of requests) {
    if (resolved.unsupported !== undefined) continue;
    for (const { gateway, listeners } of attachments) for (const { state, said } of listeners) nested(entries, gateway).push(...entriesOf(route, resolved, state, said));
  }
  routes.push(...requests);
  for (const [kind, all] of [['TLSRoute', observed.tlsRoutes], ['TCPRoute', observed.tcpRoutes], ['UDPRoute', observed.udpRoutes]] as const) {
    for (const route of all) {
      const attachments = attachmentsOf(route, kind, byKey, observed);
      if (attachments.length === 0) continue;
      const { targets, unresolved } = streamTargets(kind, route, observed);
      routes.push({ kind, route, attachments, resolved: unresolved === undefined ? {} : { unresolved } });
      const key = `${route.metadata.namespace}/${route.metadata.name}`;
      for (const { gateway, listeners } of attachments) for (const { state, said: names } of listeners) nested(tlsEntries, gateway).push(...[...names].map(([hostname, said]): TlsEntry => ({ listener: state.id, hostname, said, id: `${kind}:${key.replace('/', ':')}:0`, targets, age: route.metadata.creationTimestamp ?? '', key })));
    }
  }
  const doors = [...gateways.flatMap((state) => doorsOf(state, entries.get(state) ?? [], tlsEntries.get(state) ?? [])), ...ingressDoors(observed, broken)];
  return { gateways, routes, doors, datagramPorts: gateways.flatMap((state) => datagramPortsOf(state, tlsEntries.get(state) ?? [])) };
}

/** Leaves out the rules that cannot be carried out; a route without others is not accepted. */
function drop(resolved: Resolved, broken: ReadonlyMap<string, string>): void {
  const bad = resolved.rules.filter(({ action }) => broken.has(action.id));
  const [first] = bad;
  if (first === undefined) return;
  const why: Failure = { reason: 'UnsupportedValue', message: broken.get(first.action.id) ?? '' };
  if (bad.length === resolved.rules.length) resolved.unsupported ??= why;
  else resolved.partial = { ...why, message: `Dropped Rule ${bad.map(({ action }) => action.id.split(':').at(-1)).join(', ')}: ${why.message}` };
  resolved.rules = resolved.rules.filter((each) => !bad.includes(each));
}

export const keyOfGateway = ({ metadata }: Gateway): string => `${metadata.namespace}/${metadata.name}`;

function entriesOf(route: HTTPRoute | GRPCRoute, { rules }: Resolved, { id }: ListenerState, hostnames: ReadonlyMap<string, string>): Entry[] {
  return rules.flatMap(({ matches, action }, ruleAt) => matches.flatMap((match, matchAt) => [...hostnames].map(([hostname, said]): Entry => ({
    listener: id, hostname, said, match, action, age: route.metadata.creationTimestamp ?? '', key: `${route.metadata.namespace}/${route.metadata.name}`, at: [ruleAt, matchAt],
  }))));
}

function doorsOf({ gateway, listeners, clientCertificate }: GatewayState, entries: readonly Entry[], tlsEntries: readonly TlsEntry[]): Door[] {
  const working = listeners.filter(({ works, listener }) => works && listener.protocol !== 'UDP');
  const ports = [...new Set(working.map(({ listener }) => listener.port))].sort((a, b) => a - b);
  return ports.map((port) => {
    const own = working.filter(({ listener }) => listener.port === port).sort((a, b) => compareHostnames(a.listener.hostname ?? '', b.listener.hostname ?? ''));
    const names = new Set(own.map(({ id }) => id));
    return {
      owner: keyOfGateway(gateway), port, secure: own.some(({ listener }) => listener.protocol !== 'HTTP'),
      ...(clientCertificate === undefined ? {} : { clientCertificate }),
      listeners: own.map(({ id, listener, certificates, clients }) => ({ name: id, hostname: listener.hostname ?? '', certificates, ...(clients === undefined ? {} : { clients }), takes: takenBy(listener) })),
      entries: sortEntries(entries.filter(({ listener }) => names.has(listener))),
      tlsEntries: tlsEntries.filter(({ listener }) => names.has(listener)).sort(compareTlsEntries),
    };
  });
}

function takenBy({ protocol, tls }: Listener): DoorListener['takes'] {
  if (protocol === 'TCP') return 'connections';
  return protocol !== 'TLS' ? 'requests' : tls?.mode === 'Passthrough' ? 'passed' : 'ended';
}

/** Of several routes the oldest has all datagrams. */
function datagramPortsOf({ gateway, listeners }: GatewayState, entries: readonly TlsEntry[]): DatagramPort[] {
  return listeners.filter(({ works, listener }) => works && listener.protocol === 'UDP')
    .map(({ id, listener }) => ({ owner: keyOfGateway(gateway), port: listener.port, targets: entries.filter((each) => each.listener === id).sort(compareTlsEntries)[0]?.targets ?? [] }));
}

function compareTlsEntries(a: TlsEntry, b: TlsEntry): number {
  return compareHostnames(a.hostname, b.hostname) || compareHostnames(a.said, b.said) || compareText(a.age, b.age) || compareText(a.key, b.key);
}

export function sortEntries(entries: readonly Entry[]): Entry[] {
  return entries.toSorted((a, b) => compareHostnames(a.hostname, b.hostname) || compareHostnames(a.said ?? a.hostname, b.said ?? b.hostname) || compareMatches(a, b));
}

function nested<K, V>(map: Map<K, V[]>, key: K): V[] {
  let inner = map.get(key);
  if (inner === undefined) map.set(key, (inner = []));
  return inner;
}
