/** Which backends are spoken to by the forwarder, since HAProxy cannot check several names: each sort of them is a way of its own. Pure. */
import { createHash } from 'node:crypto';
import type { TlsPair } from '../observed.ts';
import type { Door } from '../plan.ts';
import type { BackendTls } from '../rules.ts';
import type { Way } from './forwarder.ts';

/** What is the same for all of its backends. */
export type WayFacts = Pick<Way, 'hostname' | 'names' | 'caPem' | 'protocol' | 'identity'>;

/** undefined where HAProxy speaks to them itself. */
export function wayOf({ hostname, names, caPem }: BackendTls, protocol: 'http' | 'h2c' | undefined, identity: TlsPair | undefined): WayFacts | undefined {
  if (names === undefined) return undefined;
  return { hostname, names, ...(caPem === undefined ? {} : { caPem }), ...(protocol === undefined ? {} : { protocol: protocol === 'h2c' ? 'h2' : 'http/1.1' }), ...(identity === undefined ? {} : { identity }) };
}

export const wayName = (way: WayFacts): string => `forward:${createHash('sha256').update(JSON.stringify(way)).digest('hex').slice(0, 16)}`;

/** All that the doors ask for, by name. */
export function waysOf(doors: readonly Door[]): Map<string, WayFacts> {
  const ways = new Map<string, WayFacts>();
  const add = (tls: BackendTls | undefined, protocol: 'http' | 'h2c' | undefined, { clientCertificate }: Door): void => {
    const way = tls === undefined ? undefined : wayOf(tls, protocol, clientCertificate);
    if (way !== undefined) ways.set(wayName(way), way);
  };
  for (const door of doors) {
    for (const { action } of door.entries) {
      for (const { backend, filters } of action.targets) {
        add(backend?.tls, backend?.protocol, door);
        for (const { authorizer } of [...action.filters, ...filters]) add(authorizer?.tls, authorizer?.protocol, door);
      }
    }
    for (const { targets } of door.tlsEntries) for (const { backend } of targets) if (backend?.tls !== 'broken') add(backend?.tls, undefined, door);
  }
  return ways;
}

/** HAProxy names endpoints by SOCKS 4, which has no IPv6: such an endpoint gets an address of 240.0.0.0/4, which nobody has. */
export function standInFor(address: string): string | undefined {
  if (!address.includes(':')) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = createHash('sha256').update(address).digest();
  return `${240 + (a % 15)}.${b}.${c}.${d}`;
}

export const isStandIn = (address: string): boolean => Number(address.split('.')[0]) >= 240;
