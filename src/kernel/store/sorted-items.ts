/**
 * Items in the order of their keys, in chunks: an insert moves some hundred references, not all of them, and a page of a list is a
 * slice. Sorting waits until it is first asked for, so that loading many is cheap.
 */
const FULL_CHUNK = 1_024;

export interface SortedItems<V extends { readonly key: string }> {
  readonly size: number;
  /** Adds, or replaces what has the same key. */
  set(item: V): void;
  delete(key: string): void;
  /** How many keys sort before this one. */
  rank(key: string): number;
  /** The items from rank `from` up to, not including, `to`. */
  slice(from: number, to: number): V[];
}

/** `items` must have no key twice. */
export function sortedItems<V extends { readonly key: string }>(items: V[] = []): SortedItems<V> {
  let unsorted: V[] | undefined = items;
  const chunks: V[][] = [];
  let size = items.length;

  function sorted(): V[][] {
    if (unsorted !== undefined) {
      unsorted.sort((a, b) => (a.key < b.key ? -1 : 1));
      for (let at = 0; at < unsorted.length; at += FULL_CHUNK / 2) chunks.push(unsorted.slice(at, at + FULL_CHUNK / 2));
      unsorted = undefined;
    }
    return chunks;
  }

  function set(item: V): void {
    const all = sorted();
    if (all.length === 0) all.push([]);
    const at = Math.max(0, lastChunkFrom(all, item.key));
    const chunk = all[at] as V[];
    const place = firstFrom(chunk, item.key);
    if (chunk[place]?.key === item.key) {
      chunk[place] = item;
      return;
    }
    chunk.splice(place, 0, item);
    size += 1;
    if (chunk.length > FULL_CHUNK) all.splice(at + 1, 0, chunk.splice(FULL_CHUNK / 2));
  }

  function remove(key: string): void {
    const all = sorted();
    const at = lastChunkFrom(all, key);
    const chunk = all[at];
    const place = chunk === undefined ? 0 : firstFrom(chunk, key);
    if (chunk?.[place]?.key !== key) return;
    chunk.splice(place, 1);
    size -= 1;
    if (chunk.length === 0) all.splice(at, 1);
  }

  function rank(key: string): number {
    const all = sorted();
    const at = lastChunkFrom(all, key);
    let before = 0;
    for (let index = 0; index < at; index++) before += (all[index] as V[]).length;
    return at < 0 ? 0 : before + firstFrom(all[at] as V[], key);
  }

  function slice(from: number, to: number): V[] {
    const parts: V[][] = [];
    let start = 0;
    for (const chunk of sorted()) {
      if (start >= to) break;
      if (start + chunk.length > from) parts.push(chunk.slice(Math.max(0, from - start), to - start));
      start += chunk.length;
    }
    return parts.length === 1 ? (parts[0] as V[]) : parts.flat();
  }

  return { get size() { return size; }, set, delete: remove, rank, slice };
}

/** The last chunk whose first key is not after `key`, or -1. Chunks are never empty, but for one alone. */
function lastChunkFrom<V extends { readonly key: string }>(chunks: V[][], key: string): number {
  let low = 0;
  let high = chunks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const first = chunks[middle]?.[0];
    if (first === undefined || first.key <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The place of the first item whose key is not before `key`. */
function firstFrom<V extends { readonly key: string }>(chunk: V[], key: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((chunk[middle] as V).key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
