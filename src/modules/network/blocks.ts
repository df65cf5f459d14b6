/**
 * Where endpoints stand in the table's shared maps. The kernel goes through all maps of a table for each that is made, and through all elements of
 * a map for each rule that uses it: so neither a map a Service nor one for all, but a fixed number, in each of which a chain has a run of numbers.
 */
import { fnv1a } from '../../base/fnv1a.ts';

export interface Place {
  map: string;
  /** The number of the first endpoint; the others follow. */
  base: number;
}

export interface Blocks {
  /** Room for so many endpoints of a chain of `owner`, by default ''; the same place as before as long as they fit. */
  place(chain: string, count: number, owner?: string): Place;
  /** Gives back the places of chains that are gone, or need none any more; nobody has them before {@link settle}. */
  release(chains: Iterable<string>): void;
  /** No rule of these owners, by default of all, leads to what they gave back any more. Before that another chain's endpoints there would be met by who still goes by the rules of before. */
  settle(owners?: ReadonlySet<string>): void;
}

const MAPS = 128;
export const MAP_PREFIX = 'endpoints/';

interface Block extends Place {
  size: number;
  owner: string;
}

export function createBlocks(): Blocks {
  const blocks = new Map<string, Block>();
  const ends = new Map<string, number>();
  /** Given back, by map and size. */
  const free = new Map<string, number[]>();
  let givenBack: Block[] = [];

  function release(chain: string): void {
    const block = blocks.get(chain);
    if (block === undefined) return;
    blocks.delete(chain);
    givenBack.push(block);
  }

  return {
    place(chain, count, owner = '') {
      const before = blocks.get(chain);
      // Kept until far too large, so that a service that grows and shrinks does not move.
      if (before !== undefined && before.size >= count && before.size <= count * 4) return before;
      release(chain);
      const map = `${MAP_PREFIX}${fnv1a(chain) % MAPS}`;
      const size = 2 ** Math.ceil(Math.log2(count));
      const end = ends.get(map) ?? 0;
      const base = free.get(`${map} ${size}`)?.pop() ?? end;
      if (base === end) ends.set(map, end + size);
      const block = { map, base, size, owner };
      blocks.set(chain, block);
      return block;
    },
    release(chains) {
      for (const chain of chains) release(chain);
    },
    settle(owners) {
      const isOver = ({ owner }: Block): boolean => owners === undefined || owners.has(owner);
      const over = givenBack.filter(isOver);
      givenBack = givenBack.filter((each) => !isOver(each));
      for (const { map, size, base } of over) {
        const key = `${map} ${size}`;
        const own = free.get(key);
        if (own === undefined) free.set(key, [base]);
        else own.push(base);
      }
    },
  };
}
