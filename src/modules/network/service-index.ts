/** Where Services and EndpointSlices are found by what they name. */
import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { Cache } from '../../sdk/cache.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** `namespace/name` of the Service that a slice belongs to; undefined when it says none. */
export function serviceKeyOf(slice: EndpointSlice | undefined): string | undefined {
  const name = slice?.metadata.labels?.[SERVICE_NAME_LABEL];
  return name === undefined ? undefined : `${slice?.metadata.namespace}/${name}`;
}

/** Adds the indexes `service` and `address` of slices. */
export function indexSlices(slices: Cache<EndpointSlice>): void {
  slices.addIndex('service', (slice) => {
    const key = serviceKeyOf(slice);
    return key === undefined ? [] : [key];
  });
  slices.addIndex('address', (slice) => (slice.endpoints ?? []).flatMap((each) => each.addresses));
}

/** Adds the index `cluster-ip` of Services. */
export function indexServices(services: Cache<Service>): void {
  services.addIndex('cluster-ip', (service) => service.spec?.clusterIPs ?? (service.spec?.clusterIP === undefined ? [] : [service.spec.clusterIP]));
}
