/**
 * Expects what jobs like it did lately. Of each group that a job is in, from the most general to the most special, the last run times are kept; the
 * mean of a special group counts the more, the more of its members were seen, and falls back on the more general one where there are few.
 * After Tsafrir et al., Backfilling using system-generated predictions, IEEE TPDS 2007, who take the mean of a user's last two jobs.
 */

import type { RunTimePredictor } from './predictor.ts';

export interface LikenessOptions {
  /** How many run times of a group are remembered. */
  readonly remembered?: number;
  /** How many run times the more general group is worth. */
  readonly trustGeneral?: number;
  /** The weight of a run time over that of the next newer one. */
  readonly fading?: number;
  /** `mean`: the arithmetic mean, right for work; `typical`: the geometric one, which few long ones do not move. */
  readonly of?: 'mean' | 'typical';
}

/** Of a job that is like none, in seconds. */
const UNKNOWN_SECONDS = 3_600;

export function createLikenessPredictor({ remembered = 20, trustGeneral = 1, fading = 0.95, of = 'mean' }: LikenessOptions = {}): RunTimePredictor {
  const groups = new Map<string, number[]>();
  const inner = of === 'mean' ? (seconds: number): number => seconds : (seconds: number): number => Math.log(Math.max(1, seconds));
  const outer = of === 'mean' ? (value: number): number => value : Math.exp;
  return {
    expect(job, knownSeconds) {
      // Of run times with a heavy tail one may expect as much again as has been seen.
      let expected = inner(Math.max(UNKNOWN_SECONDS, 2 * knownSeconds));
      for (const group of job.likeness) {
        const seen = groups.get(group);
        if (seen === undefined) continue;
        let sum = trustGeneral * expected;
        let weights = trustGeneral;
        let weight = 1;
        for (let index = seen.length - 1; index >= 0; index--, weight *= fading) {
          if (seen[index]! <= knownSeconds) continue;
          sum += weight * inner(seen[index]!);
          weights += weight;
        }
        expected = sum / weights;
      }
      return outer(expected);
    },
    learn(job, ranSeconds) {
      for (const group of job.likeness) {
        const seen = groups.get(group);
        if (seen === undefined) groups.set(group, [ranSeconds]);
        else if (seen.push(ranSeconds) > remembered) seen.shift();
      }
    },
  };
}
