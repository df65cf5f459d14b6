/**
 * Ports of a Gateway for datagrams (UDPRoute): the kernel shares them, so the EndpointSlices of the Gateway's Service name the endpoints of the routes' backends,
 * with the share of each. Pure.
 */
import type { Endpoint } from './haproxy/slots.ts';
import type { DatagramPort } from './plan.ts';
import type { StreamTarget } from './tls-rules.ts';

/** Nobody listens there, so the kernel answers that the port cannot be reached. */
const REFUSED_PORT = 1;
const MOST_WEIGHT = 256;
const MOST_ENDPOINTS = 1_000;

/** What one EndpointSlice says. */
export interface DatagramSlice {
  /** Of the port, as the Service names it. */
  portName: string;
  /** Apart from other slices of the same family. */
  suffix: string;
  port: number;
  weight: number;
  addresses: readonly string[];
}

export const portNameOf = ({ port }: DatagramPort): string => `u${port}`;

/** `refusing` is an address of this machine of the family that the endpoints have: the share of backends that are not there is refused by it. */
export function datagramSlices(port: DatagramPort, refusing: string, endpointsOf: (backend: NonNullable<StreamTarget['backend']>) => readonly Endpoint[]): DatagramSlice[] {
  const groups = port.targets.map(({ weight, backend }) => ({ weight, endpoints: backend === undefined ? [] : endpointsOf(backend) }));
  if (groups.every(({ endpoints }) => endpoints.length === 0)) return [];
  const shares = new Map<string, { address: string; port: number; share: number }>();
  for (const { weight, endpoints } of groups) {
    const those = endpoints.length === 0 ? [{ address: refusing, port: REFUSED_PORT }] : endpoints;
    for (const each of those) {
      const key = `${each.address} ${each.port}`;
      shares.set(key, { address: each.address, port: each.port, share: (shares.get(key)?.share ?? 0) + weight / those.length });
    }
  }
  const name = portNameOf(port);
  const weighed = wholeNumbers([...shares.values()]);
  return [...Map.groupBy(weighed, (each) => `${name}-${each.port}-${each.weight}`)].flatMap(([suffix, same]) => Array.from({ length: Math.ceil(same.length / MOST_ENDPOINTS) }, (_, part): DatagramSlice => ({
    portName: name, suffix: part === 0 ? suffix : `${suffix}-${part}`, port: same[0]!.port, weight: same[0]!.weight,
    addresses: same.slice(part * MOST_ENDPOINTS, (part + 1) * MOST_ENDPOINTS).map(({ address }) => address),
  })));
}

/** Shares as small whole numbers, of 256 at most: exact where they can be. */
function wholeNumbers<T extends { share: number }>(all: readonly T[]): (T & { weight: number })[] {
  const least = Math.min(...all.map(({ share }) => share));
  const most = Math.max(...all.map(({ share }) => share));
  const isWhole = (times: number): boolean => all.every(({ share }) => Math.abs((share / least) * times - Math.round((share / least) * times)) < 1e-6);
  const factors = Array.from({ length: Math.floor((MOST_WEIGHT * least) / most) }, (_, index) => index + 1);
  const factor = (factors.find(isWhole) ?? Math.max(factors.length, (MOST_WEIGHT * least) / most)) / least;
  return all.map((each) => ({ ...each, weight: Math.max(1, Math.round(each.share * factor)) }));
}
