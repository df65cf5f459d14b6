/** The step of admission that allocates for Services. */
import { Service } from '../../api/core/service.ts';
import { isApiError } from '../../api/errors.ts';
import { keyOf, splitKey } from '../../sdk/cache.ts';
import type { Admission, ModuleContext } from '../../sdk/module.ts';
import { IPAddress } from '../../api/networking/ip-address.ts';
import { ServiceCIDR } from '../../api/networking/service-cidr.ts';
import { createBook, type Book } from './allocate.ts';
import { serviceOf } from './service-addresses.ts';
import { furtherRanges } from './service-ranges.ts';

/** Gives Services their addresses and ports before they are stored. */
export function serviceAllocator(book: () => Book | undefined): Admission {
  return {
    name: 'service-allocator', kinds: [Service], operations: ['CREATE', 'UPDATE'],
    async allocate(request, context) {
      const current = book();
      if (current === undefined || request.object === undefined || (request.subresource !== undefined && request.subresource !== '')) return;
      await Promise.all([context.caches.of(Service).ready(), context.caches.of(ServiceCIDR).ready(), context.caches.of(IPAddress).ready()]);
      // What the client left out and the old one has is not to be allocated anew.
      if (request.oldObject !== undefined) Service.rules.prepareForUpdate?.(request.object as Service, request.oldObject as Service);
      await current.allocate(request.object as Service, request.oldObject as Service | undefined, {
        owner: keyOf({ metadata: { name: request.object.metadata.name ?? request.name, namespace: request.namespace ?? request.object.metadata.namespace } }),
        dryRun: request.dryRun, nowMs: context.clock.nowMs(), exists: (owner) => existsNow(context, owner),
      });
    },
  };
}

/** Owners that are no Services. */
const RESERVED = 'IPAddress ';

async function existsNow(context: ModuleContext, owner: string): Promise<boolean> {
  const { namespace, name } = splitKey(owner);
  const found = owner.startsWith(RESERVED) ? context.client.get(IPAddress, owner.slice(RESERVED.length)) : context.client.get(Service, name, { namespace });
  return found.then(() => true, (error: unknown) => !isApiError(error, 'NotFound'));
}

/** A book that knows what the Services of the cluster have, until the module's signal aborts. */
export function followServices(context: ModuleContext): Book {
  const { serviceCidr, ipv6 } = context.machine.network;
  const book = createBook(serviceCidr, undefined, ipv6?.serviceCidr);
  const [services, addresses, ranges] = [context.caches.of(Service), context.caches.of(IPAddress), context.caches.of(ServiceCIDR)];
  const reserve = (address: IPAddress, isGone: boolean): void => {
    const { name = '' } = address.metadata;
    if (serviceOf(address) === undefined) book.reserve(`${RESERVED}${name}`, isGone ? undefined : name);
  };
  const stops = [
    services.subscribe(({ type, key, object }) => book.observe(key, type === 'deleted' ? undefined : object)),
    addresses.subscribe(({ type, object }) => reserve(object, type === 'deleted')),
    ranges.subscribe(() => {
      book.widen(furtherRanges(ranges.list()));
      for (const each of services.list()) book.observe(keyOf(each), each);
      for (const each of addresses.list()) reserve(each, false);
    }),
  ];
  context.signal.addEventListener('abort', () => stops.forEach((stop) => stop()), { once: true });
  return book;
}
