/**
 * Expects the median of what jobs like it ran for, followed by steps of stochastic quantile regression on the logarithm: no memory but one number a group, and
 * a few very long ones do not move it. Source: Koenker and Bassett, Regression Quantiles, Econometrica 1978 (the pinball loss and its subgradient).
 */
import type { RunTimePredictor } from './predictor.ts';

const UNKNOWN_SECONDS = 3_600;
/** The first steps are long, and become short as more was seen. */
const LEAST_STEP = 0.05;

export function createQuantilePredictor(quantile = 0.5): RunTimePredictor {
  const groups = new Map<string, { value: number; seen: number }>();
  return {
    expect(job, knownSeconds) {
      let expected = UNKNOWN_SECONDS;
      for (const group of job.likeness) {
        const known = groups.get(group);
        if (known !== undefined && known.seen >= 2) expected = Math.exp(known.value);
        else if (known !== undefined) expected = Math.sqrt(expected * Math.exp(known.value));
      }
      return Math.max(expected, 2 * knownSeconds);
    },
    learn(job, ranSeconds) {
      const value = Math.log(Math.max(1, ranSeconds));
      for (const group of job.likeness) {
        const known = groups.get(group);
        if (known === undefined) {
          groups.set(group, { value, seen: 1 });
          continue;
        }
        known.seen++;
        const step = Math.max(LEAST_STEP, 1 / known.seen) * Math.max(0.1, Math.abs(value - known.value));
        known.value += value > known.value ? 2 * quantile * step : -2 * (1 - quantile) * step;
      }
    },
  };
}
