/** Which addresses of the pod network a further node has. Pure. */
import { addressAt, parseCidr, type Cidr } from './cidr.ts';
import type { Config } from './config.ts';

const SLICE = 256;

/** The last ranges of 256 addresses of the pod network: the first address of one is the node's own, the others are for its pods. Throws when the network is too small. */
export function sliceOf({ network }: Pick<Config, 'network'>, number: number): { cidr: string; address: string; first: string; last: string } {
  const pods = parseCidr(network.podCidr) as Cidr;
  const from = 2 ** (32 - pods.prefixLength) - SLICE * (number - 1);
  if (from < SLICE) throw new Error(`network.podCidr ${network.podCidr} is too small for ${number} nodes: each takes ${SLICE} addresses`);
  return { cidr: `${addressAt(pods, from)}/24`, address: addressAt(pods, from + 1), first: addressAt(pods, from + 2), last: addressAt(pods, from + SLICE - 2) };
}
