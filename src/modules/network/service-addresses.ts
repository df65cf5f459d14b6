/** IPAddresses of Services: one for each cluster IP, so that everybody sees whose it is (upstream: the IP allocator, ipaddresses repair). */
import { Service } from '../../api/core/service.ts';
import { isApiError } from '../../api/errors.ts';
import { IPAddress } from '../../api/networking/ip-address.ts';
import { keyOf, splitKey, type Cache } from '../../sdk/cache.ts';
import { watching, type Controller } from '../../sdk/controller.ts';
import { addressesOf } from './service-ranges.ts';

const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by';
const ALLOCATOR = 'ipallocator.k8s.io';
const FAMILY = 'ipaddress.kubernetes.io/ip-family';
const OF_SERVICE = 'service';
const BY_ADDRESS = 'canonical-cluster-ip';

/** `namespace/name` of the Service whose address it is by the allocator; undefined for others. */
export function serviceOf({ metadata, spec }: IPAddress): string | undefined {
  const { group, resource, namespace = '', name = '' } = spec?.parentRef ?? {};
  return metadata.labels?.[MANAGED_BY] === ALLOCATOR && !group && resource === 'services' ? keyOf({ metadata: { namespace, name } }) : undefined;
}

function indexed(addresses: Cache<IPAddress>): Cache<IPAddress> {
  addresses.addIndex(OF_SERVICE, (each) => [serviceOf(each)].filter((key) => key !== undefined));
  return addresses;
}

function indexedServices(services: Cache<Service>): Cache<Service> {
  services.addIndex(BY_ADDRESS, ({ spec }) => addressesOf(spec?.clusterIPs));
  return services;
}

function hasAddress(service: Service | undefined, address: string): boolean {
  return addressesOf(service?.spec?.clusterIPs).includes(address);
}

/** One at a time: nobody waits for it. */
export const serviceAddressController: Controller<Service> = {
  name: 'service-addresses', for: Service, concurrency: 1, writes: [IPAddress],
  // One that came, changed or went may be the one of a Service that it does not name.
  watches: [watching(IPAddress, (address, caches) => [serviceOf(address), ...indexedServices(caches.of(Service)).byIndex(BY_ADDRESS, address.metadata.name ?? '').map(keyOf)].filter((key) => key !== undefined))],
  async reconcile(key, service, { client, caches }) {
    const wanted = new Set(addressesOf(service?.spec?.clusterIPs));
    const found = indexed(caches.of(IPAddress)).byIndex(OF_SERVICE, key);
    const remove = async ({ metadata: { name = '', uid } }: IPAddress): Promise<void> => client.delete(IPAddress, name, { preconditions: { uid } }).then(() => {}, (error: unknown) => { if (!isApiError(error, 'NotFound', 'Conflict')) throw error; });
    for (const each of found) {
      if (wanted.delete(each.metadata.name ?? '')) continue;
      await remove(each);
    }
    const { namespace, name } = splitKey(key);
    for (const address of wanted) {
      const other = caches.of(IPAddress).get(address);
      // It says that it is somebody else's, who has not got it.
      if (other !== undefined && !hasAddress(caches.of(Service).get(serviceOf(other) ?? ''), address)) await remove(other);
      const labels = { [MANAGED_BY]: ALLOCATOR, [FAMILY]: address.includes(':') ? 'IPv6' : 'IPv4' };
      await client.create(IPAddress, { apiVersion: 'networking.k8s.io/v1', kind: 'IPAddress', metadata: { name: address, labels }, spec: { parentRef: { resource: 'services', namespace, name } } })
        .catch((error: unknown) => { if (!isApiError(error, 'AlreadyExists')) throw error; });
    }
  },
};
