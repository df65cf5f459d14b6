/**
 * The pod network of one instance on this machine: a bridge, its routes, and the CNI configuration by which pods join it.
 *
 * Everything bears the instance's name. Setting up is idempotent, so that a restart takes over what is there without a gap. The bridge's
 * alias says what else was changed on the machine (forwarding), so that removal can undo it without a file. A bridge that somebody else
 * deleted takes that note along: then forwarding stays on.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, runAny } from '../../base/sys/run.ts';
import { isStrictSubset, rangeValue } from '../../api/ip.ts';
import { cidrOf, contains, formatIpv4, parseCidr, parseIpv4, type Cidr } from './address.ts';
import { bridgeOf, readLinks, type Link, type NetworkFacts } from './links.ts';
import { rejoinPods } from './rejoin.ts';

/** A route of this metric lies beneath the bridge's: while the bridge is down, nothing for these ranges leaves the machine. */
const UNREACHABLE_METRIC = 4_278;
/** Whose routes these are, as `ip route` shows (rtnetlink(7), rtm_protocol: numbers above 4 are for who makes routes): an unreachable one has no link to bear a name. */
export const ROUTE_PROTOCOL = 108;

/** Makes or takes over the bridge. Rejects with a sentence that names the setting when a range is used by something else. */
export async function setUpPodNetwork(facts: NetworkFacts): Promise<{ seesBridged: boolean }> {
  const bridge = bridgeOf(facts);
  const { ipv6 } = facts.network;
  if (ipv6 !== undefined && !existsSync(IPV6_SETTINGS)) throw new Error(`network.ipv6 is true, and this machine has no IPv6 (${IPV6_SETTINGS} is not there); turn it off in the configuration file, or IPv6 on in the kernel`);
  const seesBridged = existsSync(BRIDGE_SETTINGS) || (await loadBridgeFilter());
  if (!isRouted(facts)) {
    const links = await readLinks(facts);
    if (!links.some((link) => link.ifname === bridge)) await createBridge(facts, links);
    await ip(facts, networkLines(facts, bridge, seesBridged));
    await ip(facts, networkLines6(facts, bridge, seesBridged), { family: 6 });
    await rejoinPods(facts);
  }
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  writeFileSync(`/proc/sys/net/ipv4/conf/${bridge}/route_localnet`, '1');
  if (ipv6 !== undefined) await forwardIpv6(facts);
  writeCniConfiguration(facts, bridge);
  return { seesBridged };
}

/** Removes bridge, routes, table and configuration of the instance, and nothing else. Safe when nothing, or only a part, is there. */
export async function removePodNetwork(facts: NetworkFacts): Promise<void> {
  const bridge = bridgeOf(facts);
  const nft = facts.programs.nft ?? 'nft';
  const families = existsSync(IPV6_SETTINGS) ? ['ip', 'ip6'] : ['ip'];
  await run(nft, ['-f', '-'], { input: families.map((family) => `add table ${family} ${bridge}\ndelete table ${family} ${bridge}\n`).join('') });
  const links = await readLinks(facts);
  const { others, own } = notesOf(links, bridge);
  const lines = links.filter((link) => link.master === bridge || link.ifname === bridge).map((link) => `link del dev ${link.ifname}`);
  await ip(facts, lines, { force: true });
  await ip(facts, ranges(facts).map((range) => `route del unreachable ${range} metric ${UNREACHABLE_METRIC}`), { force: true });
  await ip(facts, ranges6(facts).map((range) => `route del unreachable ${range} metric ${UNREACHABLE_METRIC}`), { force: true, family: 6 });
  if (own?.forward === '0' && others.length === 0) writeFileSync('/proc/sys/net/ipv4/ip_forward', '0');
  if (own?.forward6 === '0' && others.every(({ forward6 }) => forward6 === undefined)) {
    writeFileSync(FORWARD_IPV6, '0');
    for (const link of readdirSync(IPV6_SETTINGS)) if (link !== 'all' && link !== 'default') listenToRouters(link, { from: '2', to: '1' });
  }
  rmSync(conflistOf(facts), { force: true });
  rmSync(addressFolder(facts), { recursive: true, force: true });
}

const IPV6_SETTINGS = '/proc/sys/net/ipv6/conf';
const FORWARD_IPV6 = `${IPV6_SETTINGS}/all/forwarding`;

/** A machine that forwards no longer listens to routers unless told to; one that has its routes from them is. */
async function forwardIpv6(facts: NetworkFacts): Promise<void> {
  if (readFileSync(FORWARD_IPV6, 'utf8').trim() === '1') return;
  const learnt = JSON.parse((await run(facts.programs.ip ?? 'ip', ['-j', '-6', 'route', 'show', 'proto', 'ra'])) || '[]') as { dev?: string }[];
  for (const link of new Set(learnt.map(({ dev }) => dev ?? ''))) listenToRouters(link, { from: '1', to: '2' });
  writeFileSync(FORWARD_IPV6, '1');
}

function listenToRouters(link: string, { from, to }: { from: string; to: string }): void {
  const file = join(IPV6_SETTINGS, link, 'accept_ra');
  if (existsSync(file) && readFileSync(file, 'utf8').trim() === from) writeFileSync(file, to);
}

const BRIDGE_SETTINGS = '/proc/sys/net/bridge';

/** Lets packets between ports of a bridge pass the machine's rules, where that is a module of the kernel; false where it has none. */
async function loadBridgeFilter(): Promise<boolean> {
  const loaded = await runAny('modprobe', ['br_netfilter'], { timeoutMs: 5_000 }).catch(() => undefined);
  if (loaded?.code !== 0 || !existsSync(BRIDGE_SETTINGS)) return false;
  // Loading turns it on for every bridge of the machine; only ours wants it, and has a switch of its own.
  for (const name of readdirSync(BRIDGE_SETTINGS)) if (name.startsWith('bridge-nf-call-')) writeFileSync(join(BRIDGE_SETTINGS, name), '0');
  return true;
}

async function createBridge(facts: NetworkFacts, links: readonly Link[]): Promise<void> {
  const bridge = bridgeOf(facts);
  await refuseUsedRanges(facts);
  await refuseUsedRanges6(facts);
  const { others } = notesOf(links, bridge);
  const forwarding = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim();
  const was = others.some(({ forward }) => forward === '0') || forwarding === '0' ? '0' : '1';
  const forwarding6 = facts.network.ipv6 === undefined ? undefined : readFileSync(FORWARD_IPV6, 'utf8').trim();
  const was6 = forwarding6 === undefined ? '' : `,forward6=${others.some(({ forward6 }) => forward6 === '0') || forwarding6 === '0' ? '0' : '1'}`;
  await ip(facts, [`link add name ${bridge} address ${macOf(facts.network.gatewayIp)} type bridge`, `link set dev ${bridge} alias llmos/${facts.instance}/forward=${was}${was6}`]);
}

/** Whether bridge and routes are there, as after a restart of llmos; read without starting a program, since every start waits for it. */
export function isRouted(facts: NetworkFacts, bridge = bridgeOf(facts)): boolean {
  return isRouted4(facts, bridge) && isRouted6(facts, bridge);
}

/** As {@link isRouted4}; the kernel writes 32 hexadecimal digits, and who has the route at the end. */
function isRouted6(facts: NetworkFacts, bridge: string): boolean {
  if (facts.network.ipv6 === undefined) return true;
  const routes = new Set(readFileSync('/proc/net/ipv6_route', 'utf8').split('\n').map((line) => {
    const words = line.trim().split(/\s+/);
    return `${words[0]}/${Number.parseInt(words[1] ?? '', 16)} ${words.at(-1)}`;
  }));
  return ranges6(facts).every((range) => {
    const base = rangeValue(range)?.base ?? 0n;
    return routes.has(`${base.toString(16).padStart(32, '0')}/${range.split('/')[1]} ${bridge}`);
  });
}

function isRouted4(facts: NetworkFacts, bridge: string): boolean {
  const routes = new Set(readFileSync('/proc/net/route', 'utf8').split('\n').map((line) => {
    const [link, destination, , , , , metric, mask] = line.split('\t');
    return `${link} ${destination} ${mask} ${metric}`;
  }));
  return ranges(facts).every((range) => {
    const { base, size } = cidrOf(range);
    const place = `${reversedHex(base)} ${reversedHex(2 ** 32 - size)}`;
    return routes.has(`${bridge} ${place} 0`) && routes.has(`* ${place} ${UNREACHABLE_METRIC}`);
  });
}

/** As the kernel prints addresses: the bytes in the machine's order, which is little-endian wherever llmos runs. */
function reversedHex(address: number): string {
  return [address & 255, (address >>> 8) & 255, (address >>> 16) & 255, address >>> 24].map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join('');
}

function networkLines(facts: NetworkFacts, bridge: string, seesBridged: boolean): string[] {
  const { podCidr, gatewayIp } = facts.network;
  return [
    `link set dev ${bridge} up`,
    ...(seesBridged ? [`link set dev ${bridge} type bridge nf_call_iptables 1`] : []),
    `addr replace ${gatewayIp}/${cidrOf(podCidr).prefix} dev ${bridge}`,
    ...ranges(facts).map((range) => `route replace unreachable ${range} metric ${UNREACHABLE_METRIC} proto ${ROUTE_PROTOCOL}`),
    ...ranges(facts).filter((range) => range !== podCidr).map((range) => `route replace ${range} dev ${bridge} src ${gatewayIp} proto ${ROUTE_PROTOCOL}`),
  ];
}

function networkLines6({ network: { ipv6 } }: NetworkFacts, bridge: string, seesBridged: boolean): string[] {
  if (ipv6 === undefined) return [];
  const { podCidr, serviceCidr, loadBalancerCidr, gatewayIp } = ipv6;
  return [
    ...(seesBridged ? [`link set dev ${bridge} type bridge nf_call_ip6tables 1`] : []),
    `addr replace ${gatewayIp}/${podCidr.split('/')[1]} dev ${bridge} nodad`,
    ...[podCidr, serviceCidr, loadBalancerCidr].map((range) => `route replace unreachable ${range} metric ${UNREACHABLE_METRIC} proto ${ROUTE_PROTOCOL}`),
    ...[serviceCidr, loadBalancerCidr].map((range) => `route replace ${range} dev ${bridge} src ${gatewayIp} proto ${ROUTE_PROTOCOL}`),
  ];
}

function ranges6({ network: { ipv6 } }: NetworkFacts): string[] {
  return ipv6 === undefined ? [] : [ipv6.podCidr, ipv6.serviceCidr, ipv6.loadBalancerCidr];
}

function ranges(facts: NetworkFacts): string[] {
  return [...new Set([facts.network.podCidr, facts.network.serviceCidr, facts.network.loadBalancerCidr])];
}

/** An address made of the gateway's, so that the bridge keeps it whatever ports come and go. */
function macOf(gatewayIp: string): string {
  return ['0a', '58', ...gatewayIp.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':');
}

interface Route { dst: string; dev?: string; type?: string; metric?: number }

async function routesOf({ programs }: Pick<NetworkFacts, 'programs'>, family: 4 | 6): Promise<Route[]> {
  return JSON.parse((await run(programs.ip ?? 'ip', ['-j', `-${family}`, 'route', 'show', 'table', 'main'])) || '[]') as Route[];
}

/** The ranges that the machine routes to elsewhere than the bridge: the networks that it is in, and those of others on it. */
export async function rangesElsewhere(facts: NetworkFacts): Promise<string[]> {
  const [bridge, own] = [bridgeOf(facts), [...ranges(facts), ...ranges6(facts)]];
  const routes = [...(await routesOf(facts, 4)), ...(existsSync('/proc/net/if_inet6') ? await routesOf(facts, 6) : [])];
  return routes.filter(({ dst, dev, type }) => dst !== 'default' && dev !== bridge && !(type === 'unreachable' && own.includes(dst))).map(({ dst }) => (dst.includes('/') ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`));
}

async function refuseUsedRanges(facts: NetworkFacts): Promise<void> {
  const routes = await routesOf(facts, 4);
  for (const range of ranges(facts)) {
    const found = routes.find((route) => route.dst !== 'default' && !(route.type === 'unreachable' && route.metric === UNREACHABLE_METRIC && route.dst === range) && overlap(cidrOf(range), route.dst));
    if (found !== undefined) throw new Error(`the range ${range} overlaps ${found.dst}, which this machine routes to ${found.dev ?? 'elsewhere'}; choose another one in the configuration file under 'network'`);
  }
}

/** Routes of others in a range of ours, or around it. */
async function refuseUsedRanges6(facts: NetworkFacts): Promise<void> {
  if (facts.network.ipv6 === undefined) return;
  const routes = await routesOf(facts, 6);
  const whole = (dst: string): string => (dst.includes('/') ? dst : `${dst}/128`);
  for (const range of ranges6(facts)) {
    const found = routes.find(({ dst, type, metric }) => dst !== 'default' && !(type === 'unreachable' && metric === UNREACHABLE_METRIC && dst === range) && (dst === range || isStrictSubset(whole(dst), range) || isStrictSubset(range, whole(dst))));
    if (found !== undefined) throw new Error(`the range ${range} overlaps ${found.dst}, which this machine routes to ${found.dev ?? 'elsewhere'}; choose another one in the configuration file under 'network'`);
  }
}

function overlap(range: Cidr, destination: string): boolean {
  const other = parseCidr(destination.includes('/') ? destination : `${destination}/32`);
  return other !== undefined && (contains(range, other.base) || contains(other, range.base));
}

interface Note {
  /** Whether the machine forwarded before. */
  forward: string;
  /** Of IPv6; undefined where the instance has none. */
  forward6: string | undefined;
}

/** What the bridges of all instances noted when they were made. */
function notesOf(links: readonly Link[], bridge: string): { own: Note | undefined; others: Note[] } {
  const notes = new Map<string, Note>();
  for (const { ifname, ifalias } of links) {
    const note = /^llmos\/[^/]+\/forward=([01])(?:,forward6=([01]))?$/.exec(ifalias ?? '');
    if (note !== null) notes.set(ifname, { forward: note[1]!, forward6: note[2] });
  }
  const own = notes.get(bridge);
  notes.delete(bridge);
  return { own, others: [...notes.values()] };
}

function conflistOf(facts: NetworkFacts): string {
  return join(facts.cni.confFolder, `10-${facts.instance}.conflist`);
}

/** Addresses given to pods lie in the run folder: after a reboot there are no pods, and so no leases. */
function addressFolder(facts: NetworkFacts): string {
  return join(facts.runFolder, 'cni');
}

function writeCniConfiguration(facts: NetworkFacts, bridge: string): void {
  const { podCidr, gatewayIp, ipv6 } = facts.network;
  const subnets = [[{ subnet: podCidr, gateway: gatewayIp, ...endOfFirst(facts) }], ...(ipv6 === undefined ? [] : [[{ subnet: ipv6.podCidr, gateway: ipv6.gatewayIp }]])];
  const ipam = { type: 'host-local', dataDir: addressFolder(facts), ranges: subnets, routes: [{ dst: '0.0.0.0/0' }, ...(ipv6 === undefined ? [] : [{ dst: '::/0' }])] };
  const configuration = { cniVersion: '1.0.0', name: facts.instance, plugins: [{ type: 'bridge', bridge, isGateway: true, ipMasq: false, hairpinMode: true, ipam }] };
  const text = `${JSON.stringify(configuration, null, 2)}\n`;
  const file = conflistOf(facts);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  mkdirSync(facts.cni.confFolder, { recursive: true });
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** The last addresses of the network belong to further nodes, the address of each the second of its range: pods of this node must not use them up. */
function endOfFirst({ furtherAddresses = [] }: NetworkFacts): { rangeEnd?: string } {
  if (furtherAddresses.length === 0) return {};
  return { rangeEnd: formatIpv4(Math.min(...furtherAddresses.map((each) => parseIpv4(each)!)) - 2) };
}

async function ip(facts: NetworkFacts, lines: readonly string[], options: { force?: boolean; family?: 4 | 6 } = {}): Promise<void> {
  if (lines.length === 0) return;
  const program = facts.programs.ip ?? 'ip';
  const input = `${lines.join('\n')}\n`;
  const family = options.family === 6 ? ['-6'] : [];
  if (options.force) await runAny(program, [...family, '-force', '-batch', '-'], { input });
  else await run(program, [...family, '-batch', '-'], { input });
}
