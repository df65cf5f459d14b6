/** What the rules of a Service are made of beside the Service and its endpoints: facts of the machine, its nodes and its proxy. */
import { zoneOf } from '../../api/core/zone.ts';
import type { Node } from '../../api/generated/core-v1.ts';
import { isCidr, isStrictSubset } from '../../api/ip.ts';
import type { Place } from './blocks.ts';
import { isOfFamily, type Family } from './family.ts';

export interface RuleFacts {
  /** Default `ip`. */
  family?: Family;
  nodeName: string;
  podCidr: string;
  gatewayIp: string;
  /** Cluster IPs beyond it are named one by one, so that their other ports are refused as those within are; absent: none is. */
  serviceCidr?: string;
  /** Ports of this Service that a proxy carries. */
  proxied?: ReadonlyMap<number, ProxyPorts>;
  /** Whether there are clients of whom no proxy may carry anything: those of the set `confined`. */
  confined?: boolean;
  /** The zone of the node; absent where it has none. */
  zone?: string | undefined;
  /** Further nodes of the machine, whose pods have ranges of their own in `podCidr`. */
  others?: readonly OtherNode[];
  /** Shares of endpoints of a weighted Service by address, 0 to 256; default 1. */
  weights?: ReadonlyMap<string, number>;
  /** Where the endpoints of a chain stand in the maps that Services share; without it each chain has a map of its own. */
  place?(chain: string, count: number): Place;
}

/** The ports of the gateway's address on which a proxy listens for a port of a Service; undefined for whom it has no endpoint. */
export interface ProxyPorts {
  all: number;
  /** For the pods of the first node, and the machine. */
  inside: number | undefined;
  /** For who comes from outside. */
  outside: number | undefined;
  /** For the pods of further nodes, by their names. */
  others: ReadonlyMap<string, number | undefined>;
}

/** A further node of the machine, and the range of its pods. */
export interface OtherNode { nodeName: string; zone?: string | undefined; podCidr: string }

/** Of all Nodes, those of this machine beside the first: their ranges lie in that of the pods. */
export function othersOf(nodes: readonly Node[], { nodeName, podCidr }: Pick<RuleFacts, 'nodeName' | 'podCidr'>): OtherNode[] {
  return nodes.filter(({ metadata }) => metadata.name !== nodeName).flatMap((node): OtherNode[] => {
    const range = (node.spec?.podCIDRs ?? []).find((each) => isCidr(each) && isOfFamily(each.split('/')[0], podCidr.includes(':') ? 'ip6' : 'ip') && isStrictSubset(each, podCidr));
    return range === undefined ? [] : [{ nodeName: node.metadata.name ?? '', zone: zoneOf(node), podCidr: range }];
  }).sort((a, b) => (a.nodeName < b.nodeName ? -1 : 1));
}
