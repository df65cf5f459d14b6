/** The two families of addresses, and what each is called by nftables and by Kubernetes. */
import { isIP } from '../../api/ip.ts';

/** As nftables calls the tables of a family. */
export type Family = 'ip' | 'ip6';

/** As EndpointSlices and Services call it. */
export function kubernetesNameOf(family: Family): 'IPv4' | 'IPv6' {
  return family === 'ip' ? 'IPv4' : 'IPv6';
}

export function isOfFamily(address: string | undefined, family: Family): address is string {
  return isIP(address) === (family === 'ip' ? 4 : 6);
}

/** The type of a set of addresses. */
export function addressTypeOf(family: Family): string {
  return family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
}

/** An address with a port, as nftables and URLs have it. */
export function withPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
