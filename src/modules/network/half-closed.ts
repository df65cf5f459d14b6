/**
 * Connections of which one end has said all and still listens: by default the kernel forgets one a minute after it was silent, and what the other end says then bears an address that
 * nobody asked. Those to and from pods, and to an HAProxy before Services and gateways, last an hour, as with kube-proxy (--conntrack-tcp-timeout-close-wait), by a timeout of the table's own: the
 * machine's setting stays as it is.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GATEWAY_PORTS, SERVICE_PORTS, wordsOf } from '../../sdk/haproxy/ports.ts';
import type { TableFacts } from './ruleset.ts';

const HALF_CLOSED_SECONDS = 3_600;
/** The other states, by the names of their settings. What is left out nft fills in by numbers of its own, such as five days for `established`, whatever the machine has. */
const SETTINGS: Readonly<Record<string, string>> = {
  syn_sent: 'syn_sent', syn_recv: 'syn_recv', established: 'established', fin_wait: 'fin_wait', close_wait: 'close_wait', last_ack: 'last_ack', time_wait: 'time_wait', close: 'close', retrans: 'max_retrans', unack: 'unacknowledged',
};

/**
 * Lines for a table that has none of it; a kernel without timeouts for single connections (NF_CONNTRACK_TIMEOUT) refuses them. Only first packets pass the rules. `settings`: the folder of
 * the machine's own, which are as they are now for connections that begin until the table is written again.
 */
export function halfClosedLast({ family = 'ip', table, bridge, gatewayIp }: Pick<TableFacts, 'family' | 'table' | 'bridge' | 'gatewayIp'>, settings = '/proc/sys/net/netfilter'): string {
  const place = `${family} ${table}`;
  const toProxy = gatewayIp === undefined ? [] : [`${family} daddr ${gatewayIp} tcp dport ${wordsOf({ first: GATEWAY_PORTS.first, last: SERVICE_PORTS.last })}`];
  const timeouts = Object.entries(SETTINGS).flatMap(([state, setting]) => {
    const seconds = readSeconds(join(settings, `nf_conntrack_tcp_timeout_${setting}`));
    return state === 'close_wait' ? [`${state} : ${Math.max(HALF_CLOSED_SECONDS, seconds ?? 0)}`] : seconds === undefined ? [] : [`${state} : ${seconds}`];
  });
  return [
    `add ct timeout ${place} half-closed { protocol tcp; l3proto ${family}; policy = { ${timeouts.join(', ')} }; }`,
    `add chain ${place} half-closed { type nat hook postrouting priority srcnat - 1; policy accept; }`,
    `add chain ${place} half-closed/arriving { type nat hook input priority 99; policy accept; }`,
    ...[...['iifname', 'oifname'].map((way) => `${way} "${bridge}" meta l4proto tcp`), ...toProxy].map((which) => `add rule ${place} half-closed ${which} ct timeout set "half-closed"`),
    ...toProxy.map((which) => `add rule ${place} half-closed/arriving ${which} ct timeout set "half-closed"`), '',
  ].join('\n');
}

function readSeconds(file: string): number | undefined {
  try {
    const seconds = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(seconds) && seconds >= 0 ? seconds : undefined;
  } catch {
    return undefined; // an older kernel, or a namespace that may not
  }
}
