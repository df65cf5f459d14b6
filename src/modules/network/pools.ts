/** What values of a range are taken, and by whom: of what exists, and of writes under way. */
import { addressValue, formatIPv6, isIP, rangeValue } from '../../api/ip.ts';
import { formatIpv4 } from './address.ts';

export interface Range {
  first: number;
  last: number;
  /** Values below this are given only on request, as long as others are free. */
  reservedBelow: number;
}

export interface AllocateOptions {
  owner: string;
  dryRun: boolean;
  nowMs: number;
  exists(owner: string): Promise<boolean>;
}

export interface Taken {
  observe(owner: string, values: readonly number[]): void;
  /** Whether the owner has the value now. */
  take(value: number, options: AllocateOptions): Promise<boolean>;
  next(options: AllocateOptions): number | undefined;
}

/** The addresses of one range. What is taken is known by its distance from the first address. */
export interface Pool {
  cidr: string;
  taken: Taken;
  textOf(distance: number): string;
  /** Undefined for what is no address of the range that may be given. */
  distanceOf(address: string): number | undefined;
}

const PENDING_MS = 10_000;
/** No more Services than that have addresses, however large the range is. */
const LARGEST = 2 ** 31;

export function createPool(cidr: string): Pool {
  const { base, size, family } = rangeValue(cidr)!;
  const count = Number(size > BigInt(LARGEST) ? BigInt(LARGEST) : size);
  const reserved = Math.min(Math.max(16, Math.floor(count / 16)), 256);
  // The first address stands for the range itself, the last one of IPv4 for everybody in it.
  const last = family === 4 ? count - 2 : count - 1;
  return {
    cidr, taken: createTaken({ first: 1, last, reservedBelow: reserved }),
    textOf: (distance) => (family === 4 ? formatIpv4(Number(base) + distance) : formatIPv6(base + BigInt(distance))),
    distanceOf(address) {
      const value = addressValue(address);
      if (value === undefined || isIP(address) !== family || value <= base || value > base + BigInt(last)) return undefined;
      return Number(value - base);
    },
  };
}

export function createTaken(range: Range): Taken {
  /** More than one while the cache is behind, or where somebody took what was another's. */
  const holders = new Map<number, Set<string>>();
  const held = new Map<string, readonly number[]>();
  const pending = new Map<number, { owner: string; untilMs: number }>();

  const holdersOf = (value: number, nowMs: number): readonly string[] => {
    const waiting = pending.get(value);
    if (waiting !== undefined && waiting.untilMs > nowMs) return [waiting.owner];
    pending.delete(value);
    return [...(holders.get(value) ?? [])];
  };
  const keep = (value: number, { owner, dryRun, nowMs }: AllocateOptions): void => {
    if (!dryRun) pending.set(value, { owner, untilMs: nowMs + PENDING_MS });
  };
  const search = (first: number, last: number, options: AllocateOptions): number | undefined => {
    const size = last - first + 1;
    if (size <= 0) return undefined;
    const start = Math.floor(Math.random() * size);
    for (let offset = 0; offset < size; offset++) {
      const value = first + ((start + offset) % size);
      if (holdersOf(value, options.nowMs).length === 0) return value;
    }
    return undefined;
  };

  return {
    observe(owner, values) {
      for (const value of held.get(owner) ?? []) {
        holders.get(value)?.delete(owner);
        if (holders.get(value)?.size === 0) holders.delete(value);
      }
      if (values.length === 0) held.delete(owner);
      else held.set(owner, values);
      for (const value of values) holders.set(value, (holders.get(value) ?? new Set()).add(owner));
      for (const [value, waiting] of pending) if (waiting.owner === owner && (values.includes(value) || values.length === 0)) pending.delete(value);
    },
    async take(value, options) {
      // The cache may not have seen yet that a holder is gone.
      for (const holder of holdersOf(value, options.nowMs)) if (holder !== options.owner && (pending.has(value) || (await options.exists(holder)))) return false;
      keep(value, options);
      return true;
    },
    next(options) {
      const value = search(range.reservedBelow, range.last, options) ?? search(range.first, Math.min(range.reservedBelow - 1, range.last), options);
      if (value !== undefined) keep(value, options);
      return value;
    },
  };
}
