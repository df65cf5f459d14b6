/** Gives each Service of type LoadBalancer an address of this machine's range of each of its families, and writes them to its status. */
import { Service } from '../../api/core/service.ts';
import type { LoadBalancerIngress } from '../../api/generated/core-v1.ts';
import type { ObjectKey } from '../../sdk/cache.ts';
import type { Controller } from '../../sdk/controller.ts';
import { addressValue, formatIPv6, isIP, isWithin, rangeValue } from '../../api/ip.ts';
import { formatIpv4 } from './address.ts';

/** `ranges`, one a family, are read when the controller runs, since the machine is not known before. */
export function loadBalancerController(ranges: () => readonly string[]): Controller<Service> {
  // Addresses given by a write that the cache does not show yet.
  const given = new Map<string, ObjectKey>();
  return {
    name: 'load-balancer', for: Service, concurrency: 1,
    async reconcile(key, service, { client, caches, events }) {
      for (const [address, owner] of given) if (owner === key) given.delete(address);
      if (service === undefined) return;
      const current = service.status?.loadBalancer?.ingress ?? [];
      if (!isOurs(service)) {
        // Another class has its own controller, which writes the status.
        if (current.length > 0 && service.spec?.type !== 'LoadBalancer') await write(service, []);
        return;
      }
      const taken = takenBy(caches.of(Service).list(), key, given);
      const wanted = rangesFor(service, ranges());
      const addresses = wanted.map((range) => chooseAddress(range, service, taken)).filter((each) => each !== undefined);
      if (addresses.length < Math.max(1, wanted.length)) return events.event(service, 'Warning', 'SyncLoadBalancerFailed', `no address of ${wanted.join(' and ')} is free${service.spec?.loadBalancerIP ? `, or ${service.spec.loadBalancerIP} is none of it` : ''}; widen network.loadBalancerCidr in the configuration file`);
      if (current.length === addresses.length && current.every(({ ip }, index) => ip === addresses[index])) return;
      for (const each of addresses) given.set(each, key);
      await write(service, addresses.map((ip) => ({ ip, ipMode: 'VIP' })));
      events.event(service, 'Normal', 'EnsuredLoadBalancer', `Ensured load balancer at ${addresses.join(' and ')}`);

      async function write(about: Service, ingress: LoadBalancerIngress[]): Promise<void> {
        await client.update(Service, { ...about, status: { ...about.status, loadBalancer: ingress.length === 0 ? {} : { ingress } } }, { subresource: 'status' });
      }
    },
  };
}

function isOurs(service: Service): boolean {
  return service.spec?.type === 'LoadBalancer' && service.spec.loadBalancerClass === undefined;
}

function takenBy(services: readonly Service[], key: ObjectKey, given: ReadonlyMap<string, ObjectKey>): Set<string> {
  const taken = new Set([...given].filter(([, owner]) => owner !== key).map(([address]) => address));
  for (const each of services) {
    if (`${each.metadata.namespace}/${each.metadata.name}` === key) continue;
    for (const ingress of each.status?.loadBalancer?.ingress ?? []) if (ingress.ip !== undefined) taken.add(ingress.ip);
  }
  return taken;
}

/** The ranges of the Service's families, in their order; that of IPv4 for one that names none. */
function rangesFor(service: Service, ranges: readonly string[]): string[] {
  const families = (service.spec?.ipFamilies ?? []) as readonly string[];
  return (families.length === 0 ? ['IPv4'] : families).map((family) => ranges.find((range) => range.includes(':') === (family === 'IPv6'))).filter((range) => range !== undefined);
}

/** The address asked for, else the one that it has, else the lowest free one; undefined when there is none. Pure. */
function chooseAddress(range: string, service: Service, taken: ReadonlySet<string>): string | undefined {
  const bounds = rangeValue(range);
  if (bounds === undefined) return undefined;
  const usable = (address: string | undefined): address is string => address !== undefined && isWithin(address, range) && !taken.has(address);
  const asked = service.spec?.loadBalancerIP;
  if (asked && (isIP(asked) === bounds.family || isIP(asked) === 0)) return usable(asked) ? canonical(asked) : undefined;
  const current = (service.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).find(usable);
  if (current !== undefined) return current;
  const [first, last] = bounds.size <= 2n ? [bounds.base, bounds.base + bounds.size - 1n] : [bounds.base + 1n, bounds.base + bounds.size - 2n];
  for (let value = first; value <= last; value++) {
    const address = textOf(value, bounds.family);
    if (!taken.has(address)) return address;
  }
  return undefined;
}

function canonical(address: string): string {
  return textOf(addressValue(address) ?? 0n, address.includes(':') ? 6 : 4);
}

function textOf(value: bigint, family: 4 | 6): string {
  return family === 4 ? formatIpv4(Number(value)) : formatIPv6(value);
}
