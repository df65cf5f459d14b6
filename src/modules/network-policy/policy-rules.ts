/**
 * From the policies and the pods of the cluster to what nftables must hold: a pure function.
 *
 * Each pod that a policy isolates has one chain a direction, found by its address in a map, which tries its policies one after the other
 * and ends in a drop; whom the map leads nowhere yet, or into a chain that is not there yet, `isolated/...` drops (table.ts). A policy is one chain a direction, the same for all its pods. The pods that its rules name are sets of addresses,
 * so that a pod that comes or goes changes elements and no rule. A packet that may leave its pod goes on to `arriving`, which asks the
 * policies of the other end.
 *
 * What goes through a proxy of the machine is no packet from pod to pod. Who carries Services may not connect to pods of `isolated/ingress`, nor be
 * connected to by those of `isolated/egress`: the kernel leads these past it. At a gateway a pod is judged by where it meant to go (`door`).
 */
import { createHash } from 'node:crypto';
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../api/generated/networking-v1.ts';
import { isIP } from '../../api/ip.ts';
import { directionsOf, type Direction } from '../../api/networking/isolation.ts';
import { rangesOf } from './block.ts';
import { podsOfPeer, selected, type Family, type PolicyPod, type World } from './world.ts';

export interface Contents {
  /** Rules by chain. */
  chains: Map<string, readonly string[]>;
  sets: Map<string, PolicySet>;
  /** Verdicts by address, of the maps of the table. */
  ingress: Map<string, string>;
  egress: Map<string, string>;
  door: Map<string, string>;
}

export interface PolicySet {
  type: string;
  elements: Set<string>;
}

const addressesOf = (family: Family): string => (family === 'ip' ? 'ipv4_addr' : 'ipv6_addr');

/** All pods with an address of their own: the set `pods`. A pod's way to itself: the set `self`. */
export function contentsFor(policies: readonly NetworkPolicy[], world: World, family: Family = 'ip'): Contents {
  const contents = emptyContents(family);
  const isolating = { ingress: new Map<string, string[]>(), egress: new Map<string, string[]>() };
  const doors = new Map<string, string[]>();
  for (const pod of world.pods()) {
    contents.sets.get('pods')?.elements.add(pod.address);
    contents.sets.get('self')?.elements.add(`${pod.address} . ${pod.address}`);
  }
  for (const policy of policies) {
    const pods = selected(world, policy.metadata.namespace ?? '', policy.spec?.podSelector);
    if (pods.length === 0) continue;
    for (const direction of directionsOf(policy)) {
      const chain = addPolicy(contents, policy, { direction, pods, world, family });
      for (const { address } of pods) isolating[direction].set(address, [...(isolating[direction].get(address) ?? []), chain]);
      const door = direction === 'egress' ? addDoor(contents, policy, family) : undefined;
      if (door !== undefined) for (const { address } of pods) doors.set(address, [...(doors.get(address) ?? []), door]);
    }
  }
  for (const direction of ['ingress', 'egress'] as const) {
    for (const [address, chains] of isolating[direction]) {
      lead(contents, direction, address, chains);
      contents.sets.get(`isolated/${direction}`)?.elements.add(address);
    }
  }
  for (const address of isolating.egress.keys()) lead(contents, 'door', address, doors.get(address) ?? []);
  return contents;
}

/** The chain of a pod: what its policies let pass, and nothing else. */
function lead(contents: Contents, map: Direction | 'door', address: string, chains: readonly string[]): void {
  const name = `${map}/${address.replaceAll(':', '-')}`;
  contents.chains.set(name, [...chains.toSorted().map((chain) => `jump ${chain}`), 'drop']);
  contents[map].set(address, `jump ${name}`);
}

export function emptyContents(family: Family = 'ip'): Contents {
  const type = addressesOf(family);
  const sets = new Map(['pods', 'isolated/ingress', 'isolated/egress'].map((name) => [name, { type, elements: new Set<string>() }]));
  sets.set('self', { type: `${type} . ${type}`, elements: new Set<string>() });
  return { chains: new Map(), sets, ingress: new Map(), egress: new Map(), door: new Map() };
}

/** Adds the chain of a policy in one direction, and its sets; gives its name. */
function addPolicy(contents: Contents, policy: NetworkPolicy, { direction, pods, world, family }: { direction: Direction; pods: readonly PolicyPod[]; world: World; family: Family }): string {
  const namespace = policy.metadata.namespace ?? '';
  const name = nameOf(namespace, policy.metadata.name ?? '', direction);
  const rules = direction === 'ingress'
    ? (policy.spec?.ingress ?? []).map(({ ports, from }) => ({ ports, peers: from }))
    : (policy.spec?.egress ?? []).map(({ ports, to }) => ({ ports, peers: to }));
  const lines = rules.flatMap(({ ports = [], peers = [] }) => {
    // A name is that of a port of the receiving pod: one of the policy's own for ingress, whichever it may be for egress.
    const whose = direction === 'ingress' ? pods : world.pods();
    const portMatches = ports.length === 0 ? [''] : matchPorts(contents, setOf(name, ports), ports, { pods: whose, family });
    const peerMatches = peers.length === 0 ? [''] : matchPeers(contents, setOf(name, peers), { peers, direction, namespace, world, family });
    const verdict = direction === 'ingress' ? 'accept' : 'goto arriving';
    return peerMatches.flatMap((peer) => portMatches.map((port) => [peer, port, verdict].filter((part) => part !== '').join(' ')));
  });
  contents.chains.set(name, lines);
  return name;
}

/**
 * What of a policy lets its pods through to a gateway: rules for addresses and for everybody, since a gateway is no pod. Undefined when nothing does.
 * The gateway's HAProxy listens elsewhere than the pod was told, so it is judged by where the pod meant to go.
 */
function addDoor(contents: Contents, policy: NetworkPolicy, family: Family): string | undefined {
  const lines = (policy.spec?.egress ?? []).flatMap(({ ports = [], to = [] }) => {
    const peers = to.length === 0 ? [''] : to.flatMap(({ ipBlock }) => (ipBlock === undefined ? [] : matchBlock(`ct original ${family} daddr`, ipBlock, family)));
    const numbers = ports.flatMap(({ protocol = 'TCP', port, endPort }) => {
      if (protocol !== 'TCP' || typeof port === 'string') return [];
      return [port === undefined ? '' : `meta l4proto tcp ct original proto-dst ${endPort === undefined || endPort === port ? port : `${port}-${endPort}`}`];
    });
    return peers.flatMap((peer) => (ports.length === 0 ? [''] : numbers).map((port) => [peer, port, 'accept'].filter((part) => part !== '').join(' ')));
  });
  if (lines.length === 0) return undefined;
  const name = nameOf(policy.metadata.namespace ?? '', policy.metadata.name ?? '', 'door');
  contents.chains.set(name, [...new Set(lines)]);
  return name;
}

interface Peers {
  peers: readonly NetworkPolicyPeer[];
  direction: Direction;
  namespace: string;
  world: World;
  family: Family;
}

function matchPeers(contents: Contents, set: string, { peers, direction, namespace, world, family }: Peers): string[] {
  const field = `${family} ${direction === 'ingress' ? 'saddr' : 'daddr'}`;
  const matches = peers.flatMap(({ ipBlock }) => (ipBlock === undefined ? [] : matchBlock(field, ipBlock, family)));
  if (peers.every(({ ipBlock }) => ipBlock !== undefined)) return matches;
  contents.sets.set(set, { type: addressesOf(family), elements: new Set(peers.flatMap((peer) => podsOfPeer(world, namespace, peer)).map((pod) => pod.address)) });
  return [`${field} @${set}`, ...matches];
}

/**
 * Nothing for a block of the other family. No set of ranges: of one that comes with its rule, the kernel knows nothing for a moment after the rule is in force (linux: sets of ranges are made
 * visible once the generation has begun), and whom its holes are to keep out would be let through.
 */
function matchBlock(field: string, block: IPBlock, family: Family): string[] {
  if (isIP(block.cidr.split('/')[0]) !== (family === 'ip' ? 4 : 6)) return [];
  return rangesOf(block).map((range) => (range.endsWith('/0') ? '' : `${field} ${range}`));
}

function matchPorts(contents: Contents, set: string, ports: readonly NetworkPolicyPort[], { pods, family }: { pods: readonly PolicyPod[]; family: Family }): string[] {
  const named = ports.filter(({ port }) => typeof port === 'string');
  const matches = ports.filter(({ port }) => typeof port !== 'string').map(({ protocol = 'TCP', port, endPort }) => {
    const transport = protocol.toLowerCase();
    return port === undefined ? `meta l4proto ${transport}` : `${transport} dport ${endPort === undefined || endPort === port ? port : `${port}-${endPort}`}`;
  });
  if (named.length === 0) return [...new Set(matches)];
  const wanted = new Set(named.map(({ protocol = 'TCP', port }) => `${protocol.toLowerCase()}/${port}`));
  const elements = pods.flatMap((pod) => pod.ports.filter(({ name, protocol }) => wanted.has(`${protocol}/${name}`)).map(({ protocol, port }) => `${pod.address} . ${protocol} . ${port}`));
  contents.sets.set(set, { type: `${addressesOf(family)} . inet_proto . inet_service`, elements: new Set(elements) });
  return [...new Set([...matches, `${family} daddr . meta l4proto . th dport @${set}`])];
}

/**
 * By what it is of, so that a rule that becomes another one has another set: a packet that came a moment before goes by the rules of before and looks into sets as they are by now, and
 * is not to find who is let in elsewhere.
 */
function setOf(policy: string, what: readonly (NetworkPolicyPeer | NetworkPolicyPort)[]): string {
  return `${policy}/${createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, 16)}`;
}

const LONGEST_NAME = 100;

/** Names of policies may be longer than the kernel lets names be. */
function nameOf(namespace: string, policy: string, which: Direction | 'door'): string {
  const name = `policy/${namespace}/${policy}/${which}`;
  return name.length <= LONGEST_NAME ? name : `policy/${createHash('sha256').update(name).digest('hex').slice(0, 32)}/${which}`;
}
