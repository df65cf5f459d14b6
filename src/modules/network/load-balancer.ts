/** Gives each Service of type LoadBalancer an address of this machine's range, and writes it to its status. */
import { Service } from '../../api/core/service.ts';
import type { LoadBalancerIngress } from '../../api/generated/core-v1.ts';
import type { ObjectKey } from '../../sdk/cache.ts';
import type { Controller } from '../../sdk/controller.ts';
import { cidrOf, contains, formatIpv4, parseIpv4, type Cidr } from './address.ts';

/** `range` is read when the controller runs, since the machine is not known before. */
export function loadBalancerController(range: () => string): Controller<Service> {
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
      const cidr = cidrOf(range());
      const taken = takenBy(caches.of(Service).list(), key, given);
      const address = chooseAddress(cidr, service, taken);
      if (address === undefined) return events.event(service, 'Warning', 'SyncLoadBalancerFailed', `no address of ${range()} is free${service.spec?.loadBalancerIP ? `, or ${service.spec.loadBalancerIP} is none of it` : ''}; widen network.loadBalancerCidr in the configuration file`);
      if (current.length === 1 && current[0]?.ip === address) return;
      given.set(address, key);
      await write(service, [{ ip: address, ipMode: 'VIP' }]);
      events.event(service, 'Normal', 'EnsuredLoadBalancer', `Ensured load balancer at ${address}`);

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

/** The address asked for, else the one that it has, else the lowest free one; undefined when there is none. Pure. */
export function chooseAddress(cidr: Cidr, service: Service, taken: ReadonlySet<string>): string | undefined {
  const usable = (address: string | undefined): address is string => {
    const value = parseIpv4(address ?? '');
    return value !== undefined && contains(cidr, value) && !taken.has(address ?? '');
  };
  const asked = service.spec?.loadBalancerIP;
  if (asked) return usable(asked) ? asked : undefined;
  const current = service.status?.loadBalancer?.ingress?.[0]?.ip;
  if (usable(current)) return current;
  const [first, last] = cidr.size <= 2 ? [cidr.base, cidr.base + cidr.size - 1] : [cidr.base + 1, cidr.base + cidr.size - 2];
  for (let value = first; value <= last; value++) if (!taken.has(formatIpv4(value))) return formatIpv4(value);
  return undefined;
}
