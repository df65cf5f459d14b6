/** The table of policies: what it holds, as text for nft, and the difference of two contents as one transaction. Pure. */
import type { Contents } from './policy-rules.ts';

export interface PolicyTableFacts {
  /** The name of the table, in each family. */
  table: string;
  bridge: string;
  podCidr: string;
  gatewayIp: string;
  /** Whether bridged packets pass the rules for IP (br_netfilter); otherwise they are routed while there are policies. */
  seesBridged: boolean;
  /** Of nodes in the pod network: what comes from one is let in everywhere, as from the machine itself. */
  nodeAddresses?: readonly string[];
}

/** The script from one content to the other; '' when they are the same. In an order in which nothing refers to what is not there. */
export function difference(table: string, now: Contents, wanted: Contents): string {
  const lines: string[] = [];
  for (const [name, { type, elements }] of wanted.sets) {
    const before = now.sets.get(name);
    if (before === undefined) lines.push(`add set ip ${table} ${name} { type ${type}; }`);
    const gone = [...(before?.elements ?? [])].filter((each) => !elements.has(each));
    const come = [...elements].filter((each) => before?.elements.has(each) !== true);
    if (gone.length > 0) lines.push(`delete element ip ${table} ${name} { ${gone.join(', ')} }`);
    if (come.length > 0) lines.push(`add element ip ${table} ${name} { ${come.join(', ')} }`);
  }
  const goneChains = [...now.chains.keys()].filter((name) => !wanted.chains.has(name));
  const rules: string[] = [];
  for (const [name, chain] of wanted.chains) {
    const before = now.chains.get(name);
    if (before !== undefined && before.length === chain.length && before.every((rule, index) => rule === chain[index])) continue;
    lines.push(`${before === undefined ? 'add' : 'flush'} chain ip ${table} ${name}`);
    for (const rule of chain) rules.push(`add rule ip ${table} ${name} ${rule}`);
  }
  lines.push(...goneChains.map((name) => `flush chain ip ${table} ${name}`), ...rules);
  for (const map of ['ingress', 'egress'] as const) {
    const gone = [...now[map].keys()].filter((key) => wanted[map].get(key) !== now[map].get(key));
    const come = [...wanted[map]].filter(([key, verdict]) => now[map].get(key) !== verdict);
    if (gone.length > 0) lines.push(`delete element ip ${table} ${map} { ${gone.join(', ')} }`);
    if (come.length > 0) lines.push(`add element ip ${table} ${map} { ${come.map(([key, verdict]) => `${key} : ${verdict}`).join(', ')} }`);
  }
  lines.push(...goneChains.map((name) => `delete chain ip ${table} ${name}`));
  lines.push(...[...now.sets.keys()].filter((name) => !wanted.sets.has(name)).map((name) => `delete set ip ${table} ${name}`));
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** Lines that remove the tables, whether they are there or not. */
export function withoutTables({ table, seesBridged }: Pick<PolicyTableFacts, 'table' | 'seesBridged'>): string {
  return ['ip', seesBridged ? 'ip6' : 'bridge'].map((family) => `add table ${family} ${table}\ndelete table ${family} ${table}\n`).join('');
}

/** Lines that remove those tables of the name that `nft list tables` shows; '' for none. */
export function removalOf(table: string, listed: string): string {
  return listed.split('\n').map((line) => line.trim().split(' ')).filter(([word, , name]) => word === 'table' && name === table).map(([, family]) => `delete table ${family} ${table}\n`).join('');
}

/**
 * The tables with all but the policies themselves. Only what is forwarded is judged: a pod's own machine always reaches it, and is
 * reached by it. An address of the bridge that is no known pod's is not let through, so a pod is held back until its policies are known.
 */
export function baseTables(facts: PolicyTableFacts): string {
  const { table, bridge, podCidr, seesBridged, nodeAddresses = [] } = facts;
  const nodes = nodeAddresses.length === 0 ? undefined : `{ ${nodeAddresses.join(', ')} }`;
  return `table ip ${table} {
  set pods { type ipv4_addr; }
  set self { type ipv4_addr . ipv4_addr; }
  map ingress { type ipv4_addr : verdict; }
  map egress { type ipv4_addr : verdict; }
  chain arriving {
    ip daddr vmap @ingress
${nodes === undefined ? '' : `    ip daddr ${nodes} accept\n`}    oifname "${bridge}" ip daddr ${podCidr} ip daddr != @pods drop
    accept
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
    ip saddr . ip daddr @self accept
${nodes === undefined ? '' : `    ip saddr ${nodes} accept\n`}    ip saddr vmap @egress
    iifname "${bridge}" ip saddr != @pods drop
    goto arriving
  }
${seesBridged ? '' : `  chain output {
    type filter hook output priority filter; policy accept;
    oifname "${bridge}" icmp type redirect drop
  }
`}}
${seesBridged ? withoutIpv6(facts) : routed(facts)}`;
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
function routed({ table, podCidr, gatewayIp }: PolicyTableFacts): string {
  return `table bridge ${table} {
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    ether type ip ip saddr ${podCidr} ip daddr ${podCidr} ip daddr != ${gatewayIp} ether daddr set ${macOf(gatewayIp)} meta pkttype set host
  }
}
`;
}

/** The bridge's own address (see the pod network): made of the gateway's. */
function macOf(gatewayIp: string): string {
  return ['0a', '58', ...gatewayIp.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':');
}
