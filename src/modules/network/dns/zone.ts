/**
 * The cluster's zone: what a name of it means, from Services and EndpointSlices (kubernetes/dns, specification.md, version 1.1.0). Pure.
 */
import type { Record as DnsRecord } from 'dns-packet';
import type { Service } from '../../../api/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import { formatIPv6, isIP, isIPv4, isWithin } from '../../../api/ip.ts';

/** What the zone is made of; answered from caches. */
export interface ZoneView {
  service(namespace: string, name: string): Service | undefined;
  slices(namespace: string, name: string): readonly EndpointSlice[];
  hasNamespace(namespace: string): boolean;
  /** Services that have the cluster IP. */
  servicesByIp(address: string): readonly Service[];
  /** Slices that name the address. */
  slicesByAddress(address: string): readonly EndpointSlice[];
}

export interface ZoneAnswer {
  rcode: 'NOERROR' | 'NXDOMAIN';
  answers: DnsRecord[];
  additionals: DnsRecord[];
  /** A name outside the zone that the last answer points to. */
  elsewhere?: string;
}

export interface Zone {
  /** `cluster.local`, in lower case. */
  domain: string;
  view: ZoneView;
  /** Where its server is asked, `ns.dns` of the domain: the cluster IP of kube-dns. */
  address: string;
  /** Ranges of which no other zone has reverse names. */
  ranges: readonly string[];
}

/** Seconds that clients may keep an answer, as CoreDNS has it. */
const TTL = 5;
const VERSION = '1.1.0';
const MAX_ALIASES = 8;

/** The answer, or undefined when the name is none of the zone's. Names are compared without regard to case; answers bear `name`. */
export function answerOf(zone: Zone, name: string, type: string, depth = 0): ZoneAnswer | undefined {
  const lower = name.toLowerCase();
  const reverse = reverseAddress(lower);
  if (reverse !== undefined) {
    const named = pointers(zone, name, reverse, type);
    // Of other addresses the zone knows those that Services and their endpoints have; whose the rest are, others say.
    return named === NOTHING && !zone.ranges.some((range) => isWithin(reverse, range)) ? undefined : named;
  }
  if (lower !== zone.domain && !lower.endsWith(`.${zone.domain}`)) return undefined;
  const labels = lower.slice(0, Math.max(0, lower.length - zone.domain.length - 1)).split('.').filter((label) => label !== '').reverse();
  const [branch, ...rest] = labels;
  if (branch === undefined) return type === 'SOA' ? found([soaOf(zone)]) : type === 'NS' ? nameServer(zone, name) : found([]);
  if (branch === 'dns') return rest.length === 0 ? found([]) : rest.length === 1 && rest[0] === 'ns' ? found(addressRecords(name, [zone.address], type)) : NOTHING;
  if (branch === 'dns-version' && rest.length === 0) return found(type === 'TXT' ? [{ name, type: 'TXT', ttl: TTL, data: VERSION }] : []);
  if (branch === 'pod') return podAnswer(zone, name, rest, type);
  if (branch === 'svc') return serviceAnswer(zone, name, rest, type, depth);
  return NOTHING;
}

/** Says, in the authority section, how long the absence of a name may be kept; it stands at or above that name (RFC 2308, section 3). */
export function soaOf(zone: Pick<Zone, 'domain'>, name = zone.domain): DnsRecord {
  const reverse = /(?:in-addr|ip6)\.arpa$/.exec(name.toLowerCase())?.[0];
  return {
    name: reverse ?? zone.domain, type: 'SOA', ttl: TTL,
    data: { mname: `ns.dns.${zone.domain}`, rname: `hostmaster.${zone.domain}`, serial: 1, refresh: 7200, retry: 1800, expire: 86_400, minimum: TTL },
  };
}

function nameServer(zone: Zone, name: string): ZoneAnswer {
  const data = `ns.dns.${zone.domain}`;
  return found([{ name, type: 'NS', ttl: TTL, data }], addressRecords(data, [zone.address], 'ANY'));
}

const NOTHING: ZoneAnswer = { rcode: 'NXDOMAIN', answers: [], additionals: [] };

function found(answers: DnsRecord[], additionals: DnsRecord[] = []): ZoneAnswer {
  return { rcode: 'NOERROR', answers, additionals };
}

/** `10-1-0-2.NAMESPACE.pod.ZONE`, or `fd00--5` for IPv6. */
function podAnswer(zone: Zone, name: string, rest: readonly string[], type: string): ZoneAnswer {
  const [namespace, dashed, ...more] = rest;
  if (namespace === undefined) return found([]);
  if (!zone.view.hasNamespace(namespace)) return NOTHING;
  if (dashed === undefined) return found([]);
  const address = [dashed.replaceAll('-', '.'), dashed.replaceAll('-', ':')].find((each) => isIP(each) !== 0);
  if (more.length > 0 || address === undefined) return NOTHING;
  return found(addressRecords(name, [address], type));
}

function serviceAnswer(zone: Zone, name: string, rest: readonly string[], type: string, depth: number): ZoneAnswer {
  const [namespace, serviceName, first, second, ...more] = rest;
  if (namespace === undefined) return found([]);
  if (serviceName === undefined) return zone.view.hasNamespace(namespace) ? found([]) : NOTHING;
  const service = zone.view.service(namespace, serviceName);
  if (service === undefined || more.length > 0) return NOTHING;
  if (service.spec?.type === 'ExternalName') return first === undefined ? alias(zone, name, service, type, depth) : NOTHING;
  const own = `${serviceName}.${namespace}.svc.${zone.domain}`;
  const members = isHeadless(service) ? membersOf(zone.view.slices(namespace, serviceName)) : undefined;
  if (first === undefined) {
    if (members?.length === 0) return NOTHING;
    if (type === 'SRV') return servers(name, own, service, members, undefined);
    return found(addressRecords(name, members === undefined ? clusterIps(service) : members.map((each) => each.address), type));
  }
  if (first.startsWith('_')) return portAnswer(name, own, service, members, [first, second], type);
  if (second !== undefined) return NOTHING;
  // Pods behind a cluster IP have names too, as CoreDNS gives them: a StatefulSet may stand behind such a Service.
  const named = (members ?? membersOf(zone.view.slices(namespace, serviceName))).filter((each) => each.hostname.toLowerCase() === first);
  if (named.length === 0) return NOTHING;
  if (type === 'SRV') return servers(name, own, service, named, undefined);
  return found(addressRecords(name, named.map((each) => each.address), type));
}

/** `_PORT._PROTOCOL.SERVICE...`; `_PROTOCOL` alone exists, and has nothing. */
function portAnswer(name: string, own: string, service: Service, members: readonly Member[] | undefined, labels: readonly (string | undefined)[], type: string): ZoneAnswer {
  const [protocol = '', port] = labels;
  if (!['_tcp', '_udp', '_sctp'].includes(protocol)) return NOTHING;
  if (port === undefined) return found([]);
  if (!port.startsWith('_')) return NOTHING;
  const answer = servers(name, own, service, members, { port: port.slice(1), protocol: protocol.slice(1) });
  if (answer.answers.length === 0) return NOTHING;
  return type === 'SRV' || type === 'ANY' ? answer : found([]);
}

function servers(name: string, own: string, service: Service, members: readonly Member[] | undefined, only: { port: string; protocol: string } | undefined): ZoneAnswer {
  const wanted = (port: string | undefined, protocol: string | undefined): boolean =>
    only === undefined || (port?.toLowerCase() === only.port && (protocol ?? 'TCP').toLowerCase() === only.protocol);
  const targets: { port: number; target: string; address: string }[] = [];
  if (members === undefined) {
    for (const each of service.spec?.ports ?? []) if (wanted(each.name, each.protocol)) for (const address of clusterIps(service)) targets.push({ port: each.port, target: own, address });
  } else {
    for (const member of members) for (const each of member.ports) if (wanted(each.name, each.protocol)) targets.push({ port: each.port, target: `${member.hostname}.${own}`, address: member.address });
  }
  // One name with an address of each family is one target, and as CoreDNS has it with a share of one address (plugin/backend_lookup.go, SRV).
  const distinct = [...new Map(targets.map((each) => [`${each.target}|${each.port}`, each])).values()];
  const weight = Math.max(1, Math.floor(100 / Math.max(1, targets.length)));
  const additionals = new Map(targets.map(({ target, address }) => [`${target}|${address}`, { name: target, type: typeOf(address), ttl: TTL, data: address }]));
  return found(distinct.map(({ port, target }) => ({ name, type: 'SRV', ttl: TTL, data: { priority: 0, weight, port, target } })), [...additionals.values()]);
}

function alias(zone: Zone, name: string, service: Service, type: string, depth: number): ZoneAnswer {
  const target = (service.spec?.externalName ?? '').replace(/\.$/, '');
  // An address is no name, so nothing is led there (CoreDNS: plugin/kubernetes, findServices).
  if (target === '' || isIP(target) !== 0) return NOTHING;
  const answers: DnsRecord[] = [{ name, type: 'CNAME', ttl: TTL, data: target }];
  if (type === 'CNAME' || depth >= MAX_ALIASES) return found(answers);
  const next = answerOf(zone, target, type, depth + 1);
  if (next === undefined) return { ...found(answers), elsewhere: target };
  return { ...next, answers: [...answers, ...next.answers] };
}

function pointers(zone: Zone, name: string, address: string, type: string): ZoneAnswer {
  const names = zone.view.servicesByIp(address).map((each) => `${each.metadata.name}.${each.metadata.namespace}.svc.${zone.domain}`);
  for (const slice of zone.view.slicesByAddress(address)) {
    const serviceName = slice.metadata.labels?.['kubernetes.io/service-name'];
    const service = serviceName === undefined ? undefined : zone.view.service(slice.metadata.namespace ?? '', serviceName);
    if (service === undefined) continue;
    for (const each of membersOf([slice])) if (each.address === address) names.push(`${each.hostname}.${serviceName}.${slice.metadata.namespace}.svc.${zone.domain}`);
  }
  if (names.length === 0) return NOTHING;
  return found(type === 'PTR' || type === 'ANY' ? [...new Set(names)].map((data) => ({ name, type: 'PTR', ttl: TTL, data })) : []);
}

interface Member {
  address: string;
  hostname: string;
  ports: { name: string | undefined; protocol: string | undefined; port: number }[];
}

/** Ready endpoints; one without a hostname is named after its address. */
function membersOf(slices: readonly EndpointSlice[]): Member[] {
  const members: Member[] = [];
  for (const slice of slices) {
    if ((slice.addressType as string) === 'FQDN') continue;
    const ports = (slice.ports ?? []).map((each) => ({ name: each.name, protocol: each.protocol, port: each.port ?? 0 }));
    for (const endpoint of slice.endpoints ?? []) for (const address of readyAddresses(endpoint)) members.push({ address, hostname: endpoint.hostname ?? address.replaceAll(/[.:]/g, '-'), ports });
  }
  return members;
}

function readyAddresses(endpoint: Endpoint): readonly string[] {
  return endpoint.conditions?.ready === false ? [] : endpoint.addresses.slice(0, 1);
}

function isHeadless(service: Service): boolean {
  return service.spec?.clusterIP === 'None';
}

function clusterIps(service: Service): string[] {
  return (service.spec?.clusterIPs ?? [service.spec?.clusterIP ?? '']).filter((each) => isIP(each) !== 0);
}

/** Those addresses of which the type asks, each once. */
function addressRecords(name: string, addresses: readonly string[], type: string): DnsRecord[] {
  return [...new Set(addresses)].map((data) => ({ name, type: typeOf(data), ttl: TTL, data })).filter((each) => type === 'ANY' || each.type === type);
}

function typeOf(address: string): 'A' | 'AAAA' {
  return isIPv4(address) ? 'A' : 'AAAA';
}

function reverseAddress(name: string): string | undefined {
  const labels = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/.exec(name);
  if (labels !== null) return `${labels[4]}.${labels[3]}.${labels[2]}.${labels[1]}`;
  const nibbles = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)?.[1]?.replaceAll('.', '');
  return nibbles === undefined ? undefined : formatIPv6(BigInt(`0x${[...nibbles].reverse().join('')}`));
}
