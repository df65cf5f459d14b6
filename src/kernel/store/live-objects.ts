/** What lives now: by key, and by resource in the order of keys. */
import { endOf, resourceOf, resourceOfPrefix } from './keys.ts';
import { sortedItems, type SortedItems } from './sorted-items.ts';
import type { StoredObject } from './stored-object.ts';

/** The part of a resource that a prefix and a start select, as ranks. */
export interface Range {
  items: SortedItems<StoredObject>;
  from: number;
  to: number;
}

export interface LiveObjects {
  readonly size: number;
  readonly bytes: number;
  get(key: string): StoredObject | undefined;
  set(stored: StoredObject): void;
  delete(key: string): void;
  /** One range a resource, in order of resources. */
  ranges(prefix: string, startAfter?: string): Range[];
}

/** `initial` must have no key twice. */
export function liveObjects(initial: Iterable<StoredObject>): LiveObjects {
  const byKey = new Map<string, StoredObject>();
  const byResource = new Map<string, SortedItems<StoredObject>>();
  let bytes = 0;

  const unsorted = new Map<string, StoredObject[]>();
  for (const stored of initial) {
    byKey.set(stored.key, stored);
    bytes += stored.bytes.length;
    const resource = resourceOf(stored.key);
    const items = unsorted.get(resource);
    if (items === undefined) unsorted.set(resource, [stored]);
    else items.push(stored);
  }
  for (const [resource, items] of unsorted) byResource.set(resource, sortedItems(items));

  function itemsOf(resource: string): SortedItems<StoredObject> {
    const known = byResource.get(resource);
    if (known !== undefined) return known;
    const items = sortedItems<StoredObject>();
    byResource.set(resource, items);
    return items;
  }

  function set(stored: StoredObject): void {
    bytes += stored.bytes.length - (byKey.get(stored.key)?.bytes.length ?? 0);
    byKey.set(stored.key, stored);
    itemsOf(resourceOf(stored.key)).set(stored);
  }

  function remove(key: string): void {
    const stored = byKey.get(key);
    if (stored === undefined) return;
    bytes -= stored.bytes.length;
    byKey.delete(key);
    const resource = resourceOf(key);
    const items = byResource.get(resource);
    items?.delete(key);
    if (items?.size === 0) byResource.delete(resource);
  }

  function ranges(prefix: string, startAfter = ''): Range[] {
    const resource = resourceOfPrefix(prefix);
    const resources = resource === undefined ? [...byResource.keys()].sort() : byResource.has(resource) ? [resource] : [];
    const end = endOf(prefix);
    // The smallest key after another is that one with a NUL at its end.
    const start = startAfter >= prefix ? `${startAfter}\0` : prefix;
    return resources.map((each) => {
      const items = byResource.get(each) as SortedItems<StoredObject>;
      return { items, from: items.rank(start), to: items.rank(end) };
    });
  }

  return {
    get size() { return byKey.size; },
    get bytes() { return bytes; },
    get: (key) => byKey.get(key),
    set, delete: remove, ranges,
  };
}
