/** Expects the mean of what the tenant's last two jobs ran for: the simplest prediction that is known to do better than users do. Source: Tsafrir et al., IEEE TPDS 2007. */
import type { RunTimePredictor } from './predictor.ts';

/** Of a tenant's first job, in seconds. */
const UNKNOWN_SECONDS = 3_600;

export function createLastTwoPredictor(): RunTimePredictor {
  const last = new Map<string, readonly number[]>();
  return {
    expect(job, knownSeconds) {
      const seen = last.get(job.tenant) ?? [UNKNOWN_SECONDS];
      return Math.max(seen.reduce((sum, seconds) => sum + seconds, 0) / seen.length, 2 * knownSeconds);
    },
    learn(job, ranSeconds) {
      last.set(job.tenant, [...(last.get(job.tenant) ?? []).slice(-1), ranSeconds]);
    },
  };
}

/** What EASY usually goes by: the bounds that users give, else the mean of the tenant's last two jobs. */
export function usualEstimates(): RunTimePredictor {
  const lastTwo = createLastTwoPredictor();
  return { expect: (job, knownSeconds) => job.estimateSeconds ?? lastTwo.expect(job, knownSeconds), learn: lastTwo.learn };
}
