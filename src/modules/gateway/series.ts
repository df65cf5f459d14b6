/** Counters of one route, Service and Gateway: what was asked, how it ended, how long it took. */
import type { Owner } from './access.ts';
import type { Counted } from './haproxy/counts.ts';

/** Upper bounds in seconds. */
export const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface Window { count: number; errors: number; buckets: number[] }

export interface Series extends Owner {
  /** By status; of connections by how they ended, in HAProxy's letters. */
  codes: Map<string, number>;
  buckets: number[];
  /** Of requests with lines: how many, and their seconds in all, by bucket; so what others took is known well enough. */
  told: { count: number; seconds: number }[];
  count: number;
  seconds: number;
  bytesIn: number;
  bytesOut: number;
  now: Window;
  before: Window;
}

/** Of requests answers with 5xx; of a route's connections those that its backends refused, reset or left without an answer, or that had no backend. */
function isFailed({ kind, protocol }: Series, status: string): boolean {
  return protocol === 'HTTP' ? status >= '500' : kind !== '' && FAILED.test(status);
}

/** `sD` is one on which nobody said anything for long, as is `cD`. */
const FAILED = /^(?:[SPRI]|s[CQ])/;

export function count(one: Series, status: string, seconds: number, bytesIn: number, bytesOut: number): void {
  const found = BUCKETS.findIndex((bound) => seconds <= bound);
  const bucket = found < 0 ? BUCKETS.length : found;
  one.count++;
  one.seconds += seconds;
  one.bytesIn += bytesIn;
  one.bytesOut += bytesOut;
  one.codes.set(status, (one.codes.get(status) ?? 0) + 1);
  one.now.count++;
  if (isFailed(one, status)) one.now.errors++;
  one.buckets[bucket]!++;
  one.now.buckets[bucket]!++;
  one.told[bucket]!.count++;
  one.told[bucket]!.seconds += seconds;
}

export function addTo(one: Series, { status, buckets, bytesIn, bytesOut }: Counted, isBefore: boolean): void {
  let all = 0;
  for (const [bucket, times] of buckets.entries()) {
    if (times === 0) continue;
    all += times;
    one.buckets[bucket]! += times;
    if (!isBefore) one.now.buckets[bucket]! += times;
    const told = one.told[bucket]!;
    one.seconds += times * (told.count > 0 ? told.seconds / told.count : ((BUCKETS[bucket - 1] ?? 0) + (BUCKETS[bucket] ?? BUCKETS.at(-1)!)) / 2);
  }
  one.count += all;
  one.bytesIn += bytesIn;
  one.bytesOut += bytesOut;
  one.codes.set(status, (one.codes.get(status) ?? 0) + all);
  if (isBefore) return;
  one.now.count += all;
  if (status >= '500') one.now.errors += all;
}

export const emptyWindow = (): Window => ({ count: 0, errors: 0, buckets: Array<number>(BUCKETS.length + 1).fill(0) });

export function newSeries({ kind, namespace, name, service, gateway, protocol }: Owner): Series {
  return { kind, namespace, name, service, gateway, protocol, codes: new Map(), buckets: Array<number>(BUCKETS.length + 1).fill(0), told: Array.from({ length: BUCKETS.length + 1 }, () => ({ count: 0, seconds: 0 })), count: 0, seconds: 0, bytesIn: 0, bytesOut: 0, now: emptyWindow(), before: emptyWindow() };
}
