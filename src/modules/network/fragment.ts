/** What one Service asks of the instance's table in nftables. */
import type { MAP_PREFIX } from './blocks.ts';

/** Maps and sets of the table; see ruleset.ts for their types. */
export type Collection = 'services' | 'nodeports' | 'refused' | 'refusedports' | 'clusterips' | 'hairpin' | 'elsewhere' | 'confined' | `${typeof MAP_PREFIX}${string}`;

export interface Fragment {
  /** Rules by chain. */
  chains: Map<string, readonly string[]>;
  /** Declarations by set, of sets that belong to this Service alone. */
  sets: Map<string, string>;
  /** Elements by collection: key to verdict, or to '' in sets. */
  elements: Map<Collection, Map<string, string>>;
  /** Ports on 127.0.0.1 that the load balancer wants, and where they lead. */
  loopback: readonly LoopbackPort[];
  /** Endpoints of ports of UDP that serve, chosen or not, as `address:port` or `[address]:port`. */
  udpServing: ReadonlySet<string>;
}

export type Transport = 'tcp' | 'udp' | 'sctp';

/** A port of 127.0.0.1 that a load balancer answers on, where no program of the machine has it. */
export interface LoopbackPort {
  protocol: 'tcp' | 'udp';
  port: number;
  /** The element of `services` by which it is answered, once the port is claimed. */
  element: string;
  verdict: string;
}

/** The only loopback address on which load balancers answer. */
export const LOOPBACK = '127.0.0.1';

/** Adds an element; one of that key is replaced. */
export function add(fragment: Fragment, collection: Collection, key: string, value: string): void {
  const elements = fragment.elements.get(collection);
  if (elements === undefined) fragment.elements.set(collection, new Map([[key, value]]));
  else elements.set(key, value);
}
