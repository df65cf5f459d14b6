/** Subsets of Endpoints in their canonical form: those ports together that are answered at the same addresses (upstream: api/v1/endpoints, RepackSubsets). Pure. */
import type { EndpointAddress, EndpointPort, EndpointSubset } from '../../api/generated/core-v1.ts';

interface Offered {
  /** Undefined: of addresses that have no ports. */
  port: EndpointPort | undefined;
  /** By address and whose it is. */
  addresses: Map<string, { address: EndpointAddress; ready: boolean }>;
}

/** An address that is ready in one subset and not in another is not, of the same port. Ports are in the order in which they are first named, addresses in one of their own. */
export function repack(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  const byPort = new Map<string, Offered>();
  for (const { ports = [], addresses = [], notReadyAddresses = [] } of subsets) {
    if (addresses.length + notReadyAddresses.length === 0) continue;
    for (const port of ports.length === 0 ? [undefined] : ports) {
      const offered = entry(byPort, portKey(port), () => ({ port, addresses: new Map() }));
      for (const address of addresses) entry(offered.addresses, addressKey(address), () => ({ address, ready: true }));
      for (const address of notReadyAddresses) entry(offered.addresses, addressKey(address), () => ({ address, ready: false })).ready = false;
    }
  }
  const alike = Map.groupBy(byPort.values(), ({ addresses }) => [...addresses].map(([key, { ready }]) => `${key} ${ready}`).sort().join());
  return [...alike.values()].map((offered) => {
    const all = [...offered[0]!.addresses].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
    const [ready, notReady] = [true, false].map((which) => all.filter((each) => each.ready === which).map(({ address }) => address)) as [EndpointAddress[], EndpointAddress[]];
    const ports = offered.map(({ port }) => port).filter((port) => port !== undefined);
    return { ...(ready.length > 0 ? { addresses: ready } : {}), ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}), ...(ports.length > 0 ? { ports } : {}) };
  });
}

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}

const portKey = (port: EndpointPort | undefined): string => (port === undefined ? '' : `${port.name ?? ''}|${port.protocol ?? 'TCP'}|${port.port}|${port.appProtocol ?? ''}`);

const addressKey = ({ ip, targetRef }: EndpointAddress): string => `${ip}|${targetRef?.uid ?? ''}`;
