/**
 * From a Service and its EndpointSlices to what nftables must hold for it: a pure function, one fragment a Service.
 *
 * A port of a Service is one chain that chooses an endpoint: exact round robin by a counter of its own (`numgen inc`), or by client
 * address where the Service asks for session affinity. Every way in (cluster IP, external IPs, load balancer, node port) is one element
 * of a verdict map that leads to that chain, so a change of endpoints rewrites one chain and a change of addresses only elements.
 * Source addresses are kept: pods answer by way of this machine in any case, so only hairpins need masquerading.
 */
import { sourceRangesOf } from '../../api/core/source-ranges.ts';
import { zoneOf } from '../../api/core/zone.ts';
import type { Node, Service, ServicePort } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { isCidr, isStrictSubset, isWithin } from '../../api/ip.ts';
import { addressTypeOf, isOfFamily, withPort, type Family } from './family.ts';
import { candidatesOf, clusterOf, localOf, usableOf, type Destination, type Place as Asker } from './service-endpoints.ts';
import type { MAP_PREFIX, Place } from './blocks.ts';
import { byWeight, shareOf } from './weights.ts';
import { algorithmOf } from '../../sdk/load-balancing/algorithm.ts';

/** Maps and sets of the table; see ruleset.ts for their types. */
export type Collection = 'services' | 'nodeports' | 'refused' | 'refusedports' | 'hairpin' | 'elsewhere' | 'confined' | `${typeof MAP_PREFIX}${string}`;

/** What one Service asks of the table. */
export interface Fragment {
  /** Rules by chain. */
  chains: Map<string, readonly string[]>;
  /** Declarations by set, of sets that belong to this Service alone. */
  sets: Map<string, string>;
  /** Elements by collection: key to verdict, or to '' in sets. */
  elements: Map<Collection, Map<string, string>>;
  /** Ports on 127.0.0.1 that the load balancer wants, and where they lead. */
  loopback: readonly LoopbackPort[];
}

type Transport = 'tcp' | 'udp' | 'sctp';

export interface LoopbackPort {
  protocol: 'tcp' | 'udp';
  port: number;
  /** The element of `services` by which it is answered, once the port is claimed. */
  element: string;
  verdict: string;
}

export interface RuleFacts {
  /** Default `ip`. */
  family?: Family;
  nodeName: string;
  podCidr: string;
  gatewayIp: string;
  /** Ports of this Service that a proxy carries. */
  proxied?: ReadonlyMap<number, ProxyPorts>;
  /** Whether there are clients of whom no proxy may carry anything: those of the set `confined`. */
  confined?: boolean;
  /** The zone of the node; absent where it has none. */
  zone?: string | undefined;
  /** Further nodes of the machine, whose pods have ranges of their own in `podCidr`. */
  others?: readonly OtherNode[];
  /** Shares of endpoints of a weighted Service by address, 0 to 256; default 1. */
  weights?: ReadonlyMap<string, number>;
  /** Where the endpoints of a chain stand in the maps that Services share; without it each chain has a map of its own. */
  place?(chain: string, count: number): Place;
}

/** The ports of the gateway's address on which a proxy listens for a port of a Service; undefined for whom it has no endpoint. */
export interface ProxyPorts {
  all: number;
  /** For the pods of the first node, and the machine. */
  inside: number | undefined;
  /** For who comes from outside. */
  outside: number | undefined;
  /** For the pods of further nodes, by their names. */
  others: ReadonlyMap<string, number | undefined>;
}

export interface OtherNode { nodeName: string; zone?: string | undefined; podCidr: string }

/** Of all Nodes, those of this machine beside the first: their ranges lie in that of the pods. */
export function othersOf(nodes: readonly Node[], { nodeName, podCidr }: Pick<RuleFacts, 'nodeName' | 'podCidr'>): OtherNode[] {
  return nodes.filter(({ metadata }) => metadata.name !== nodeName).flatMap((node): OtherNode[] => {
    const range = (node.spec?.podCIDRs ?? []).find((each) => isCidr(each) && isOfFamily(each.split('/')[0], podCidr.includes(':') ? 'ip6' : 'ip') && isStrictSubset(each, podCidr));
    return range === undefined ? [] : [{ nodeName: node.metadata.name ?? '', zone: zoneOf(node), podCidr: range }];
  }).sort((a, b) => (a.nodeName < b.nodeName ? -1 : 1));
}

export const LOOPBACK = '127.0.0.1';

/** Who else serves a Service, or that nobody is to: then it is left alone, as by upstream's proxy. */
const LEFT_ALONE = ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'];

export const isLeftAlone = ({ metadata }: Service): boolean => LEFT_ALONE.some((label) => metadata.labels?.[label] !== undefined);

/** Empty for headless and ExternalName services, and those that are left alone. */
export function fragmentFor(service: Service, slices: readonly EndpointSlice[], facts: RuleFacts): Fragment {
  const fragment: Fragment = { chains: new Map(), sets: new Map(), elements: new Map(), loopback: [] };
  const spec = service.spec;
  if (spec === undefined || isLeftAlone(service) || spec.type === 'ExternalName' || spec.clusterIP === 'None' || !spec.clusterIP) return fragment;
  for (const port of spec.ports ?? []) addPort(fragment, service, port, slices, facts);
  return fragment;
}

function addPort(fragment: Fragment, service: Service, port: ServicePort, slices: readonly EndpointSlice[], facts: RuleFacts): void {
  const protocol = (port.protocol ?? 'TCP').toLowerCase() as Transport;
  const { family = 'ip' } = facts;
  const suffix = nameOf(service, protocol, port.port);
  const proxy = protocol === 'tcp' ? facts.proxied?.get(port.port) : undefined;
  const place = { fragment, service, protocol, facts };
  const asked = chainsFor(place, suffix, choicesOf(service, port, slices, proxy, facts));
  const { cluster, external } = proxy === undefined || facts.confined !== true ? asked : past(place, suffix, asked, chainsFor(place, `${suffix}/past`, choicesOf(service, port, slices, undefined, facts)));
  const ways = waysIn(service, port, family);
  for (const address of ways.cluster) lead(fragment, address, protocol, port.port, cluster);
  for (const address of ways.external) lead(fragment, address, protocol, port.port, external);
  if (ways.nodePort !== undefined) leadNodePort(fragment, protocol, ways.nodePort, external);
  if (ways.balanced.length > 0) addBalanced(fragment, service, port, protocol, suffix, external, ways.balanced, facts);
}

/** By the addresses within the cluster, and by those that may be had from outside; undefined where the port has no endpoint. */
interface Chains {
  cluster: string | undefined;
  external: string | undefined;
}

function chainsFor(place: PortPlace, suffix: string, { reachable, cluster: whole, inside, outside, of }: Choices): Chains {
  const { fragment, service, facts } = place;
  for (const each of reachable) {
    add(fragment, 'hairpin', `${each.address} . ${each.address}`, '');
    if (!isWithin(each.address, facts.podCidr) && each.address !== facts.gatewayIp) add(fragment, 'elsewhere', each.address, '');
  }
  if (reachable.length === 0) return { cluster: undefined, external: undefined };
  const cluster = insideChain(place, suffix, inside, of);
  const external = !isExternal(service) ? undefined : sameAs(outside, inside) ? cluster : outsideChain(place, suffix, whole, outside);
  return { cluster, external };
}

/** Confined clients go past the proxy, to where their policies judge them. */
function past({ fragment, facts }: PortPlace, suffix: string, proxied: Chains, direct: Chains): Chains {
  const split = (which: keyof Chains): string | undefined => {
    if (proxied[which] === undefined) return undefined;
    const name = `${which}/${suffix}`;
    fragment.chains.set(name, [`${facts.family ?? 'ip'} saddr @confined ${direct[which] === undefined ? 'drop' : `goto ${direct[which]}`}`, `goto ${proxied[which]}`]);
    return name;
  };
  return { cluster: split('cluster'), external: split('external') };
}

interface Choices {
  /** Those that anybody may choose; none says that the port has no endpoint. */
  reachable: readonly Destination[];
  /** For who is bound by no Local policy. */
  cluster: readonly Destination[];
  inside: readonly Destination[];
  outside: readonly Destination[];
  /** For the pods of another node. */
  of(other: OtherNode): readonly Destination[];
}

/** Who may be chosen by whom (internalTrafficPolicy, externalTrafficPolicy, hints); of a proxy, by which of its ports. */
function choicesOf(service: Service, port: ServicePort, slices: readonly EndpointSlice[], proxy: ProxyPorts | undefined, facts: RuleFacts): Choices {
  if (proxy !== undefined) {
    const known = new Map<number, Destination>();
    const at = (listenPort: number | undefined): readonly Destination[] => {
      if (listenPort === undefined) return [];
      const destination = known.get(listenPort) ?? { address: facts.gatewayIp, port: listenPort, nodeName: facts.nodeName };
      known.set(listenPort, destination);
      return [destination];
    };
    return { reachable: at(proxy.all), cluster: at(proxy.all), inside: at(proxy.inside), outside: at(proxy.outside), of: ({ nodeName }) => at(proxy.others.has(nodeName) ? proxy.others.get(nodeName) : proxy.all) };
  }
  const candidates = candidatesOf(port, slices, facts.family);
  const weighty = (some: readonly Destination[]): readonly Destination[] => some.filter((each) => shareOf(each, facts.weights) !== 0);
  const [cluster, local] = [(asker: Asker) => weighty(clusterOf(candidates, asker)), (asker: Asker) => weighty(localOf(candidates, asker))];
  const { internalTrafficPolicy, externalTrafficPolicy } = service.spec ?? {};
  const within = internalTrafficPolicy === 'Local' ? local : cluster;
  const [inside, outside] = [within(facts), (externalTrafficPolicy === 'Local' && isExternal(service) ? local : cluster)(facts)];
  return { reachable: [...new Set([...weighty(usableOf(candidates)), ...inside, ...outside, ...(facts.others ?? []).flatMap(within)])], cluster: cluster(facts), inside, outside, of: within };
}

const sameAs = (one: readonly Destination[], other: readonly Destination[]): boolean => one.length === other.length && one.every((each, index) => each === other[index]);

/** Load balancer addresses: behind the source ranges where there are some, and on 127.0.0.1 too. A range that cannot be read lets nobody in, and is none the less one. */
function addBalanced(fragment: Fragment, service: Service, port: ServicePort, protocol: Transport, suffix: string, chain: string | undefined, addresses: readonly string[], facts: RuleFacts): void {
  const ranges = sourceRangesOf(service);
  const { family = 'ip' } = facts;
  const own = ranges.filter((each) => isCidr(each) && isOfFamily(each.split('/')[0], family));
  let target = chain;
  if (chain !== undefined && ranges.length > 0) {
    target = `lb/${suffix}`;
    fragment.chains.set(target, [`${family} saddr { ${withoutInner([...own, ...(family === 'ip' ? ['127.0.0.0/8', `${facts.gatewayIp}/32`] : [`${facts.gatewayIp}/128`])]).join(', ')} } goto ${chain}`, 'drop']);
  }
  for (const address of addresses) lead(fragment, address, protocol, port.port, target);
  if (target !== undefined && family === 'ip' && protocol !== 'sctp') fragment.loopback = [...fragment.loopback, { protocol, port: port.port, element: `${LOOPBACK} . ${protocol} . ${port.port}`, verdict: `goto ${target}` }];
}

/** Ranges of one set may not overlap, so those that lie in another are left out. */
function withoutInner(ranges: readonly string[]): string[] {
  return [...new Set(ranges)].filter((each, _, all) => !all.some((other) => isStrictSubset(each, other)));
}

export function isExternal(service: Service): boolean {
  return service.spec?.type === 'NodePort' || service.spec?.type === 'LoadBalancer' || (service.spec?.externalIPs ?? []).length > 0;
}

function waysIn(service: Service, port: ServicePort, family: Family): { cluster: string[]; external: string[]; balanced: string[]; nodePort: number | undefined } {
  const spec = service.spec ?? {};
  const isOurs = (address: string | undefined): address is string => isOfFamily(address, family);
  const cluster = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter(isOurs);
  const balanced = spec.type === 'LoadBalancer'
    ? (service.status?.loadBalancer?.ingress ?? []).filter((each) => each.ipMode !== 'Proxy').map((each) => each.ip).filter(isOurs) : [];
  const external = (spec.externalIPs ?? []).filter((each) => isOurs(each) && !balanced.includes(each));
  const hasNodePort = (spec.type === 'NodePort' || spec.type === 'LoadBalancer') && (port.nodePort ?? 0) > 0;
  return { cluster, external, balanced, nodePort: hasNodePort ? port.nodePort : undefined };
}

function lead(fragment: Fragment, address: string, protocol: string, port: number, chain: string | undefined): void {
  const key = `${address} . ${protocol} . ${port}`;
  if (chain === undefined) add(fragment, 'refused', key, '');
  else add(fragment, 'services', key, `goto ${chain}`);
}

function leadNodePort(fragment: Fragment, protocol: string, port: number, chain: string | undefined): void {
  if (chain === undefined) add(fragment, 'refusedports', `${protocol} . ${port}`, '');
  else add(fragment, 'nodeports', `${protocol} . ${port}`, `goto ${chain}`);
}

interface PortPlace {
  fragment: Fragment;
  service: Service;
  protocol: Transport;
  facts: RuleFacts;
}

/** Pods of further nodes may be meant for other endpoints than those of the first one (internalTrafficPolicy Local, hints); they are known by their addresses. */
function insideChain(place: PortPlace, suffix: string, inside: readonly Destination[], of: Choices['of']): string {
  const { facts, fragment } = place;
  const first = choose(place, `svc/${suffix}`, inside);
  const rules = (facts.others ?? []).flatMap((other, index) => {
    const own = of(other);
    return sameAs(own, inside) ? [] : [`${facts.family ?? 'ip'} saddr ${other.podCidr} goto ${choose(place, `svc${index + 2}/${suffix}`, own)}`];
  });
  if (rules.length === 0) return first;
  fragment.chains.set(`from/${suffix}`, [...rules, `goto ${first}`]);
  return `from/${suffix}`;
}

/** Traffic from outside may use other endpoints (externalTrafficPolicy Local); pods and the machine itself reach all of them. */
function outsideChain(place: PortPlace, suffix: string, cluster: readonly Destination[], outside: readonly Destination[]): string {
  const { facts } = place;
  const whole = choose(place, `all/${suffix}`, cluster);
  if (sameAs(outside, cluster)) return whole;
  const name = `ext/${suffix}`;
  const local = choose(place, `local/${suffix}`, outside);
  place.fragment.chains.set(name, [`${facts.family ?? 'ip'} saddr ${facts.podCidr} goto ${whole}`, `fib saddr type local goto ${whole}`, `goto ${local}`]);
  return name;
}

/** The chain that chooses one of `destinations`; with none it drops, as a Local policy without local endpoints must. */
function choose(place: PortPlace, chain: string, destinations: readonly Destination[]): string {
  const { fragment, service } = place;
  if (destinations.length === 0) fragment.chains.set(chain, ['drop']);
  else if (service.spec?.sessionAffinity === 'ClientIP') fragment.chains.set(chain, stick(place, chain, destinations));
  else fragment.chains.set(chain, [shared(place, chain, byWeight(destinations, place.facts.weights))]);
  return chain;
}

/** `inc`: in turn, by a counter; `random`: by chance. Flows of UDP are looked for in the rules when endpoints go (stale-flows.ts), so theirs name them. */
function shared({ fragment, service, protocol, facts }: PortPlace, chain: string, destinations: readonly Destination[]): string {
  const [first] = destinations;
  const { family = 'ip' } = facts;
  const by = algorithmOf(service) === 'random' ? 'random' : 'inc';
  if (destinations.length === 1 && first !== undefined) return `meta l4proto ${protocol} dnat ${family} to ${withPort(first.address, first.port)}`;
  if (protocol === 'tcp' && facts.place !== undefined) {
    const { map, base } = facts.place(chain, destinations.length);
    destinations.forEach((each, index) => add(fragment, map as Collection, String(base + index), `${each.address} . ${each.port}`));
    return `meta l4proto ${protocol} dnat ${family} to numgen ${by} mod ${destinations.length} offset ${base} map @${map}`;
  }
  const map = destinations.map((each, index) => `${index} : ${each.address} . ${each.port}`).join(', ');
  return `meta l4proto ${protocol} dnat ${family} to numgen ${by} mod ${destinations.length} map { ${map} }`;
}

/** Session affinity: each endpoint remembers its clients in a set of its own, for as long as the Service says after the last connection. */
function stick(place: PortPlace, chain: string, destinations: readonly Destination[]): string[] {
  const timeout = place.service.spec?.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800;
  const { family = 'ip' } = place.facts;
  const remembered: string[] = [];
  const targets: string[] = [];
  destinations.forEach((each, index) => {
    const own = `${chain}/${each.address.replaceAll(':', '-')}/${each.port}`;
    const set = `aff/${timeout}/${own}`;
    place.fragment.sets.set(set, `{ type ${addressTypeOf(family)}; size 65536; flags dynamic,timeout; timeout ${timeout}s; }`);
    place.fragment.chains.set(own, [`update @${set} { ${family} saddr }`, `meta l4proto ${place.protocol} dnat ${family} to ${withPort(each.address, each.port)}`]);
    remembered.push(`${family} saddr @${set} goto ${own}`);
    targets.push(`${index} : goto ${own}`);
  });
  return [...remembered, `numgen inc mod ${destinations.length} vmap { ${targets.join(', ')} }`];
}

/** Names of services and namespaces are DNS labels, so they are safe in a chain's name, and with it under the kernel's limit of 256. */
function nameOf(service: Service, protocol: string, port: number): string {
  return `${service.metadata.namespace}/${service.metadata.name}/${protocol}/${port}`;
}

function add(fragment: Fragment, collection: Collection, key: string, value: string): void {
  const elements = fragment.elements.get(collection);
  if (elements === undefined) fragment.elements.set(collection, new Map([[key, value]]));
  else elements.set(key, value);
}
