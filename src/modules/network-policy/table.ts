/** The table of policies: what it holds, as text for nft, and the difference of two contents as one transaction. Pure. */
import { GATEWAY_PORTS, SERVICE_PORTS, SERVICE_PROXY_GROUP, wordsOf } from '../../sdk/haproxy/ports.ts';
import { FORWARDED_PORTS } from '../../sdk/forwarded-ports.ts';
import type { Contents } from './policy-rules.ts';
import type { Family } from './world.ts';

export interface PolicyTableFacts {
  /** Default `ip`. */
  family?: Family;
  /** Whether another sync keeps the table of the other family; without one pods' addresses of IPv6 lead nowhere. */
  dual?: boolean;
  /** Of the bridge, which is made of it; default the gateway of the family. */
  gatewayOfBridge?: string;
  /** The name of the table, in each family. */
  table: string;
  bridge: string;
  podCidr: string;
  gatewayIp: string;
  /** Whether bridged packets pass the rules for IP (br_netfilter); otherwise they are routed while there are policies. */
  seesBridged: boolean;
  /** Of nodes in the pod network: what comes from one is let in everywhere, as from the machine itself, but what it forwards for others. */
  nodeAddresses?: readonly string[];
}

/** The script from one content to the other, of the table `place` (`ip NAME`); '' when they are the same. In an order in which nothing refers to what is not there. */
export function difference(place: string, now: Contents, wanted: Contents): string {
  const lines: string[] = [];
  for (const [name, { type, elements }] of wanted.sets) {
    const before = now.sets.get(name);
    if (before === undefined) lines.push(`add set ${place} ${name} { type ${type}; }`);
    const gone = [...(before?.elements ?? [])].filter((each) => !elements.has(each));
    const come = [...elements].filter((each) => before?.elements.has(each) !== true);
    if (gone.length > 0) lines.push(`delete element ${place} ${name} { ${gone.join(', ')} }`);
    if (come.length > 0) lines.push(`add element ${place} ${name} { ${come.join(', ')} }`);
  }
  const goneChains = [...now.chains.keys()].filter((name) => !wanted.chains.has(name));
  const rules: string[] = [];
  for (const [name, chain] of wanted.chains) {
    const before = now.chains.get(name);
    if (before !== undefined && before.length === chain.length && before.every((rule, index) => rule === chain[index])) continue;
    lines.push(`${before === undefined ? 'add' : 'flush'} chain ${place} ${name}`);
    for (const rule of chain) rules.push(`add rule ${place} ${name} ${rule}`);
  }
  lines.push(...goneChains.map((name) => `flush chain ${place} ${name}`), ...rules);
  for (const map of ['ingress', 'egress', 'door'] as const) {
    const gone = [...now[map].keys()].filter((key) => wanted[map].get(key) !== now[map].get(key));
    const come = [...wanted[map]].filter(([key, verdict]) => now[map].get(key) !== verdict);
    if (gone.length > 0) lines.push(`delete element ${place} ${map} { ${gone.join(', ')} }`);
    if (come.length > 0) lines.push(`add element ${place} ${map} { ${come.map(([key, verdict]) => `${key} : ${verdict}`).join(', ')} }`);
  }
  lines.push(...goneChains.map((name) => `delete chain ${place} ${name}`));
  lines.push(...[...now.sets.keys()].filter((name) => !wanted.sets.has(name)).map((name) => `delete set ${place} ${name}`));
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** Lines that remove the tables, whether they are there or not. */
export function withoutTables({ family = 'ip', dual, table, seesBridged }: Pick<PolicyTableFacts, 'family' | 'dual' | 'table' | 'seesBridged'>): string {
  return [`${family} ${table}`, ...(seesBridged ? (dual ? [] : [`ip6 ${table}`]) : [`bridge ${bridgeTableOf({ family, table })}`])].map((place) => `add table ${place}\ndelete table ${place}\n`).join('');
}

/** Each family has its own table of frames. */
function bridgeTableOf({ family = 'ip', table }: Pick<PolicyTableFacts, 'family' | 'table'>): string {
  return family === 'ip' ? table : `${table}6`;
}

/** Lines that remove those tables of the name that `nft list tables` shows, though somebody else does so too; '' for none. */
export function removalOf(table: string, listed: string): string {
  return listed.split('\n').map((line) => line.trim().split(' ')).filter(([word, , name]) => word === 'table' && (name === table || name === bridgeTableOf({ family: 'ip6', table }))).map(([, family, name]) => `add table ${family} ${name}\ndelete table ${family} ${name}\n`).join('');
}

/**
 * The tables with all but the policies themselves. Only what is forwarded is judged: a pod's own machine always reaches it, and is
 * reached by it. An address of the bridge that is no known pod's is not let through, so a pod is held back until its policies are known.
 * A proxy of the machine is no way round: see policy-rules.ts.
 *
 * A packet goes by the rules of the generation in which it came, and looks into maps as they are by now (linux: nft_do_chain, nft_lookup): of one that came while rules changed, the map
 * may say nothing any more, or name a chain in which it finds nothing yet. So each map is followed by the set of those that it is for, and who is still asked there is dropped: he tries again.
 */
export function baseTables(facts: PolicyTableFacts): string {
  const { family = 'ip', table, bridge, podCidr, gatewayIp, seesBridged, nodeAddresses = [] } = facts;
  const address = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  const nodes = nodeAddresses.length === 0 ? undefined : `{ ${nodeAddresses.join(', ')} }`;
  return `table ${family} ${table} {
  set pods { type ${address}; }
  set self { type ${address} . ${address}; }
  map ingress { type ${address} : verdict; }
  map egress { type ${address} : verdict; }
  map door { type ${address} : verdict; }
  set isolated/ingress { type ${address}; }
  set isolated/egress { type ${address}; }
  chain arriving {
    ${family} daddr vmap @ingress
    ${family} daddr @isolated/ingress drop
${nodes === undefined ? '' : `    ${family} daddr ${nodes} accept\n`}    oifname "${bridge}" ${family} daddr ${podCidr} ${family} daddr != @pods drop
    accept
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
${family === 'ip' ? '' : '    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n'}    ${family} saddr . ${family} daddr @self accept
${nodes === undefined ? '' : `    ${family} saddr ${nodes} meta l4proto { tcp, udp, sctp } th sport ${FORWARDED_PORTS} goto arriving\n    ${family} saddr ${nodes} accept\n`}    ${family} saddr vmap @egress
    ${family} saddr @isolated/egress drop
    iifname "${bridge}" ${family} saddr != @pods drop
    goto arriving
  }
  chain input {
    type filter hook input priority filter; policy accept;
    ct state established,related accept
    iifname "${bridge}" ${family} daddr ${gatewayIp} tcp dport ${wordsOf({ first: GATEWAY_PORTS.first, last: SERVICE_PORTS.last })} goto proxies
  }
  chain proxies {
${nodes === undefined ? '' : `    ${family} saddr ${nodes} accept\n`}    ${family} saddr != @pods drop
    tcp dport ${wordsOf(SERVICE_PORTS)} ${family} saddr @isolated/egress drop
    ${family} saddr vmap @door
    ${family} saddr @isolated/egress drop
  }
  chain output {
    type filter hook output priority filter; policy accept;
${seesBridged ? '' : `    oifname "${bridge}" ${family === 'ip' ? 'icmp type redirect' : 'icmpv6 type nd-redirect'} drop\n`}    ct state established,related accept
    meta skgid ${SERVICE_PROXY_GROUP} meta l4proto tcp goto carried
  }
  # Refused, not dropped: the proxy asks another endpoint at once.
  chain carried {
    ${family} daddr @isolated/ingress reject with tcp reset
${nodes === undefined ? '' : `    ${family} daddr ${nodes} accept\n`}    oifname "${bridge}" ${family} daddr ${podCidr} ${family} daddr != @pods reject with tcp reset
  }
}
${seesBridged ? (facts.dual ? '' : withoutIpv6(facts)) : routed(facts)}`;
}

/** Pods have link-local addresses of IPv6, of which no policy speaks: while there are policies they lead nowhere. */
function withoutIpv6({ table, bridge }: PolicyTableFacts): string {
  return `table ip6 ${table} {
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${bridge}" oifname "${bridge}" drop
  }
}
`;
}

/** Frames from pod to pod are handed to the bridge itself, which routes them, and so past the rules above. */
function routed({ family = 'ip', table, podCidr, gatewayIp, gatewayOfBridge = gatewayIp }: PolicyTableFacts): string {
  return `table bridge ${bridgeTableOf({ family, table })} {
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    ether type ${family} ${family} saddr ${podCidr} ${family} daddr ${podCidr} ${family} daddr != ${gatewayIp} ether daddr set ${macOf(gatewayOfBridge)} meta pkttype set host
  }
}
`;
}

/** The bridge's own address (see the pod network): made of the gateway's. */
function macOf(gatewayIp: string): string {
  return ['0a', '58', ...gatewayIp.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':');
}
