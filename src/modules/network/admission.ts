/** The step of admission that allocates for Services. */
import { Service } from '../../api/core/service.ts';
import { isApiError } from '../../api/errors.ts';
import { keyOf, splitKey } from '../../sdk/cache.ts';
import type { Admission, ModuleContext } from '../../sdk/module.ts';
import { createBook, type Book } from './allocate.ts';

/** Gives Services their addresses and ports before they are stored. */
export function serviceAllocator(book: () => Book | undefined): Admission {
  return {
    name: 'service-allocator', kinds: [Service], operations: ['CREATE', 'UPDATE'],
    async admit(request, context) {
      const current = book();
      if (current === undefined || request.object === undefined || (request.subresource !== undefined && request.subresource !== '')) return;
      await context.caches.of(Service).ready();
      // What the client left out and the old one has is not to be allocated anew.
      if (request.oldObject !== undefined) Service.rules.prepareForUpdate?.(request.object as Service, request.oldObject as Service);
      await current.allocate(request.object as Service, request.oldObject as Service | undefined, {
        owner: keyOf({ metadata: { name: request.object.metadata.name ?? request.name, namespace: request.namespace ?? request.object.metadata.namespace } }),
        dryRun: request.dryRun, nowMs: context.clock.nowMs(), exists: (owner) => existsNow(context, owner),
      });
    },
  };
}

async function existsNow(context: ModuleContext, owner: string): Promise<boolean> {
  const { namespace, name } = splitKey(owner);
  return context.client.get(Service, name, { namespace }).then(() => true, (error: unknown) => !isApiError(error, 'NotFound'));
}

/** A book that knows what the Services of the cluster have, until the module's signal aborts. */
export function followServices(context: ModuleContext): Book {
  const { serviceCidr, ipv6 } = context.machine.network;
  const book = createBook(serviceCidr, undefined, ipv6?.serviceCidr);
  const stop = context.caches.of(Service).subscribe(({ type, key, object }) => book.observe(key, type === 'deleted' ? undefined : object));
  context.signal.addEventListener('abort', stop, { once: true });
  return book;
}
