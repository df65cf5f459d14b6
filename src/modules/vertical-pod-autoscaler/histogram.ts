/**
 * A histogram whose buckets grow by 5 % and whose samples weigh half as much with every half-life that passes (upstream: recommender/util, decaying
 * histogram). About 3 KB each.
 */
import type { HistogramCheckpoint } from '../../api/autoscaling/vertical-pod-autoscaler.ts';
import { rfc3339 } from '../../base/clock.ts';

const RATIO = 1.05;
const MOST_CHECKPOINT_WEIGHT = 10_000;
/** Lighter ones say nothing. */
const LEAST_WEIGHT = 1e-4;
/** Weights grow with time instead of shrinking; beyond this they are made small again. */
const MOST_HALF_LIVES = 100;

export interface HistogramShape {
  /** The upper end of the first bucket. */
  firstBucket: number;
  greatest: number;
  halfLifeMs: number;
}

export interface Histogram {
  add(value: number, weight: number, atMs: number): void;
  /** Takes a sample back. */
  subtract(value: number, weight: number, atMs: number): void;
  /** The upper end of the bucket that the quantile (0 to 1) lies in; 0 when there are no samples. */
  quantile(part: number): number;
  isEmpty(): boolean;
  checkpoint(): HistogramCheckpoint;
}

export function histogram({ firstBucket, greatest, halfLifeMs }: HistogramShape, checkpoint?: HistogramCheckpoint): Histogram {
  const count = Math.ceil(Math.log((greatest * (RATIO - 1)) / firstBucket + 1) / Math.log(RATIO)) + 1;
  const weights = new Float64Array(count);
  let referenceMs = Date.parse(checkpoint?.referenceTimestamp ?? '') || 0;
  let total = 0;
  load(checkpoint);

  const startOf = (bucket: number): number => (bucket === 0 ? 0 : (firstBucket * (RATIO ** bucket - 1)) / (RATIO - 1));
  const bucketOf = (value: number): number => Math.min(count - 1, Math.max(0, Math.floor(Math.log((value * (RATIO - 1)) / firstBucket + 1) / Math.log(RATIO) + 1e-9)));

  function load({ bucketWeights = {}, totalWeight = 0 }: HistogramCheckpoint = {}): void {
    const sum = Object.values(bucketWeights).reduce((all, weight) => all + weight, 0);
    if (sum <= 0) return;
    for (const [bucket, weight] of Object.entries(bucketWeights)) if (Number(bucket) < count) weights[Number(bucket)] = (weight / sum) * totalWeight;
    total = weights.reduce((all, weight) => all + weight, 0);
  }

  /** How much more a sample of this time weighs than one of the reference time. */
  function decay(atMs: number): number {
    if (referenceMs === 0) referenceMs = Math.floor(atMs / halfLifeMs) * halfLifeMs;
    if ((atMs - referenceMs) / halfLifeMs > MOST_HALF_LIVES) {
      const moved = Math.floor(atMs / halfLifeMs) * halfLifeMs;
      const shrink = 2 ** (-(moved - referenceMs) / halfLifeMs);
      for (let bucket = 0; bucket < count; bucket += 1) weights[bucket]! *= shrink;
      total *= shrink;
      referenceMs = moved;
    }
    return 2 ** ((atMs - referenceMs) / halfLifeMs);
  }

  function change(value: number, weight: number): void {
    const bucket = bucketOf(value);
    const before = weights[bucket]!;
    weights[bucket] = Math.max(0, before + weight);
    total = Math.max(0, total + weights[bucket]! - before);
  }

  return {
    add: (value, weight, atMs) => change(value, weight * decay(atMs)),
    subtract: (value, weight, atMs) => change(value, -weight * decay(atMs)),
    quantile(part) {
      if (total < LEAST_WEIGHT) return 0;
      let sum = 0;
      let last = 0;
      for (let bucket = 0; bucket < count; bucket += 1) {
        if (weights[bucket]! <= 0) continue;
        sum += weights[bucket]!;
        last = bucket;
        if (sum >= part * total * (1 - 1e-12)) break;
      }
      return last === count - 1 ? startOf(last) : startOf(last + 1);
    },
    isEmpty: () => total < LEAST_WEIGHT,
    checkpoint() {
      const most = Math.max(...weights);
      const kept = most <= 0 ? [] : [...weights.entries()].map(([bucket, weight]) => [String(bucket), Math.round((weight / most) * MOST_CHECKPOINT_WEIGHT)] as const).filter(([, weight]) => weight > 0);
      return { ...(referenceMs > 0 ? { referenceTimestamp: rfc3339(referenceMs) } : {}), bucketWeights: Object.fromEntries(kept), totalWeight: total };
    },
  };
}
