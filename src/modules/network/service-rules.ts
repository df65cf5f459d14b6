/**
 * From a Service and its EndpointSlices to what nftables must hold for it: a pure function, one fragment a Service.
 *
 * A port of a Service is one chain that chooses an endpoint: exact round robin by a counter of its own (`numgen inc`), or by client
 * address where the Service asks for session affinity. Every way in (cluster IP, external IPs, load balancer, node port) is one element
 * of a verdict map that leads to that chain, so a change of endpoints rewrites one chain and a change of addresses only elements.
 * Source addresses are kept: pods answer by way of this machine in any case, so only hairpins need masquerading.
 */
import { sourceRangesOf } from '../../api/core/source-ranges.ts';
import type { Service, ServicePort } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { isCidr, isStrictSubset, isWithin } from '../../api/ip.ts';
import { isOfFamily, withPort, type Family } from './family.ts';
import { add, LOOPBACK, type Fragment, type Transport } from './fragment.ts';
import type { RuleFacts } from './rule-facts.ts';
import { chainsFor, past, type PortContext } from './service-chains.ts';
import { choicesOf } from './service-choices.ts';
import { candidatesOf } from './service-endpoints.ts';

/** Who else serves a Service, or that nobody is to: then it is left alone, as by upstream's proxy. */
const LEFT_ALONE = ['service.kubernetes.io/service-proxy-name', 'service.kubernetes.io/headless'];

export const isLeftAlone = ({ metadata }: Service): boolean => LEFT_ALONE.some((label) => metadata.labels?.[label] !== undefined);

/** Empty for headless and ExternalName services, and those that are left alone. */
export function fragmentFor(service: Service, slices: readonly EndpointSlice[], facts: RuleFacts): Fragment {
  const fragment: Fragment = { chains: new Map(), sets: new Map(), elements: new Map(), loopback: [], udpServing: new Set() };
  const spec = service.spec;
  if (spec === undefined || isLeftAlone(service) || spec.type === 'ExternalName' || spec.clusterIP === 'None' || !spec.clusterIP) return fragment;
  fragment.udpServing = udpServing(service, slices, facts.family);
  for (const port of spec.ports ?? []) addPort(fragment, service, port, slices, facts);
  for (const each of clusterIPs(service, facts.family)) if (facts.serviceCidr !== undefined && !isWithin(each, facts.serviceCidr)) add(fragment, 'clusterips', each, '');
  return fragment;
}

function clusterIPs({ spec }: Service, family: Family = 'ip'): string[] {
  return (spec?.clusterIPs ?? [spec?.clusterIP ?? '']).filter((each) => isOfFamily(each, family));
}

function udpServing({ spec }: Service, slices: readonly EndpointSlice[], family: Family | undefined): Set<string> {
  const ports = (spec?.ports ?? []).filter(({ protocol }) => protocol === 'UDP');
  return new Set(ports.flatMap((each) => candidatesOf(each, slices, family)).map(({ address, port }) => withPort(address, port)));
}

function addPort(fragment: Fragment, service: Service, port: ServicePort, slices: readonly EndpointSlice[], facts: RuleFacts): void {
  const protocol = (port.protocol ?? 'TCP').toLowerCase() as Transport;
  const { family = 'ip' } = facts;
  const suffix = nameOf(service, protocol, port.port);
  const proxy = protocol === 'tcp' ? facts.proxied?.get(port.port) : undefined;
  const context = { fragment, service, protocol, facts };
  const asked = chainsFor(context, suffix, choicesOf(service, port, slices, proxy, facts));
  const { cluster, external } = proxy === undefined || facts.confined !== true ? asked : past(context, suffix, asked, chainsFor(context, `${suffix}/past`, choicesOf(service, port, slices, undefined, facts)));
  const ways = waysIn(service, port, family);
  for (const address of ways.cluster) lead(fragment, address, protocol, port.port, cluster);
  for (const address of ways.external) lead(fragment, address, protocol, port.port, external);
  if (ways.nodePort !== undefined) leadNodePort(fragment, protocol, ways.nodePort, external);
  if (ways.balanced.length > 0) addBalanced(context, port, suffix, external, ways.balanced);
}

/**
 * Load balancer addresses: behind the source ranges where there are some of their family (upstream: proxy/serviceport.go), and on 127.0.0.1 too. A range that cannot be read lets nobody in,
 * and is none the less one, of each family. Who is let in is refused where there is no endpoint, and nobody else learns of it. Each range is a rule of its own: of ranges that come in a set
 * with their rule, the kernel knows nothing for a moment after the rule is in force, and who comes then would be dropped.
 */
function addBalanced({ fragment, service, protocol, facts }: PortContext, port: ServicePort, suffix: string, chain: string | undefined, addresses: readonly string[]): void {
  const { family = 'ip' } = facts;
  const ranges = sourceRangesOf(service).filter((each) => !isCidr(each) || isOfFamily(each.split('/')[0], family));
  let target = chain;
  if (ranges.length > 0) {
    target = `lb/${suffix}`;
    const verdict = chain === undefined ? 'reject' : `goto ${chain}`;
    fragment.chains.set(target, [...withoutInner([...ranges.filter(isCidr), ...(family === 'ip' ? ['127.0.0.0/8', `${facts.gatewayIp}/32`] : [`${facts.gatewayIp}/128`])]).map((range) => `${family} saddr ${range} ${verdict}`), 'drop']);
  }
  for (const address of addresses) lead(fragment, address, protocol, port.port, target);
  if (chain !== undefined && family === 'ip' && protocol !== 'sctp') fragment.loopback = [...fragment.loopback, { protocol, port: port.port, element: `${LOOPBACK} . ${protocol} . ${port.port}`, verdict: `goto ${target}` }];
}

/** Those that lie in another one say nothing more. */
function withoutInner(ranges: readonly string[]): string[] {
  return [...new Set(ranges)].filter((each, _, all) => !all.some((other) => isStrictSubset(each, other)));
}

function waysIn(service: Service, port: ServicePort, family: Family): { cluster: string[]; external: string[]; balanced: string[]; nodePort: number | undefined } {
  const spec = service.spec ?? {};
  const isOurs = (address: string | undefined): address is string => isOfFamily(address, family);
  const cluster = clusterIPs(service, family);
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

/** Names of services and namespaces are DNS labels, so they are safe in a chain's name, and with it under the kernel's limit of 256. */
function nameOf(service: Service, protocol: string, port: number): string {
  return `${service.metadata.namespace}/${service.metadata.name}/${protocol}/${port}`;
}
