/** Gives each Service of type LoadBalancer an address of this machine's range of each of its families, and writes them to its status. */
import { Service } from '../../api/core/service.ts';
import type { LoadBalancerIngress } from '../../api/generated/core-v1.ts';
import type { ObjectKey } from '../../sdk/cache.ts';
import type { Controller } from '../../sdk/controller.ts';
import { addressValue, formatIPv6, isIP, isWithin, rangeValue } from '../../api/ip.ts';
import { formatIpv4 } from './address.ts';

/** Says that something is to be cleared away before the Service is gone; others look whether it is there (upstream: cloud-provider/service/helpers). */
const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';

/** How soon it is looked whether an address has become free. */
const RETRY_MS = 2_000;

/** `ranges`, one a family, are read when the controller runs, since the machine is not known before. */
export function loadBalancerController(ranges: () => readonly string[]): Controller<Service> {
  // Addresses given by a write that the cache does not show yet.
  const given = new Map<string, ObjectKey>();
  /** Who has no address, and what was said of it. */
  const told = new Map<ObjectKey, string>();
  return {
    name: 'load-balancer', for: Service, concurrency: 1,
    async reconcile(key, service, { client, caches, events }) {
      for (const [address, owner] of given) if (owner === key) given.delete(address);
      if (service === undefined || !isOurs(service)) told.delete(key);
      if (service === undefined) return undefined;
      const current = service.status?.loadBalancer?.ingress ?? [];
      // Another class has its own controller, which writes the status.
      if (service.spec?.type === 'LoadBalancer' && !isOurs(service)) return undefined;
      if (!isOurs(service) || service.metadata.deletionTimestamp !== undefined) return release();
      const taken = takenBy(caches.of(Service).list(), key, given);
      const wanted = rangesFor(service, ranges());
      const addresses = wanted.map((range) => chooseAddress(range, service, taken)).filter((each) => each !== undefined);
      if (addresses.length < Math.max(1, wanted.length)) {
        const lack = `no address of ${wanted.join(' and ')} is free${service.spec?.loadBalancerIP ? `, or ${service.spec.loadBalancerIP} is none of it` : ''}; widen network.loadBalancerCidr in the configuration file`;
        if (told.get(key) !== lack) events.event(service, 'Warning', 'SyncLoadBalancerFailed', lack);
        told.set(key, lack);
        return { requeueAfterMs: RETRY_MS };
      }
      told.delete(key);
      const isThere = current.length === addresses.length && current.every(({ ip }, index) => ip === addresses[index]);
      if (isThere && finalizersOf(service).includes(FINALIZER)) return undefined;
      for (const each of addresses) given.set(each, key);
      const kept = await keep(service, [...finalizersOf(service).filter((each) => each !== FINALIZER), FINALIZER]);
      if (isThere) return undefined;
      await write(kept, addresses.map((ip) => ({ ip, ipMode: 'VIP' })));
      events.event(service, 'Normal', 'EnsuredLoadBalancer', `Ensured load balancer at ${addresses.join(' and ')}`);
      return undefined;

      /** Its address first: the Service may be gone after it. */
      async function release(): Promise<undefined> {
        const others = finalizersOf(service!).filter((each) => each !== FINALIZER);
        const isLast = service!.metadata.deletionTimestamp !== undefined && others.length === 0;
        const about = current.length === 0 || isLast ? service! : await write(service!, []);
        await keep(about, others);
        return undefined;
      }

      async function keep(about: Service, finalizers: string[]): Promise<Service> {
        return finalizers.length === finalizersOf(about).length ? about : client.update(Service, { ...about, metadata: { ...about.metadata, finalizers } });
      }

      async function write(about: Service, ingress: LoadBalancerIngress[]): Promise<Service> {
        return client.update(Service, { ...about, status: { ...about.status, loadBalancer: ingress.length === 0 ? {} : { ingress } } }, { subresource: 'status' });
      }
    },
  };
}

const finalizersOf = ({ metadata }: Service): readonly string[] => metadata.finalizers ?? [];

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
