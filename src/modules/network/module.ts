/** The network of one machine: pods on a bridge, Services in nftables, names in DNS. */
import { join } from 'node:path';
import { Endpoints } from '../../api/core/endpoints.ts';
import { Namespace } from '../../api/core/namespace.ts';
import { Node } from '../../api/core/node.ts';
import { Pod } from '../../api/core/pod.ts';
import { Service } from '../../api/core/service.ts';
import { EndpointSlice } from '../../api/discovery/endpoint-slice.ts';
import type { KubeObject } from '../../api/meta.ts';
import { aborted, untilAborted } from '../../base/aborted.ts';
import { carriesOut } from '../../sdk/carried-out.ts';
import { defineModule, type Module, type ModuleContext } from '../../sdk/module.ts';
import { followServices, serviceAllocator } from './admission.ts';
import type { Book } from './allocate.ts';
import { startDns } from './dns/start.ts';
import { lookForFirewalls } from './firewalls.ts';
import { watchFlowTable } from './flow-table.ts';
import { startHealthChecks } from './health-checks.ts';
import { loadBalancerController } from './load-balancer.ts';
import { portSettings, serveKubeProxyPorts } from './kube-proxy-ports.ts';
import { bridgeOf } from './links.ts';
import { createRulesHealth } from './rules-progress.ts';
import { nodePortRanges } from './node-port-addresses.ts';
import { isRouted, rangesElsewhere, removePodNetwork, setUpPodNetwork } from './pod-network.ts';
import { podProxyRoute } from './reach/pods.ts';
import { serviceProxyRoute } from './reach/services.ts';
import { LoadBalancingPolicy } from '../../api/network/load-balancing-policy.ts';
import { NetworkPolicy } from '../../api/networking/network-policy.ts';
import { IPAddress, IPAddressV1Beta1 } from '../../api/networking/ip-address.ts';
import { ServiceCIDR, ServiceCIDRV1Beta1 } from '../../api/networking/service-cidr.ts';
import { zoneOf } from '../../api/core/zone.ts';
import { serviceAddressController } from './service-addresses.ts';
import { ensureOwnRange, OWN_RANGE, routeFurtherRanges, serviceRangeController } from './service-ranges.ts';
import { othersOf } from './rule-facts.ts';
import { startSync } from './sync.ts';
import { endHaproxy } from '../../sdk/haproxy/process.ts';
import { policyStatus } from './proxy/policies.ts';
import { createProxiedServices } from './proxy/proxied.ts';
import { ensureWellKnown, wellKnownServices } from './well-known.ts';

function createNetworkModule(): Module {
  let book: Book | undefined;
  let seesBridged = true;
  let ranges: readonly string[] = [];
  let proxyFailure: (service: string) => string | undefined = () => undefined;
  const toldOfTurns = new Set<() => void>();
  let otherRanges: () => Promise<readonly string[]> = async () => [];

  return defineModule({
    name: 'network',
    description: 'Pod network, Services in nftables, cluster DNS',
    kinds: [NetworkPolicy, LoadBalancingPolicy, ServiceCIDR, ServiceCIDRV1Beta1, IPAddress, IPAddressV1Beta1] as never,
    needs: [Service, EndpointSlice, Endpoints],
    reads: [Service, EndpointSlice, Endpoints, Namespace, Node, Pod, NetworkPolicy, LoadBalancingPolicy, ServiceCIDR, IPAddress] as never,
    writes: [Service, EndpointSlice, Endpoints, ServiceCIDR] as never,
    admissions: [serviceAllocator(() => book)],
    controllers: [loadBalancerController(() => ranges), policyStatus({ whyNone: (service) => proxyFailure(service), follow: (turned) => (toldOfTurns.add(turned), () => void toldOfTurns.delete(turned)) }), serviceRangeController(() => otherRanges()), serviceAddressController],
    async start(context) {
      const { loadBalancerCidr, podCidr, ipv6 } = context.machine.network;
      ranges = [loadBalancerCidr, ...(ipv6 === undefined ? [] : [ipv6.loadBalancerCidr])];
      otherRanges = async () => [...ranges, podCidr, ...(ipv6 === undefined ? [] : [ipv6.podCidr]), ...(await rangesElsewhere(context.machine))];
      book = followServices(context);
      ({ seesBridged } = await setUpPodNetwork(context.machine));
      context.report({ bridge: bridgeOf(context.machine), pods: context.machine.network.podCidr, services: context.machine.network.serviceCidr });
    },
    async run(context) {
      const { caches, machine, signal } = context;
      const settings = portSettings(context.config);
      const nodePortAddresses = nodePortRanges(context.config);
      context.route(podProxyRoute);
      context.route(serviceProxyRoute(context));
      const folder = join(machine.runFolder, 'haproxy');
      const proxies = createProxiedServices({ program: machine.programs.haproxy ?? 'haproxy', folder, gatewayIp: machine.network.gatewayIp, gatewayIp6: machine.network.ipv6?.gatewayIp, nodeName: machine.nodeName, podOf: (key) => caches.of(Pod).get(key), zone: () => zoneOf(caches.of(Node).get(machine.nodeName)), others: () => othersOf(caches.of(Node).list(), { nodeName: machine.nodeName, podCidr: machine.network.podCidr }), turned: () => toldOfTurns.forEach((tell) => tell()), log: context.log, signal });
      proxyFailure = (service) => proxies.failure(service);
      const health = createRulesHealth(() => context.clock.nowMs());
      context.metrics?.(async () => health.metrics() + (await proxies.metrics()));
      const shared = { proxies, policies: caches.of(LoadBalancingPolicy), networkPolicies: caches.of(NetworkPolicy), pods: caches.of(Pod), nodes: caches.of(Node), services: caches.of(Service), slices: caches.of(EndpointSlice), nft: machine.programs.nft ?? 'nft', conntrack: machine.programs.conntrack, log: context.log, signal };
      const place = { nodeName: machine.nodeName, table: bridgeOf(machine), bridge: bridgeOf(machine), seesBridged, nodePortAddresses };
      const { ipv6 } = machine.network;
      const syncs = [await startSync({ ...shared, progress: health.of('ip'), events: context.events, facts: { ...machine.network, ...place } })];
      // A table of its own; what is wrong with a Service is told once.
      if (ipv6 !== undefined) syncs.push(await startSync({ ...shared, progress: health.of('ip6'), events: { event: () => {} }, facts: { ...ipv6, ...place, family: 'ip6' } }));
      const stopCarrying = carriesOut(machine.instance, caches.of(EndpointSlice), () => Promise.all(syncs.map((sync) => sync.caughtUp())));
      startHealthChecks({ services: caches.of(Service), slices: caches.of(EndpointSlice), nodeName: machine.nodeName, nodePortAddresses, events: context.events, isHealthy: () => health.isHealthy(), log: context.log, signal });
      const dns = await startDns({ services: caches.of(Service), slices: caches.of(EndpointSlice), namespaces: caches.of(Namespace), network: machine.network, upstreams: upstreamsOf(context.config) });
      context.report({ dns: `${dns.address}:${dns.port}` });
      const ports = serveKubeProxyPorts({ settings, health, node: () => caches.of(Node).get(machine.nodeName), clock: context.clock, log: context.log, signal });
      let leadAgain = (): void => {};
      await Promise.all([ports, keepWellKnown(context, dns.port), keepBridge(context, () => leadAgain()), lookForFirewalls(context), watchFlowTable(context), routeFurtherRanges(context, (lead) => void (leadAgain = lead)), aborted(signal)]);
      stopCarrying();
      await dns.close();
      await Promise.all(syncs.map((sync) => sync.settled()));
      if (signal.reason === 'down') await endHaproxy(folder);
      if (signal.reason === 'down') await removePodNetwork(machine);
    },
  });
}

export default createNetworkModule();

const RETRY_MS = 500;
/** How often it is looked whether the bridge and its routes are still there; a look reads one file. */
const LOOK_MS = 10_000;

/** Makes the bridge again when somebody deleted it or took it down, and then says so; settles on the abort. */
async function keepBridge({ clock, log, machine, signal }: ModuleContext, made: () => void): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(LOOK_MS, signal);
    if (signal.aborted || isRouted(machine)) continue;
    log.warn('the bridge or its routes were removed by somebody else and are made again', { bridge: bridgeOf(machine) });
    await setUpPodNetwork(machine).then(made, (error: unknown) => log.error('the pod network could not be made again', { error }));
  }
}

/** Makes the well-known Services, with their endpoints, and the ServiceCIDR of the cluster's own ranges, and again when one is deleted; settles on the abort. */
async function keepWellKnown(context: ModuleContext, dnsPort: number): Promise<void> {
  const { caches, client, clock, log, machine, signal } = context;
  const services = wellKnownServices(machine, dnsPort);
  const all = [...services.map((each) => ({ name: each.name, is: ({ metadata }: KubeObject) => metadata.namespace === each.namespace && metadata.name === each.name, ensure: () => ensureWellKnown(client, each, machine.network.gatewayIp) })),
    { name: OWN_RANGE, is: ({ kind, metadata }: KubeObject) => kind === 'ServiceCIDR' && metadata.name === OWN_RANGE, ensure: () => ensureOwnRange(context) }];
  const missing = new Set(all);
  let wake = (): void => {};
  const again = ({ type, object }: { type: string; object: KubeObject }): void => {
    const found = type === 'deleted' ? all.find((each) => each.is(object)) : undefined;
    if (found === undefined || signal.aborted) return;
    missing.add(found);
    wake();
  };
  const stops = [caches.of(Service).subscribe(again), caches.of(Endpoints).subscribe(again), caches.of(EndpointSlice).subscribe(again), caches.of(ServiceCIDR).subscribe(again)];
  const told = new Map<string, string>();
  while (!signal.aborted) {
    for (const each of missing) {
      try {
        await each.ensure();
        missing.delete(each);
      } catch (error) {
        const text = (error as Error).message;
        if (!signal.aborted && text !== told.get(each.name)) log.warn('a service of the cluster could not be made yet, trying again', { service: each.name, error });
        told.set(each.name, text);
      }
    }
    if (missing.size > 0) await clock.sleep(RETRY_MS, signal);
    else await untilAborted(new Promise<void>((resolve) => (wake = resolve)), signal);
  }
  for (const stop of stops) stop();
}

function upstreamsOf(config: Readonly<Record<string, unknown>>): string[] | undefined {
  const { upstreams } = config;
  if (upstreams === undefined) return undefined;
  if (!Array.isArray(upstreams) || upstreams.some((each) => typeof each !== 'string')) throw new Error("modules.network.upstreams must be a list of name servers' addresses, such as ['192.0.2.53']");
  return upstreams as string[];
}
