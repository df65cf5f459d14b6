/**
 * The working part, loaded when the first Gateway or Ingress is there: follows the objects, brings HAProxy to the plan that they make, and writes
 * addresses and statuses. Changes are gathered for a moment; a change of endpoints alone is a command to HAProxy and no new plan.
 */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ClusterTrustBundle } from '../../api/certificates/cluster-trust-bundle.ts';
import { ConfigMap } from '../../api/core/config-map.ts';
import { zoneOf } from '../../api/core/zone.ts';
import { Node } from '../../api/core/node.ts';
import { Namespace } from '../../api/core/namespace.ts';
import { Pod } from '../../api/core/pod.ts';
import { Secret } from '../../api/core/secret.ts';
import { Service } from '../../api/core/service.ts';
import type { Service as ServiceObject } from '../../api/generated/core-v1.ts';
import { EndpointSlice } from '../../api/discovery/endpoint-slice.ts';
import { isApiError } from '../../api/errors.ts';
import { BackendTLSPolicy, Gateway, GatewayClass, GRPCRoute, HTTPRoute, ListenerSet, ReferenceGrant, TCPRoute, TLSRoute, UDPRoute } from '../../api/gateway/kinds.ts';
import type { Kind } from '../../api/kind.ts';
import type { KubeObject } from '../../api/meta.ts';
import { Ingress } from '../../api/networking/ingress.ts';
import { IngressClass } from '../../api/networking/ingress-class.ts';
import { LoadBalancingPolicy } from '../../api/network/load-balancing-policy.ts';
import { rfc3339 } from '../../base/clock.ts';
import { keyOf } from '../../sdk/cache.ts';
import { indexPolicies, policyFor, withPolicy } from '../../sdk/load-balancing/policies.ts';
import { proxySettingsOf, weightOf, weightsOf } from '../../sdk/load-balancing/settings.ts';
import type { ModuleContext, RouteRequest } from '../../sdk/module.ts';
import { parseAccess } from './access.ts';
import { accessFile, listenForLines } from './access-log.ts';
import { addressesOf, ensureGatewayService, ensureIngressService, INGRESS_SERVICE, isOfAnother, serviceNameOf, type AddressInput } from './addresses.ts';
import { createDoubtTeller } from './certificate-doubts.ts';
import { endpointsFrom, SERVICE_NAME_LABEL } from './endpoints.ts';
import { createProxy } from './haproxy/proxy.ts';
import { isOwnIngress } from './ingress.ts';
import { acmeSettings, createIssuer } from './issuer.ts';
import { localCertificates } from './local-certificates.ts';
import { matters } from './matters.ts';
import type { Observed } from './observed.ts';
import { keyOfGateway, planOf, type Plan, type RouteState } from './plan.ts';
import { createSpanExporter } from './otlp/exporter.ts';
import { otlpSettings } from './otlp/settings.ts';
import { createSignals } from './signals.ts';
import { gatewayStatus, listenerSetStatuses, policyAncestors, routeParents, type Standing } from './statuses.ts';

const GATHER_MS = 20;
const RETRY_MS = 2_000;
const STATUSES_AT_ONCE = 16;
/** Of what HAProxy counts by itself; a HAProxy that is killed takes along what it counted since. */
const COLLECT_MS = 5_000;
/** Rounds in which actions that HAProxy refuses are found out; each leaves at least one more aside. */
const MOST_ROUNDS = 20;

export interface Engine {
  /** Settles after the abort, when nothing is under way. */
  settled(): Promise<void>;
}

export async function startEngine(context: ModuleContext): Promise<Engine> {
  const { caches, client, clock, log, machine, signal } = context;
  const of = <T extends KubeObject>(kind: Kind<T>) => caches.of(kind);
  const slices = of(EndpointSlice);
  slices.addIndex('gateway-service', (slice) => {
    const name = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    return name === undefined ? [] : [`${slice.metadata.namespace}/${name}`];
  });
  const planned = [GatewayClass, Gateway, ListenerSet, HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute, ReferenceGrant, BackendTLSPolicy, Service, Secret, ConfigMap, ClusterTrustBundle, Namespace, Ingress, IngressClass] as readonly unknown[] as readonly Kind[];
  await Promise.all([...planned, EndpointSlice as Kind, Node as Kind, Pod as Kind, LoadBalancingPolicy as unknown as Kind].map((kind) => of(kind).ready()));

  const policies = of(LoadBalancingPolicy);
  indexPolicies(policies);
  const serviceOf = (key: string): ServiceObject | undefined => {
    const service = of(Service).get(key);
    return service === undefined ? undefined : withPolicy(service, policyFor(policies, key));
  };
  const localCertificate = context.authority === undefined ? undefined : localCertificates(context.authority, { nowMs: () => clock.nowMs(), signal }, () => schedule('plan'));
  const observe = (): Observed => ({
    classes: of(GatewayClass).list(), gateways: of(Gateway).list(), listenerSets: of(ListenerSet).list(), httpRoutes: of(HTTPRoute).list(), grpcRoutes: of(GRPCRoute).list(), tlsRoutes: of(TLSRoute).list(), tcpRoutes: of(TCPRoute).list(), udpRoutes: of(UDPRoute).list(), grants: of(ReferenceGrant).list(), policies: of(BackendTLSPolicy).list(),
    ingresses: of(Ingress).list(), ingressClasses: of(IngressClass).list(),
    service: serviceOf, secret: (key) => of(Secret).get(key), configMap: (key) => of(ConfigMap).get(key), trustBundle: (name) => of(ClusterTrustBundle).get(name), namespace: (name) => of(Namespace).get(name),
    ...(localCertificate === undefined ? {} : { localCertificate }),
  });
  const otlp = otlpSettings(context.config);
  const spans = otlp === undefined ? undefined : createSpanExporter(otlp, { nodeName: machine.nodeName, log });
  const acme = acmeSettings(context.config);
  const issuer = acme === undefined ? undefined : createIssuer(acme, context, observe);
  const tellDoubts = createDoubtTeller(context, observe);
  const file = context.config['accessLog'] === true ? accessFile(join(machine.stateFolder, 'access.log'), log) : undefined;
  const signals = createSignals();
  const takeLine = (line: string): void => {
    const nowMs = clock.nowMs();
    if (!signals.take(line, nowMs) || (file === undefined && spans === undefined)) return;
    const access = parseAccess(line);
    if (access === undefined) return;
    file?.write(access, nowMs);
    spans?.take(access, nowMs);
  };
  const place = (): { nodeName: string; zone?: string | undefined } => ({ nodeName: machine.nodeName, zone: zoneOf(of(Node).get(machine.nodeName)) });
  const lines = await listenForLines({ gatewayIp: machine.network.gatewayIp, file: join(machine.runFolder, 'lines.port'), take: takeLine, log });
  const proxy = createProxy({
    program: machine.programs['haproxy'] ?? 'haproxy', folder: proxyFolder(machine), linesPort: lines.port, takeLine, sendsSpans: spans !== undefined, tellsAll: file !== undefined || spans !== undefined, ...(issuer === undefined ? {} : { challenges: () => ({ thumbprint: issuer.thumbprint, names: issuer.names() }) }), gatewayIp: machine.network.gatewayIp, gatewayIp6: machine.network.ipv6?.gatewayIp, log, signal,
    endpointsOf: ({ serviceKey, portName }) => {
      const own = slices.byIndex('gateway-service', serviceKey);
      const weights = weightsOf(serviceKey.split('/')[0] ?? '', own, (key) => of(Pod).get(key));
      return endpointsFrom(own, portName, place()).map((each) => {
        const weight = weights.get(each.address);
        return weight === undefined ? each : { ...each, weight };
      });
    },
    drainMsOf: ({ serviceKey }) => {
      const service = serviceOf(serviceKey);
      return service === undefined ? undefined : proxySettingsOf(service).drainMs;
    },
  });
  const collect = async (): Promise<void> => {
    const { recent, inherited } = await proxy.counted();
    signals.add(inherited, clock.nowMs(), 'before');
    signals.add(recent, clock.nowMs());
  };
  let collected: Promise<void> | undefined;
  /** Who asks while another one does has the same counts. */
  const tryCollect = (): Promise<void> => (collected ??= collect().catch((error: unknown) => log.warn('HAProxy of the gateways does not tell its counts', { error })).finally(() => (collected = undefined)));
  const served = async (): Promise<object[]> => [...(await proxy.served().catch((error: unknown) => {
    log.warn('HAProxy of the gateways does not tell who served', { error });
    return new Map<string, number>();
  }))].map(([address, requests]) => ({ address, requests }));
  const collecting = setInterval(() => void tryCollect(), COLLECT_MS).unref();
  const withdraw = [
    context.metrics?.(() => tryCollect().then(() => signals.metrics() + (spans?.metrics() ?? ''))),
    context.route({ path: '/gateway/routes', handle: (request) => tryCollect().then(async () => answer(request, { items: signals.routes(clock.nowMs()), endpoints: await served() })) }),
    context.route({ path: '/gateway/requests', handle: (request) => answer(request, { items: signals.requests() }) }),
  ];
  const addressing: AddressInput = { client, services: of(Service), slices, place, gatewayIps: [machine.network.gatewayIp, ...(machine.network.ipv6 === undefined ? [] : [machine.network.ipv6.gatewayIp])] };

  let timer: NodeJS.Timeout | undefined;
  let wanted: 'endpoints' | 'plan' | undefined;
  let working: Promise<void> = Promise.resolve();
  /** The statuses of the last round, by uid. */
  const said = new Map<string | undefined, unknown>();
  /** The first status of a round that could not be written; the others are written all the same. */
  let unwritten: unknown;
  const schedule = (what: 'endpoints' | 'plan', delayMs = GATHER_MS): void => {
    if (signal.aborted) return;
    if (wanted !== 'plan') wanted = what;
    timer ??= setTimeout(() => {
      timer = undefined;
      working = working.then(work).catch((error: unknown) => {
        if (signal.aborted) return;
        if (!isApiError(error, 'Conflict', 'AlreadyExists', 'NotFound')) log.error('gateways are not as they should be, trying again', { error });
        schedule('plan', isApiError(error, 'Conflict', 'AlreadyExists', 'NotFound') ? GATHER_MS : RETRY_MS);
      });
    }, delayMs);
  };

  /** What came while another round was under way is done by one. */
  async function work(): Promise<void> {
    const next = wanted;
    wanted = undefined;
    if (next !== undefined) await (next === 'plan' ? round() : refresh());
  }

  /** Of whom the last round spoke. */
  let carried: Plan | undefined;

  async function refresh(): Promise<void> {
    await proxy.refresh();
    if (carried !== undefined) await ensureServices(carried.gateways.filter(({ gateway }) => carried?.datagramPorts.some(({ owner }) => owner === keyOfGateway(gateway))), carried);
  }

  async function ensureServices(states: Plan['gateways'], plan: Plan): Promise<void> {
    for (const { gateway } of states) await ensureGatewayService(addressing, gateway, portsOf(plan, keyOfGateway(gateway)), plan.datagramPorts.filter(({ owner }) => owner === keyOfGateway(gateway)));
  }

  async function round(): Promise<void> {
    const observed = observe();
    const plan = await carry(observed);
    carried = plan;
    await ensureServices(plan.gateways, plan);
    await ensureIngressService(addressing, portsOf(plan, ''));
    issuer?.look(observed);
    tellDoubts(observed);
    await writeStatuses(plan, observed);
  }

  /** What HAProxy refuses is left aside, so that it takes the rest. */
  async function carry(observed: Observed): Promise<Plan> {
    const broken = new Map<string, string>();
    for (let at = 0; ; at++) {
      const plan = planOf(observed, broken);
      const wrong = await proxy.carry(plan.doors);
      if (wrong.size === 0) return plan;
      if (at === MOST_ROUNDS) throw new Error(`too many rules that HAProxy refuses, such as ${[...wrong][0]?.join(': ')}`);
      for (const [id, why] of wrong) broken.set(id, why);
    }
  }

  function portsOf(plan: Plan, owner: string): { port: number; listenPort: number }[] {
    return plan.doors.filter((door) => door.owner === owner).flatMap((door) => {
      const listenPort = proxy.portOf(door);
      return listenPort === undefined ? [] : [{ port: door.port, listenPort }];
    });
  }

  async function writeStatuses(plan: Plan, observed: Observed): Promise<void> {
    const now = rfc3339(clock.nowMs());
    unwritten = undefined;
    said.clear();
    for (const state of plan.gateways) await write(Gateway, state.gateway, gatewayStatus(state, plan, standingOf(state.gateway), now));
    for (const state of plan.gateways) for (const { set, status } of listenerSetStatuses(state, plan, standingOf(state.gateway), now)) await write(ListenerSet, set, status);
    const told = new Set(plan.routes.map(({ kind, route }) => `${kind} ${keyOf(route)}`));
    await inParallel(plan.routes, (state) => write(kindOf(state.kind), state.route, { ...state.route.status, parents: routeParents(state, now) }));
    // Routes that left us: what we said of them is taken back.
    for (const [name, routes] of [['HTTPRoute', observed.httpRoutes], ['GRPCRoute', observed.grpcRoutes], ['TLSRoute', observed.tlsRoutes], ['TCPRoute', observed.tcpRoutes], ['UDPRoute', observed.udpRoutes]] as const) {
      for (const route of routes) {
        if (told.has(`${name} ${keyOf(route)}`) || route.status?.parents === undefined) continue;
        await write(kindOf(name), route, { ...route.status, parents: routeParents({ kind: name, route, attachments: [], resolved: {} }, now) });
      }
    }
    for (const policy of observed.policies) {
      const ancestors = policyAncestors(policy, plan, observed, now);
      if (policy.status !== undefined || ancestors.length > 0) await write(BackendTLSPolicy, policy, { ancestors });
    }
    const addresses = addressesOf(observed.service(`${INGRESS_SERVICE.namespace}/${INGRESS_SERVICE.name}`));
    for (const ingress of observed.ingresses) if (isOwnIngress(ingress, observed)) await write(Ingress, ingress, { ...ingress.status, loadBalancer: addresses.length === 0 ? {} : { ingress: addresses.map(({ value = '' }) => ({ ip: value })) } });
    if (unwritten !== undefined) throw unwritten;
  }

  function standingOf(gateway: Gateway): Standing {
    const asked = gateway.spec.addresses ?? [];
    const foreign = asked.find(({ type = 'IPAddress' }) => type !== 'IPAddress');
    const serviceName = serviceNameOf(gateway.metadata.name ?? '');
    const service = of(Service).get(`${gateway.metadata.namespace}/${serviceName}`);
    if (isOfAnother(service, gateway)) return { addresses: [], noAddress: `the Service '${serviceName}' stands for this Gateway, and there is one of that name that somebody else made` };
    const addresses = addressesOf(service);
    const values = asked.flatMap(({ value }) => (value ? [value] : []));
    const missing = values.find((value) => !addresses.some((each) => each.value === value));
    return {
      addresses, ...(foreign === undefined ? {} : { refusedAddress: `addresses of type ${foreign.type} cannot be had; IPAddress can` }),
      ...(missing === undefined ? {} : { unusableAddress: `${missing} is not to be had: it must be a free address of ${machine.network.loadBalancerCidr}, and the only one` }),
    };
  }

  async function write<T extends KubeObject & { status?: unknown }>(kind: Kind<T>, object: T, status: unknown): Promise<void> {
    said.set(object.metadata.uid, status);
    if (isDeepStrictEqual(object.status ?? {}, status)) return;
    try {
      await client.update(kind, { ...object, status } as T, { subresource: 'status' });
    } catch (error) {
      unwritten ??= error;
    }
  }

  const stops = planned.map((kind) => of(kind).subscribe(({ type, object, previous }) => {
    if (type === 'deleted' || matters(kind, object, previous, said.get(object.metadata.uid))) schedule('plan');
  }));
  stops.push(slices.subscribe(() => schedule('endpoints')));
  stops.push(of(Node).subscribe(({ object, previous }) => { if (zoneOf(object) !== zoneOf(previous)) schedule('endpoints'); }));
  stops.push(policies.subscribe(() => schedule('plan')), of(Pod).subscribe(({ object, previous }) => { if (weightOf(object) !== weightOf(previous)) schedule('endpoints'); }));
  schedule('plan', 0);
  const stop = (): void => {
    clearTimeout(timer);
    clearInterval(collecting);
    for (const each of stops) each();
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  return {
    async settled() {
      await working;
      await proxy.settled();
      for (const each of withdraw) each?.();
      lines.close();
      await file?.close();
      await spans?.close();
    },
  };
}

function answer({ response }: RouteRequest, body: unknown): Promise<void> {
  response?.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  return Promise.resolve();
}

export function proxyFolder(machine: { runFolder: string }): string {
  return join(machine.runFolder, 'haproxy');
}

function kindOf(name: RouteState['kind']): Kind<KubeObject & { status?: unknown }> {
  return { HTTPRoute, GRPCRoute, TLSRoute, TCPRoute, UDPRoute }[name] as unknown as Kind<KubeObject & { status?: unknown }>;
}

/** Runs as many at once as the store writes down together. */
async function inParallel<T>(all: readonly T[], run: (one: T) => Promise<void>): Promise<void> {
  const rest = all.values();
  await Promise.all(Array.from({ length: STATUSES_AT_ONCE }, async () => {
    for (const one of rest) await run(one);
  }));
}
