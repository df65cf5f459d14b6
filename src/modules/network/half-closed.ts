/**
 * Connections of which one end has said all and still listens: by default the kernel forgets one a minute after it was silent, and what the other end says then bears an address that
 * nobody asked. Those to and from pods last an hour, as with kube-proxy (--conntrack-tcp-timeout-close-wait), by a timeout of the table's own: the machine's setting stays as it is.
 */
import type { TableFacts } from './ruleset.ts';

const HALF_CLOSED_SECONDS = 3_600;

/** Lines for a table that has none of it; a kernel without timeouts for single connections (NF_CONNTRACK_TIMEOUT) refuses them. Only first packets pass the rules. */
export function halfClosedLast({ family = 'ip', table, bridge }: Pick<TableFacts, 'family' | 'table' | 'bridge'>): string {
  const place = `${family} ${table}`;
  return [
    `add ct timeout ${place} half-closed { protocol tcp; l3proto ${family}; policy = { close_wait : ${HALF_CLOSED_SECONDS} }; }`,
    `add chain ${place} half-closed { type nat hook postrouting priority srcnat - 1; policy accept; }`,
    ...['iifname', 'oifname'].map((way) => `add rule ${place} half-closed ${way} "${bridge}" meta l4proto tcp ct timeout set "half-closed"`), '',
  ].join('\n');
}
