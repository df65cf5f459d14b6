/**
 * The table of one instance: what it holds now, and the nft script that brings it from there to what is wanted. Pure text; table-writer.ts runs it.
 *
 * Each script is one transaction of the kernel. A packet that comes in that very moment goes by the rules of the generation in which it came, and looks into maps as they are by now (linux:
 * nft_do_chain keeps the generation, nft_lookup asks for the newest): a map leads it to a chain in which it finds nothing yet, or an old rule gives it a number that the map has no more.
 * In short, it finds nothing. So nobody is refused who has asked but once: all hooks come in pairs, and the second asks again, by the rules as they are then.
 */
import { GATEWAY_PORTS, SERVICE_PORTS, wordsOf } from '../../sdk/haproxy/ports.ts';
import { MAP_PREFIX } from './blocks.ts';
import { addressTypeOf, type Family } from './family.ts';
import type { Collection, Fragment } from './fragment.ts';
import { toNodePort } from './node-port-addresses.ts';

export interface TableFacts {
  /** Default `ip`. */
  family?: Family;
  /** The name of the table. */
  table: string;
  bridge: string;
  podCidr: string;
  serviceCidr: string;
  loadBalancerCidr: string;
  /** Where node ports answer; default on all addresses of the machine. */
  nodePortAddresses?: readonly string[];
  /** Where HAProxy listens; see {@link patience}. */
  gatewayIp?: string;
  /** Whether bridged packets pass these chains too (br_netfilter); otherwise answers between pods need masquerading. */
  seesBridged: boolean;
}

/** Rules by chain, declarations by set, elements by collection. */
interface Contents {
  chains: Map<string, readonly string[]>;
  sets: Map<string, string>;
  elements: Map<string, Map<string, string>>;
}

export interface Ruleset {
  /** Takes in the new fragments (undefined: the owner is gone) and gives the script for the difference; '' when there is none. */
  change(fragments: ReadonlyMap<string, Fragment | undefined>): string;
  /** The whole table anew, own table only, as one transaction. */
  whole(): string;
  /** The part of it that depends on no Service. */
  readonly base: string;
  /** Names of the sets that belong to single Services. */
  sets(): ReadonlySet<string>;
  /** Chains and elements held, for reports. */
  size(): { chains: number; elements: number };
}

/** A table that knows which owner (a Service) asks for what. Two owners of one element: the one that came first has it. */
export function createRuleset(facts: TableFacts): Ruleset {
  const fragments = new Map<string, Fragment>();
  const holders = new Map<string, Map<string, string>>();
  const now = empty();
  const { family = 'ip' } = facts;
  const place = `${family} ${facts.table}`;

  function change(changes: ReadonlyMap<string, Fragment | undefined>): string {
    const wanted = empty();
    const gone = { chains: new Set<string>(), sets: new Set<string>() };
    const touched = new Set<string>();
    for (const [owner, next] of changes) {
      const before = fragments.get(owner);
      for (const name of before?.chains.keys() ?? []) if (!next?.chains.has(name)) gone.chains.add(name);
      for (const name of before?.sets.keys() ?? []) if (!next?.sets.has(name)) gone.sets.add(name);
      for (const [name, rules] of next?.chains ?? []) wanted.chains.set(name, rules);
      for (const [name, declaration] of next?.sets ?? []) wanted.sets.set(name, declaration);
      release(owner, before, touched);
      hold(owner, next, touched);
      if (next === undefined) fragments.delete(owner);
      else fragments.set(owner, next);
    }
    for (const held of touched) {
      const { collection, key } = unplace(held);
      const value = holders.get(held)?.values().next().value;
      if (value !== now.elements.get(collection)?.get(key)) nested(wanted.elements, collection).set(key, value ?? GONE);
    }
    return script(place, now, wanted, gone);
  }

  function release(owner: string, fragment: Fragment | undefined, touched: Set<string>): void {
    for (const [collection, elements] of fragment?.elements ?? []) {
      for (const key of elements.keys()) {
        const where = `${collection}|${key}`;
        const owners = holders.get(where);
        owners?.delete(owner);
        if (owners?.size === 0) holders.delete(where);
        touched.add(where);
      }
    }
  }

  function hold(owner: string, fragment: Fragment | undefined, touched: Set<string>): void {
    for (const [collection, elements] of fragment?.elements ?? []) {
      for (const [key, value] of elements) {
        const where = `${collection}|${key}`;
        nested(holders, where).set(owner, value);
        touched.add(where);
      }
    }
  }

  return {
    change,
    base: baseTable(facts),
    whole: () => `add table ${place}\ndelete table ${place}\n${baseTable(facts)}\n${script(place, empty(), now, { chains: new Set(), sets: new Set() })}`,
    sets: () => new Set(now.sets.keys()),
    size: () => ({ chains: now.chains.size, elements: [...now.elements.values()].reduce((sum, each) => sum + each.size, 0) }),
  };
}

const empty = (): Contents => ({ chains: new Map(), sets: new Map(), elements: new Map() });
/** By a number, where a connection goes. */
function sharedMap(place: string): string {
  return `{ typeof numgen inc mod 65536 : ${place.split(' ')[0]} daddr . tcp dport; }`;
}
/** Marks an element that is no longer wanted; no verdict looks like it. */
const GONE = '\0gone';

/** The lines from `now` to `wanted`, in an order in which nothing refers to what is not there; `now` is brought along. */
function script(place: string, now: Contents, wanted: Contents, gone: { chains: Set<string>; sets: Set<string> }): string {
  const lines: string[] = [];
  // Shared maps stay once they are there: their number is bounded, and they would only be made again.
  for (const collection of wanted.elements.keys()) if (collection.startsWith(MAP_PREFIX) && !now.elements.has(collection)) lines.push(`add map ${place} ${collection} ${sharedMap(place)}`);
  for (const [name, declaration] of wanted.sets) {
    if (now.sets.get(name) === declaration) continue;
    lines.push(`add set ${place} ${name} ${declaration}`);
    now.sets.set(name, declaration);
  }
  const rewritten: string[] = [];
  for (const [name, rules] of wanted.chains) {
    const before = now.chains.get(name);
    if (before !== undefined && sameRules(before, rules)) continue;
    lines.push(before === undefined ? `add chain ${place} ${name}` : `flush chain ${place} ${name}`);
    for (const rule of rules) rewritten.push(`add rule ${place} ${name} ${rule}`);
    now.chains.set(name, rules);
  }
  for (const name of gone.chains) if (now.chains.has(name)) lines.push(`flush chain ${place} ${name}`);
  lines.push(...rewritten);
  for (const [collection, elements] of wanted.elements) lines.push(...elementLines(place, collection, nested(now.elements, collection), elements));
  for (const name of gone.chains) if (now.chains.delete(name)) lines.push(`delete chain ${place} ${name}`);
  for (const name of gone.sets) if (now.sets.delete(name)) lines.push(`delete set ${place} ${name}`);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** A verdict is changed by deleting its element and adding it again, in the same transaction. */
function elementLines(place: string, collection: string, now: Map<string, string>, wanted: Map<string, string>): string[] {
  const removed: string[] = [];
  const added: string[] = [];
  for (const [key, value] of wanted) {
    if (now.has(key)) removed.push(key);
    if (value === GONE) now.delete(key);
    else {
      added.push(value === '' ? key : `${key} : ${value}`);
      now.set(key, value);
    }
  }
  const lines: string[] = [];
  if (removed.length > 0) lines.push(`delete element ${place} ${collection} { ${removed.join(', ')} }`);
  if (added.length > 0) lines.push(`add element ${place} ${collection} { ${added.join(', ')} }`);
  return lines;
}

/** The kernel leads nothing from ::1 elsewhere, so node ports are refused there at once, and who asks `localhost` goes on to 127.0.0.1. */
const NOT_LOOPBACK = 'ip6 daddr != ::1 ';

/** The part of the table that does not depend on services. */
function baseTable(facts: TableFacts): string {
  const { family = 'ip', table, bridge, podCidr, serviceCidr, loadBalancerCidr } = facts;
  const address = addressTypeOf(family);
  return `table ${family} ${table} {
  map services { type ${address} . inet_proto . inet_service : verdict; }
  map nodeports { type inet_proto . inet_service : verdict; }
  set refused { type ${address} . inet_proto . inet_service; }
  set refusedports { type inet_proto . inet_service; }
  set clusterips { type ${address}; }
  set hairpin { type ${address} . ${address}; }
  set elsewhere { type ${address}; }
  set confined { type ${address}; }

${family === 'ip' ? guard(bridge) : ''}${facts.gatewayIp === undefined ? '' : patience(family, facts.gatewayIp)}  chain dispatch {
    ${family} daddr . meta l4proto . th dport vmap @services
    ${family === 'ip' ? '' : NOT_LOOPBACK}${toNodePort(family, facts.nodePortAddresses)} meta l4proto . th dport vmap @nodeports
  }
  # Whatever still bears a service's address here has no endpoint. It is refused before it is routed, since a redirect of the routing
  # would use up the sender's allowance of ICMP messages; and in the hooks of nat, which packets of known connections do not pass.
  chain unanswered {
    ${family} daddr . meta l4proto . th dport @refused reject
    ${family} daddr { ${serviceCidr}, ${loadBalancerCidr} } reject
    ${family} daddr @clusterips reject
    ${toNodePort(family, facts.nodePortAddresses)} meta l4proto . th dport @refusedports reject
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    jump dispatch
  }
  chain output {
    type nat hook output priority -100; policy accept;
    jump dispatch
  }
  # Who came while the rules changed may have found nothing: see above.
  chain prerouting/again {
    type nat hook prerouting priority dstnat + 1; policy accept;
    jump dispatch
    jump unanswered
  }
  chain output/again {
    type nat hook output priority -99; policy accept;
    jump dispatch
    jump unanswered
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "${bridge}" ${family} saddr . ${family} daddr @hairpin masquerade
${family === 'ip' ? `    oifname "${bridge}" ip saddr 127.0.0.0/8 masquerade\n` : ''}${facts.seesBridged ? '' : `    iifname "${bridge}" oifname "${bridge}" ct status dnat masquerade\n`}    oifname != "${bridge}" ${family} saddr ${podCidr} ${family} daddr != ${podCidr} masquerade
    oifname != "${bridge}" ct status dnat ${family} daddr @elsewhere masquerade
  }
  # What belongs to no connection is not translated: its sender's own address would reach the client, who would reset the connection.
  chain stray {
    iifname "${bridge}" drop
    oifname "${bridge}" drop
  }
  chain strays {
    type filter hook forward priority filter; policy accept;
    ct state invalid jump stray
  }
}`;
}

/** Of Services and of gateways. */
const PROXY_PORTS = wordsOf({ first: GATEWAY_PORTS.first, last: SERVICE_PORTS.last });

/**
 * A connection to an HAProxy that was killed is not refused: the answer to a SYN on a closed port, the one reset whose sequence number is 0, is not
 * sent, so TCP asks again a second later, when the next HAProxy is there. Connections that were open are reset as ever.
 */
function patience(family: Family, gatewayIp: string): string {
  return `  chain patience {
    type filter hook output priority raw; policy accept;
    tcp flags & (rst | ack) == rst | ack ${family} saddr ${gatewayIp} tcp sport ${PROXY_PORTS} tcp sequence 0 drop
  }
`;
}

/** 127/8 is routable on the bridge for the answers to 127.0.0.1 only: pods may not use it. */
function guard(bridge: string): string {
  return `  chain guard {
    type filter hook prerouting priority raw; policy accept;
    ip daddr 127.0.0.0/8 iifname "${bridge}" drop
    ip saddr 127.0.0.0/8 iifname "${bridge}" drop
  }
`;
}

function sameRules(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((rule, index) => rule === b[index]);
}

function unplace(place: string): { collection: Collection; key: string } {
  const bar = place.indexOf('|');
  return { collection: place.slice(0, bar) as Collection, key: place.slice(bar + 1) };
}

function nested<V>(map: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let inner = map.get(key);
  if (inner === undefined) map.set(key, (inner = new Map()));
  return inner;
}
