/** On which addresses of the machine node ports answer (upstream: KubeProxyConfiguration.nodePortAddresses, proxy/util/nodeport_addresses.go). Pure. */
import { canonicalCidr, isStrictSubset, isWithin } from '../../api/ip.ts';
import type { Family } from './family.ts';

/** Ranges, from `modules.network.nodePortAddresses`; none lets them answer on all addresses. Throws where one is no range. */
export function nodePortRanges({ nodePortAddresses = [] }: Readonly<Record<string, unknown>>): string[] {
  const ranges = Array.isArray(nodePortAddresses) ? nodePortAddresses.map((each) => (typeof each === 'string' ? canonicalCidr(each) : undefined)) : [undefined];
  if (ranges.includes(undefined)) throw new Error(`modules.network.nodePortAddresses must be a list of ranges of addresses, such as ['192.0.2.0/24'], not ${JSON.stringify(nodePortAddresses)}`);
  return ranges as string[];
}

/** What a packet to a node port has to be, as nftables says it: to an address of the machine itself, in the ranges of its family where there are some. */
export function toNodePort(family: Family, ranges: readonly string[] = []): string {
  const own = [...new Set(ofFamily(family, ranges))];
  const outer = own.filter((each) => !own.some((other) => isStrictSubset(each, other)));
  return `${outer.length === 0 ? '' : `${family} daddr { ${outer.join(', ')} } `}fib daddr type local`;
}

/** Whether what came to this address of the machine came to one on which node ports answer. */
export function isNodePortAddress(address: string, ranges: readonly string[]): boolean {
  const own = ofFamily(address.includes(':') ? 'ip6' : 'ip', ranges);
  return own.length === 0 || own.some((each) => isWithin(address, each));
}

function ofFamily(family: Family, ranges: readonly string[]): string[] {
  return ranges.filter((each) => each.includes(':') === (family === 'ip6'));
}
